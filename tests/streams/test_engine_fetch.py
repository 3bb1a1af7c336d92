"""What the engine hands on of what aiokafka fetched: from positions that went back, and poison."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult, OffsetResetStrategy, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from streams.engine.transport import BatchThread
from streams.errors import Halt
from streams.fetched import Fetched

TP = TopicPartition("customer.purchase.v1", 3)
_MAGIC, _READ_COMMITTED = 2, 1
_CRC_AT, _CRC_FROM = 17, 21


class Rig:
    """The engine's consumer thread over aiokafka's own bookkeeping, and batches as brokers send."""

    def __init__(self) -> None:
        self.subscription = SubscriptionState()
        self.subscription.assign_from_user([TP])
        self.assignment = self.subscription.subscription.assignment
        self.state = self.assignment.state_value(TP)
        self.state.seek(0)
        self.fetcher = SimpleNamespace(_records={})
        self.thread = object.__new__(BatchThread)
        self.thread.reached = {}
        self.thread._fetch_records = self.fetch_records  # type: ignore[method-assign,assignment]
        self.thread._consumer = SimpleNamespace(
            _max_poll_records=1000, _subscription=self.subscription, _fetcher=self.fetcher
        )

    async def fetch_records(self, *_: object, max_records: int, **__: object) -> dict[Any, Any]:
        found = self.fetcher._records[TP].getall(max_records)
        del self.fetcher._records[TP]
        return {TP: found}

    async def fetch(
        self, first: int, count: int, headers: list[tuple[str, bytes]], *, damage: bytes = b""
    ) -> list[Fetched]:
        builder = DefaultRecordBatchBuilder(_MAGIC, 0, 0, -1, -1, 0, 1 << 20)
        for number in range(count):
            builder.append(number, 1_700_000_000_000, b"k", b"v", headers if number else [])
        batch = bytearray(builder.build())
        batch[:8] = struct.pack(">q", first)  # as the broker does
        if damage:
            at = batch.index(damage)
            batch[at : at + len(damage)] = b"\xff" * len(damage)
            batch[_CRC_AT:_CRC_FROM] = struct.pack(">I", calc_crc32c(bytes(batch[_CRC_FROM:])))
        records = PartitionRecords(
            TP, MemoryRecords(bytes(batch)), [], first, None, None, True, _READ_COMMITTED
        )
        self.fetcher._records[TP] = FetchResult(
            TP, assignment=self.assignment, partition_records=records, backoff=0
        )
        _, batches = await self.thread.fetch({TP})
        return batches


async def test_a_source_that_begins_anew_under_a_reader_is_read_anew() -> None:
    rig = Rig()
    assert [(b.before, b.after) for b in await rig.fetch(0, 500, [])] == [(-1, 500)]
    # As aiokafka does where the broker says that the offset is out of range.
    rig.state.await_reset(OffsetResetStrategy.EARLIEST)
    rig.state.reset_to(0)
    assert [(b.before, b.after) for b in await rig.fetch(0, 200, [])] == [(500, 200)]
    assert [(b.before, b.after) for b in await rig.fetch(200, 5, [])] == [(200, 205)]


async def test_a_record_that_nobody_can_read_is_named() -> None:
    rig = Rig()
    with pytest.raises(Halt, match=r"^offset 1 of customer\.purchase\.v1, partition 3, has "):
        await rig.fetch(0, 3, [("name", b"value")], damage=b"name")

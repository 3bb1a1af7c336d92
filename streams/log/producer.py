"""Confirmed delivery in order, without transactions: how ingress, the ticker and publishers write.

A producer is idempotent (the broker drops its own retries) and confirms everything before it
returns. After the first failure it is dropped with all that it had under way, and the next delivery
starts a new one with a new producer id: nothing later can overtake what failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.log.kafka_client import FAILED, Connections, meaning, send
from streams.log.memory import MemoryLog
from streams.log.port import BATCH_BYTES_MAX, Append, Entry

_DELIVERY_S_MAX = 30.0
_REQUEST_S_MAX = 10.0  # then a connection that is open at one end only is given up for another


class Producer(Protocol):
    """Appends that are confirmed one by one; no transaction around them."""

    async def deliver(self, appends: Sequence[Append]) -> None:
        """Append each partition's entries in order; return when all are confirmed.

        `appends` names a partition at most once.

        Raises:
            Rejected: the log refuses an entry for ever (too large).
            Unavailable: some of it may have been appended; delivering it again may repeat it.
        """
        ...

    async def close(self) -> None:
        """Give the connection back; never raises, never waits longer than a bounded time."""
        ...


class KafkaProducer:
    """Delivery to Kafka: one request a round holds a batch for every partition."""

    def __init__(self, bootstrap: str, *, client: Mapping[str, Any] | None = None) -> None:
        self._options = {
            **(client or {}),
            "bootstrap_servers": bootstrap,
            "enable_idempotence": True,
            "acks": "all",
            "linger_ms": 0,
            "max_batch_size": BATCH_BYTES_MAX,
            "request_timeout_ms": int(_REQUEST_S_MAX * 1_000),
        }
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._connections = Connections()

    async def deliver(self, appends: Sequence[Append]) -> None:
        """See `Producer.deliver`."""
        producer = None
        try:
            async with asyncio.timeout(_DELIVERY_S_MAX):
                producer = await self._started()
                await _deliver(producer, appends)
        except BaseException as error:
            # Cancelled or failed: what is under way must not be followed by what comes next.
            if producer is not None:
                _give_up(producer)  # also where another delivery has: ours may have come after it
                self._connections.drop(producer)
                if producer is self._producer:
                    self._producer = None
            if isinstance(error, FAILED):
                topics = ", ".join(sorted({append.topic for append in appends}))
                raise meaning(f"Delivery to {topics}", error) from error
            raise

    async def close(self) -> None:
        """See `Producer.close`."""
        self._producer = None
        await self._connections.close()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._connections.add(AIOKafkaProducer(**self._options))
                try:
                    await producer.start()
                except BaseException:
                    self._connections.drop(producer)
                    raise
                self._producer = producer
            return self._producer


class MemoryProducer:
    """Delivery to the in-memory log: confirmed at once."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def deliver(self, appends: Sequence[Append]) -> None:
        """See `Producer.deliver`."""
        for append in appends:
            self._log.append(append)

    async def close(self) -> None:
        """Nothing to give back."""


def _give_up(producer: AIOKafkaProducer) -> None:
    """Fail what is under way: others wait for it too, and nothing of it is sent any more."""
    accumulator = producer._message_accumulator  # noqa: SLF001
    waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
    under_way = [*waiting, *accumulator._pending_batches]  # noqa: SLF001
    accumulator.fail_all(KafkaError("the producer was dropped"))
    for batch in under_way:
        # Perhaps nobody waits for these any more: looked at, lest asyncio complain.
        batch.future.exception()
        batch._drain_waiter.exception()  # noqa: SLF001


async def _deliver(producer: AIOKafkaProducer, appends: Sequence[Append]) -> None:
    """Send in rounds of one batch a partition: a failed batch is never followed by a later one."""
    rest = [append for append in appends if append.entries]
    while rest:
        sent, later = [], []
        for append in rest:
            batch, taken = _filled(producer, append.entries)
            sent.append(await send(producer, batch, append.topic, append.partition))
            if taken < len(append.entries):
                later.append(append._replace(entries=append.entries[taken:]))
        await asyncio.gather(*sent)
        rest = later


def _filled(producer: AIOKafkaProducer, entries: Sequence[Entry]) -> tuple[Any, int]:
    """Return a batch of as many entries as fit, and their number (at least one)."""
    batch = producer.create_batch()
    append = batch.append
    for taken, (key, value, headers) in enumerate(entries):
        if append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            assert taken > 0, "an empty batch takes a record of any size"
            return batch, taken
    return batch, len(entries)

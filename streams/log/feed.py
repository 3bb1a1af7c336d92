"""A feed: everything that a few topics hold or receive, read-committed, without a consumer group.

For people and their tools (`watch`, the demo, audits): whoever reads it changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.log.kafka_client import FAILED, meaning
from streams.log.memory import MemoryLog
from streams.log.port import Record

_ANSWER_S_MAX = 15.0
_POLL_MS = 100
_RECORDS_MAX = 5_000


class Item(NamedTuple):
    """A record and where it stands."""

    topic: str
    partition: int
    record: Record


class Feed(Protocol):
    """Records of several topics; in order within each partition."""

    async def take(self) -> list[Item]:
        """Return what came since the last call; wait a tenth of a second where nothing did.

        Raises:
            Unavailable: the brokers do not answer.
        """
        ...

    async def has_reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Tell whether all records before `ends` (by topic and partition) were taken."""
        ...


class KafkaFeed:
    """Reads from Kafka; made by `kafka_feed`."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def take(self) -> list[Item]:
        """See `Feed.take`."""
        try:
            found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS_MAX)
        except FAILED as error:
            raise meaning("Reading on", error) from error
        return [
            Item(place.topic, place.partition, _record(each))
            for place, records in found.items()
            for each in records
        ]

    async def has_reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """See `Feed.has_reached`."""
        for place, end in ends.items():
            if await self._consumer.position(TopicPartition(*place)) < end:
                return False
        return True


@asynccontextmanager
async def kafka_feed(
    bootstrap: str,
    topics: Sequence[str],
    *,
    from_start: bool,
    client: Mapping[str, Any] | None = None,
) -> AsyncIterator[KafkaFeed]:
    """Open a feed of all partitions of `topics`: of all that they hold, or only of what comes.

    Raises:
        Unavailable: the brokers do not answer, or a topic does not exist.
    """
    consumer = AIOKafkaConsumer(
        **{**(client or {}), "bootstrap_servers": bootstrap},
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(_ANSWER_S_MAX):
            await consumer.start()
            places = [
                TopicPartition(topic, number)
                for topic in topics
                for number in await consumer._client._wait_on_metadata(topic)  # noqa: SLF001
            ]
            consumer.assign(places)
            await (consumer.seek_to_beginning() if from_start else consumer.seek_to_end())
        yield KafkaFeed(consumer)
    except FAILED as error:
        raise meaning(f"Reading {', '.join(topics)}", error) from error
    finally:
        with suppress(*FAILED):
            async with asyncio.timeout(_ANSWER_S_MAX):
                await consumer.stop()


class MemoryFeed:
    """Reads from the in-memory log, from its start."""

    def __init__(self, log: MemoryLog, topics: Sequence[str], partitions: int) -> None:
        self._log = log
        self._next = {(topic, number): 0 for topic in topics for number in range(partitions)}

    async def take(self) -> list[Item]:
        """See `Feed.take`."""
        items = []
        for (topic, number), start in self._next.items():
            _, end = await self._log.bounds(topic, number)
            async for records, position in self._log.read(topic, number, start, end):
                items += [Item(topic, number, record) for record in records]
                self._next[topic, number] = position
        if not items:
            await asyncio.sleep(_POLL_MS / 1_000)
        return items

    async def has_reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """See `Feed.has_reached`."""
        return all(self._next[place] >= end for place, end in ends.items())


def _record(each: Any) -> Record:  # noqa: ANN401 - the library has no types
    return Record(each.offset, each.timestamp // 1_000, each.key, each.value, tuple(each.headers))

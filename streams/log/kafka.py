"""The log on Apache Kafka, by aiokafka: a transactional writer a partition, short-lived readers.

A commit is confirmed before its markers are in the partitions: bounds may lag behind it for some
milliseconds. What a writer committed is certainly within bounds once its successor is fenced.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer import sender

from streams.log.kafka_client import (
    ANSWER_MS_MAX,
    FAILED,
    READ_COMMITTED,
    READ_UNCOMMITTED,
    Connections,
    meaning,
)
from streams.log.kafka_writer import KafkaWriter
from streams.log.port import BATCH_BYTES_MAX, Bounds, Place, Record
from streams.log.positions import KafkaPositions

_FETCH_BYTES = 4 << 20
_FETCH_WAIT_MS = 50
_POLL_MS = 20  # a read that ends with a marker learns only by polling that its position moved
_RETRY_MS = 20
_MARKERS_WAIT_S = 0.002
_MARKERS_PAUSES_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds."""

    start_s: float = 30.0  # a producer or a consumer connects; a predecessor's transaction ends
    transact_s: float = 10.0
    expire_s: float = 20.0  # the broker aborts a transaction that its dead writer left open
    read_s: float = 10.0  # offsets are found; a read makes progress

    def __post_init__(self) -> None:
        if self.expire_s < self.transact_s:
            raise ValueError("the broker would end transactions that their writer still waits for")


@dataclass(slots=True)
class _Shared:
    """A consumer, and how many questions it is being asked."""

    consumer: AIOKafkaConsumer
    asking: int = 0


class KafkaLog:
    """The log on the cluster at `bootstrap`.

    `client` holds aiokafka's options for producers and consumers alike, as for TLS or SASL.
    Create it in the event loop that will use it.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client: Mapping[str, Any] | None = None,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        # A transaction that begins while the markers of the one before are being written has to
        # ask again. aiokafka waits 20 ms for that, longer than a whole small transaction takes.
        sender.BACKOFF_OVERRIDE = _MARKERS_WAIT_S
        self._client = {
            **(client or {}),
            "bootstrap_servers": bootstrap,
            "request_timeout_ms": ANSWER_MS_MAX,
            "retry_backoff_ms": _RETRY_MS,
        }
        self._timeouts = timeouts
        self._connections = Connections()
        self._positions = KafkaPositions(bootstrap, client=self._client)
        self._offsets: dict[str, _Shared] = {}  # by what they may read
        self._starting_offsets = asyncio.Lock()

    async def fence(self, transactional_id: str, places: Sequence[Place] = ()) -> KafkaWriter:
        """Start a writer; the predecessor's open transaction is ended and it is fenced."""
        producer = AIOKafkaProducer(
            **self._client,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(self._timeouts.expire_s * 1000),
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
        )
        writer = KafkaWriter(
            self._connections.add(producer),
            transactional_id,
            self._timeouts.transact_s,
            self._connections,
            places,
        )
        try:
            async with asyncio.timeout(self._timeouts.start_s):
                await producer.start()
        except BaseException as error:
            await writer.close()
            if isinstance(error, FAILED):
                raise meaning(f"Starting the writer {transactional_id}", error) from error
            raise
        return writer

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return what the partition holds, as a reader of committed records sees it."""
        place = TopicPartition(topic, partition)
        try:
            async with (
                asyncio.timeout(self._timeouts.read_s),
                self._asking(READ_COMMITTED) as consumer,
            ):
                starts, ends = await asyncio.gather(
                    consumer.beginning_offsets([place]), consumer.end_offsets([place])
                )
        except FAILED as error:
            raise meaning(
                f"Asking for the bounds of {topic}, partition {partition}", error
            ) from error
        return Bounds(starts[place], ends[place])

    async def is_open(self, places: Sequence[Place]) -> bool:
        """Tell whether one of the places holds something that cannot be read yet.

        Markers of what is committed just now are waited for.
        """
        for pause_s in _MARKERS_PAUSES_S:
            readable, ends = await self._ends(places)
            if readable == ends:
                return False
            await asyncio.sleep(pause_s)
        return True

    async def standing_open(self, place: Place) -> Sequence[Record]:
        """Return the first records of a place that cannot be read yet, or were aborted since."""
        readable, ends = await self._ends([place])
        (start,), (end,) = readable.values(), ends.values()
        async for records, _ in self._read(place, start, end, 1_000, READ_UNCOMMITTED):
            if records:
                return records
        return []

    async def _ends(
        self, places: Sequence[Place]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return to where places can be read, and to where something is written."""
        asked = [TopicPartition(*place) for place in places]
        try:
            async with (
                asyncio.timeout(self._timeouts.read_s),
                self._asking(READ_COMMITTED) as committed,
                self._asking(READ_UNCOMMITTED) as written,
            ):
                readable, ends = await asyncio.gather(
                    committed.end_offsets(asked), written.end_offsets(asked)
                )
        except FAILED as error:
            raise meaning("Asking whether transactions stand open", error) from error
        return readable, ends

    async def identity(self, topic: str) -> str:
        """Return what tells a topic from a later one of the same name: the id that brokers drew."""
        return await self._positions.identity(topic)

    async def read(
        self, topic: str, partition: int, start: int, end: int, chunk_max: int = 1_000
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield (records, position after them) from `start` until the position reaches `end`."""
        reading = self._read(Place(topic, partition), start, end, chunk_max, READ_COMMITTED)
        async for found in reading:
            yield found

    async def _read(
        self, where: Place, start: int, end: int, chunk_max: int, isolation: str
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        if start >= end:
            return
        place = TopicPartition(*where)
        consumer = self._new_consumer(isolation)
        try:
            async with asyncio.timeout(self._timeouts.start_s):
                await consumer.start()
            consumer.assign([place])
            consumer.seek(place, start)
            position = start
            while position < end:
                async with asyncio.timeout(self._timeouts.read_s):
                    records, position = await _next_chunk(consumer, place, position, chunk_max)
                if position > end:
                    records, position = [r for r in records if r.offset < end], end
                yield (
                    [
                        Record(r.offset, r.timestamp // 1000, r.key, r.value, r.headers)
                        for r in records
                    ],
                    position,
                )
        except FAILED as error:
            raise meaning(f"Reading {where.topic}, partition {where.partition}", error) from error
        finally:
            self._connections.drop(consumer)

    async def close(self) -> None:
        """Give all connections back, writers' too; waits a bounded time."""
        self._offsets.clear()
        await self._positions.close()
        await self._connections.close()

    def _new_consumer(self, isolation: str) -> AIOKafkaConsumer:
        return self._connections.add(
            AIOKafkaConsumer(
                **self._client,
                isolation_level=isolation,
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                max_partition_fetch_bytes=_FETCH_BYTES,
            )
        )

    @asynccontextmanager
    async def _asking(self, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
        """Lend the consumer that all questions for such offsets share; a failed one gives it up.

        Who asks it meanwhile goes on: once it is stopped, it would leave them without an answer.
        """
        shared = await self._offsets_consumer(isolation)
        shared.asking += 1
        try:
            yield shared.consumer
        except BaseException:
            if self._offsets.get(isolation) is shared:
                del self._offsets[isolation]
            raise
        finally:
            shared.asking -= 1
            if not shared.asking and self._offsets.get(isolation) is not shared:
                self._connections.drop(shared.consumer)

    async def _offsets_consumer(self, isolation: str) -> _Shared:
        async with self._starting_offsets:
            shared = self._offsets.get(isolation)
            if shared is None:
                consumer = self._new_consumer(isolation)
                try:
                    await consumer.start()
                except BaseException:
                    self._connections.drop(consumer)
                    raise
                shared = self._offsets[isolation] = _Shared(consumer)
            return shared


async def _next_chunk(
    consumer: AIOKafkaConsumer, place: TopicPartition, position: int, chunk_max: int
) -> tuple[Sequence[Any], int]:
    """Wait until the consumer's position moves; return what it passed, and the new position."""
    while True:
        found = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=chunk_max)
        moved_to: int = await consumer.position(place)
        if moved_to > position:
            return found.get(place, ()), moved_to

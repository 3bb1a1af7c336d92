"""The log on Apache Kafka, by aiokafka: a transactional producer a partition, short-lived readers.

Three rules of this file come from how aiokafka 0.14 behaves:

* It commits a transaction even if a send in it failed. So every send is awaited before the commit.
* After an error its producer can hang, or number its next batches wrongly. So a writer is spent at
  the first error, and the caller fences a new one.
* Stopping may wait for a broker that is gone. So closing goes on in the background, bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)

from streams.errors import Fenced, Rejected, StreamError, Unavailable
from streams.log.port import BATCH_BYTES_MAX, Append, Bounds, Entry, Record

_FETCH_BYTES = 4 << 20
_FETCH_WAIT_MS = 50
_POLL_MS = 20  # a read that ends with a marker learns only by polling that its position moved
_RETRY_MS = 20
_STOP_S = 5.0

_Client = TypeVar("_Client", AIOKafkaProducer, AIOKafkaConsumer)

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_FENCED = (ProducerFenced, InvalidProducerEpoch)
_FAILED = (KafkaError, OSError, TimeoutError, AssertionError)
"""What aiokafka raises. A producer in a state that forbids the call fails an assertion."""


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


class KafkaLog:
    """The log on the cluster at `bootstrap`; `client` holds aiokafka's options, as for TLS or SASL.

    Create it inside the event loop that will use it.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client: Mapping[str, Any] | None = None,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self._client = {
            "bootstrap_servers": bootstrap,
            "request_timeout_ms": 5_000,
            "retry_backoff_ms": _RETRY_MS,
            **(client or {}),
        }
        self._timeouts = timeouts
        self._connections = _Connections()
        self._offsets: AIOKafkaConsumer | None = None
        self._starting_offsets = asyncio.Lock()

    async def fence(self, transactional_id: str) -> KafkaWriter:
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
        )
        try:
            async with asyncio.timeout(self._timeouts.start_s):
                await producer.start()
        except BaseException as error:
            await writer.close()
            if isinstance(error, _FAILED):
                raise _meaning(f"Starting the writer {transactional_id}", error) from error
            raise
        return writer

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return what the partition holds, as a reader of committed records sees it."""
        place = TopicPartition(topic, partition)
        try:
            async with asyncio.timeout(self._timeouts.read_s):
                consumer = await self._offsets_consumer()
                starts, ends = await asyncio.gather(
                    consumer.beginning_offsets([place]), consumer.end_offsets([place])
                )
        except _FAILED as error:
            self._drop_offsets_consumer()
            raise _meaning(
                f"Asking for the bounds of {topic}, partition {partition}", error
            ) from error
        return Bounds(starts[place], ends[place])

    async def read(
        self, topic: str, partition: int, start: int, end: int, chunk_max: int = 1_000
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield (records, position after them) from `start` until the position reaches `end`."""
        if start >= end:
            return
        place = TopicPartition(topic, partition)
        consumer = self._new_consumer()
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
        except _FAILED as error:
            raise _meaning(f"Reading {topic}, partition {partition}", error) from error
        finally:
            self._connections.drop(consumer)

    async def close(self) -> None:
        """Give all connections back, writers' too; waits a bounded time."""
        self._offsets = None
        await self._connections.close()

    def _new_consumer(self) -> AIOKafkaConsumer:
        return self._connections.add(
            AIOKafkaConsumer(
                **self._client,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                max_partition_fetch_bytes=_FETCH_BYTES,
            )
        )

    async def _offsets_consumer(self) -> AIOKafkaConsumer:
        """Return the consumer that all questions for offsets share."""
        async with self._starting_offsets:
            if self._offsets is None:
                self._offsets = consumer = self._new_consumer()
                await consumer.start()
            return self._offsets

    def _drop_offsets_consumer(self) -> None:
        if self._offsets is not None:
            self._connections.drop(self._offsets)
            self._offsets = None


class KafkaWriter:
    """A fenced transactional producer, good until its first error."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        transactional_id: str,
        timeout_s: float,
        connections: _Connections,
    ) -> None:
        self._producer = producer
        self._name = transactional_id
        self._timeout_s = timeout_s
        self._connections = connections
        self._spent: type[StreamError] | None = None

    async def transact(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Append all or nothing; return the last offset of each append that has entries."""
        if self._spent is not None:
            raise self._spent(f"The writer {self._name} is spent; fence a new one.")
        self._spent = Unavailable  # until we know better; also while a transaction is under way
        try:
            async with asyncio.timeout(self._timeout_s):
                offsets = await self._transact(appends)
        except _FAILED as error:
            failure = _meaning(f"A transaction of {self._name}", error)
            if isinstance(failure, Fenced):
                self._spent = Fenced
            raise failure from error
        self._spent = None
        return offsets

    async def close(self) -> None:
        """Give the connection back, in the background."""
        self._spent = self._spent or Unavailable
        self._connections.drop(self._producer)

    async def _transact(self, appends: Sequence[Append]) -> tuple[int, ...]:
        producer = self._producer
        await producer.begin_transaction()
        # A fatal error is also kept here, where nobody would look for it.
        outcome = producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
        outcome.add_done_callback(_retrieve)
        try:
            offsets = await self._send(appends)
        except _TOO_LARGE:
            await producer.abort_transaction()
            raise
        await producer.commit_transaction()
        return offsets

    async def _send(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Send everything, wait until the brokers have it, and return each append's last offset."""
        sent: list[asyncio.Future[Any]] = []
        lasts: list[tuple[int, int]] = []  # per append: index of its last batch, records in that
        for topic, partition, entries in appends:
            records = 0
            for batch in self._batches(entries):
                records = batch.record_count()
                future = await self._producer.send_batch(batch, topic, partition=partition)
                future.add_done_callback(_retrieve)
                sent.append(future)
            if records:
                lasts.append((len(sent) - 1, records))
        batches = await asyncio.gather(*sent)
        if any(batch.offset < 0 for batch in batches):
            # A batch repeated after a lost reply was recognised, but its offset is not remembered.
            raise KafkaError("the broker could not tell the offset of a batch")
        return tuple(batches[index].offset + records - 1 for index, records in lasts)

    def _batches(self, entries: Sequence[Entry]) -> Iterator[Any]:
        """Yield batches of at most BATCH_BYTES_MAX; a larger entry is a batch of its own."""
        if not entries:
            return
        batch = self._producer.create_batch()
        for key, value, headers in entries:
            record = {"timestamp": None, "key": key, "value": value, "headers": list(headers)}
            if batch.append(**record) is None:
                yield batch
                batch = self._producer.create_batch()
                batch.append(**record)
        yield batch


class _Connections:
    """Producers and consumers that are open or closing, so that none is left behind."""

    def __init__(self) -> None:
        self._open: set[AIOKafkaProducer | AIOKafkaConsumer] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, client: _Client) -> _Client:
        self._open.add(client)
        return client

    def drop(self, client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
        """Stop a client in the background; nothing happens where that was asked for before."""
        if client in self._open:
            self._open.discard(client)
            task = asyncio.create_task(_stop(client))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for client in tuple(self._open):
            self.drop(client)
        await asyncio.gather(*self._closing)


async def _next_chunk(
    consumer: AIOKafkaConsumer, place: TopicPartition, position: int, chunk_max: int
) -> tuple[Sequence[Any], int]:
    """Wait until the consumer's position moves; return what it passed, and the new position."""
    while True:
        found = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=chunk_max)
        moved_to: int = await consumer.position(place)
        if moved_to > position:
            return found.get(place, ()), moved_to


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop in good order; where a producer takes too long, end its task and cut the connection."""
    try:
        async with asyncio.timeout(_STOP_S):
            await client.stop()
    except _FAILED:
        if isinstance(client, AIOKafkaProducer):
            # There is no public way, and a task left behind would go on sending.
            if (sender := client._sender.sender_task) is not None:  # noqa: SLF001
                sender.cancel()
            await client.client.close()


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Look at the outcome of a send that nobody waits for any more, lest asyncio complain."""
    if not future.cancelled():
        future.exception()


def _meaning(doing: str, error: BaseException) -> StreamError:
    """Return what an error of aiokafka means to the protocol."""
    if isinstance(error, _FENCED):
        return Fenced(f"{doing} was refused: a newer writer with this id exists.")
    if isinstance(error, _TOO_LARGE):
        return Rejected(
            f"{doing} was refused: a record is larger than the topic's max.message.bytes."
        )
    if isinstance(error, TimeoutError):
        return Unavailable(
            f"{doing} took too long. Is Kafka running, and does the topic exist? "
            "`tierstream doctor` looks at both."
        )
    if isinstance(error, KafkaConnectionError):
        return Unavailable(
            f"{doing} failed: no broker can be reached ({error}). Is Kafka running? "
            "TIERSTREAM_KAFKA_BOOTSTRAP says where it is expected."
        )
    return Unavailable(f"{doing} failed: {error!r}")

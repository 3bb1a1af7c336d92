"""Transactions on Kafka.

Three rules come from how aiokafka 0.14 behaves:

* It commits a transaction even if a send in it failed. So every send is awaited before the commit.
* After an error its producer can hang, or number its next batches wrongly. So a writer is spent at
  the first error, and the caller fences a new one.
* Stopping may wait for a broker that is gone. So closing goes on in the background, bounded.

And one from how Kafka behaves (seen with 4.3.1, one kill of a lone broker in twenty): a coordinator
that recovers from a crash may find no leader yet for the partitions of a commit that it promised.
It takes them for deleted, skips their markers and calls the transaction complete; KAFKA-5202
decided so. Some may have been written before the crash. What was committed then stands open in some
places or in all, and nobody reads on there, until a marker of the same producer comes along: a
commit makes it visible, an abort throws it away, whatever that marker belongs to. So an owner looks
whether readers see what it committed before it sends more (`partition`), and a new owner finds out
how what stands open was decided (`forgotten`); `end_open` then writes the markers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.errors import Fenced, StreamError, Unavailable
from streams.log.kafka_client import FAILED, TOO_LARGE, Connections, meaning, retrieve, send
from streams.log.port import Append, Entry, Place, misplaced

_NO_HEADERS: list[tuple[str, bytes]] = []  # aiokafka insists on a list, and leaves it as it is


class KafkaWriter:
    """A fenced transactional producer, good until its first error. `KafkaLog.fence` makes them."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        transactional_id: str,
        timeout_s: float,
        connections: Connections,
        places: Sequence[Place] = (),
    ) -> None:
        self._producer = producer
        self._name = transactional_id
        self._timeout_s = timeout_s
        self._connections = connections
        self._places = places
        self._spent: type[StreamError] | None = None

    async def transact(
        self, appends: Sequence[Append], *, first: int | None = None
    ) -> tuple[int, ...]:
        """Append all or nothing; return the last offset of each append that has entries."""
        async with self._sure():
            offsets = await self._begun(appends, first)
            await self._end(committed=True)
            return offsets

    @asynccontextmanager
    async def _sure(self) -> AsyncIterator[None]:
        """Spend the writer unless the block succeeds, in time."""
        if self._spent is not None:
            raise self._spent(f"The writer {self._name} is spent; fence a new one.")
        self._spent = Unavailable  # until we know better; also while a transaction is under way
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except FAILED as error:
            failure = meaning(f"A transaction of {self._name}", error)
            if isinstance(failure, Fenced):
                self._spent = Fenced
            raise failure from error
        self._spent = None

    async def end_open(
        self, appends: Sequence[Append] = (), *, first: int | None = None, committed: bool
    ) -> None:
        """End whatever stands open in any place of this writer; no transaction is under way."""
        async with self._sure():
            await self._begun(appends, first)
            for place in self._places:
                self._producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(*place))  # noqa: SLF001
            await self._end(committed=committed)

    async def close(self) -> None:
        """Give the connection back, in the background."""
        self._spent = self._spent or Unavailable
        self._connections.drop(self._producer)

    async def _begun(self, appends: Sequence[Append], first: int | None) -> tuple[int, ...]:
        """Begin a transaction with some appends, if they come where they are to."""
        producer = self._producer
        await producer.begin_transaction()
        # A fatal error is also kept here, where nobody would look for it.
        outcome = producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
        outcome.add_done_callback(retrieve)
        try:
            began, offsets = await self._send(appends)
        except TOO_LARGE:
            await self._end(committed=False)
            raise
        if first is not None and began != first:
            await self._end(committed=False)
            raise misplaced(self._name, began, first)
        return offsets

    async def _end(self, *, committed: bool) -> None:
        if committed:
            await self._producer.commit_transaction()
        else:
            await self._producer.abort_transaction()

    async def _send(self, appends: Sequence[Append]) -> tuple[int, tuple[int, ...]]:
        """Send everything, and wait until the brokers have it.

        Return the first append's first offset, and each append's last.
        """
        sent: list[asyncio.Future[Any]] = []
        lasts: list[tuple[int, int]] = []  # per append: index of its last batch, records in that
        for topic, partition, entries in appends:
            records = 0
            for batch in self._batches(entries):
                records = batch.record_count()
                sent.append(await send(self._producer, batch, topic, partition))
            if records:
                lasts.append((len(sent) - 1, records))
        batches = await asyncio.gather(*sent)
        if any(batch.offset < 0 for batch in batches):
            # A batch repeated after a lost reply was recognised, but its offset is not remembered.
            raise KafkaError("the broker could not tell the offset of a batch")
        last = tuple(batches[index].offset + records - 1 for index, records in lasts)
        return batches[0].offset if batches else 0, last

    def _batches(self, entries: Sequence[Entry]) -> Iterator[BatchBuilder]:
        """Yield batches of at most BATCH_BYTES_MAX; a larger entry is a batch of its own."""
        if not entries:
            return
        batch = self._producer.create_batch()
        for entry in entries:
            if not _append(batch, entry):
                yield batch
                batch = self._producer.create_batch()
                _append(batch, entry)
        yield batch


def _append(batch: BatchBuilder, entry: Entry) -> bool:
    """Add an entry to aiokafka's batch; False where it is full. An empty one takes any size."""
    key, value, headers = entry
    done = batch.append(
        timestamp=None, key=key, value=value, headers=list(headers) if headers else _NO_HEADERS
    )
    return done is not None

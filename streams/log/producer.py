"""Confirmed delivery in order, without transactions: how ingress, the ticker and publishers write.

A producer is idempotent (the broker drops its own retries) and confirms everything before it
returns. After the first failure it is dropped with all that it had under way, and the next delivery
starts a new one with a new producer id: nothing later can overtake what failed.

Deliveries wait in a line of ours for each partition of a topic, and one batch of a line is under
way at a time. aiokafka would queue them too, but bounds each delivery's whole wait there, so that
under a link slower than the load they time out one another; and it forgets who waits for what it
has to look up (the partitions of a topic) when a producer ends. So deliveries that wait together
travel together, each batch has its own time, and whoever waits learns at once of a failure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.log.kafka_client import ANSWER_MS_MAX, FAILED, Connections, meaning, send
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry, Place

_START_S_MAX = 30.0
_BATCH_S_MAX = 30.0
_BATCH_BYTES = 32_768
"""What a batch holds, unless one record is larger. A request has one for every line, and has to
pass a slow link within its time, beside what others send: four lines at 1 Mbit/s take a second."""


class Producer(Protocol):
    """Appends that are confirmed one by one; no transaction around them."""

    async def deliver(self, appends: Sequence[Append]) -> None:
        """Append each partition's entries in order; return when all are confirmed.

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
            "max_batch_size": _BATCH_BYTES,
            "request_timeout_ms": ANSWER_MS_MAX,
        }
        self._session: _Session | None = None
        self._starting = asyncio.Lock()
        self._connections = Connections()

    async def deliver(self, appends: Sequence[Append]) -> None:
        """See `Producer.deliver`."""
        try:
            async with asyncio.timeout(_START_S_MAX):
                session = await self._started()
            await session.deliver(appends)
        except FAILED as error:
            topics = ", ".join(sorted({append.topic for append in appends}))
            raise meaning(f"Delivery to {topics}", error) from error

    async def close(self) -> None:
        """See `Producer.close`."""
        if self._session is not None:
            self._session.end()
        await self._connections.close()

    async def _started(self) -> _Session:
        async with self._starting:
            if self._session is None or self._session.has_ended:
                client = self._connections.add(AIOKafkaProducer(**self._options))
                try:
                    await client.start()
                except BaseException:
                    self._connections.drop(client)
                    raise
                self._session = _Session(client, self._connections)
            return self._session


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


class _Part:
    """A delivery's entries for one partition. Whoever cancels it takes back what still waits."""

    __slots__ = ("confirmed", "entries", "passed")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.passed = 0  # so many entries are confirmed
        self.confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pass_to(self, passed: int) -> None:
        """Take note that entries are confirmed."""
        self.passed = passed
        if passed == len(self.entries) and not self.confirmed.done():
            self.confirmed.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits, unless that is settled."""
        if not self.confirmed.done():
            self.confirmed.set_exception(error)
            self.confirmed.exception()  # of several parts that fail only one is looked at


_Taken = list[tuple[_Part, int]]  # the parts that are in a batch, and how far it takes each


class _Session:
    """A producer until its first failure, with a line of what waits for each partition."""

    def __init__(self, client: AIOKafkaProducer, connections: Connections) -> None:
        self.has_ended = False
        self._client = client
        self._connections = connections
        self._lines: dict[Place, deque[_Part]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def deliver(self, appends: Sequence[Append]) -> None:
        """Put entries at the end of their lines, and wait until all are confirmed."""
        parts = [
            self._queued(Place(topic, partition), entries)
            for topic, partition, entries in appends
            if entries
        ]
        await asyncio.gather(*(part.confirmed for part in parts))

    def end(self) -> None:
        """Fail whatever waits or is under way, and stop the producer in the background."""
        if self.has_ended:
            return
        self.has_ended = True
        dropped = KafkaError("the producer was dropped")
        for task in self._sending:
            task.cancel()
        for line in self._lines.values():
            for part in line:
                part.fail(dropped)
        _give_up(self._client, dropped)
        self._connections.drop(self._client)

    def _queued(self, place: Place, entries: Sequence[Entry]) -> _Part:
        part = _Part(entries)
        if (line := self._lines.get(place)) is not None:
            line.append(part)
        else:
            self._lines[place] = deque([part])
            sending = asyncio.create_task(self._send(place))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return part

    async def _send(self, place: Place) -> None:
        """Send what is in a line, one batch after the other, until nothing is left."""
        line = self._lines[place]
        taken: _Taken = []
        try:
            while line:
                batch, taken = _filled(self._client, line)
                if taken:
                    async with asyncio.timeout(_BATCH_S_MAX):
                        await (await send(self._client, batch, *place))
                for part, passed in taken:
                    part.pass_to(passed)
                while line and line[0].confirmed.done():
                    line.popleft()
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to who waits
            for part, _ in taken:
                part.fail(error)
        finally:
            if line:
                self.end()  # also where it was aiokafka that cancelled something
            else:
                del self._lines[place]


def _filled(client: AIOKafkaProducer, line: deque[_Part]) -> tuple[BatchBuilder, _Taken]:
    """Return a batch of as much as fits, and what it takes."""
    batch = client.create_batch()
    append = batch.append
    taken: _Taken = []
    for part in line:
        if part.confirmed.done():
            continue  # taken back
        at, end = part.passed, len(part.entries)
        while at < end:
            key, value, headers = part.entries[at]
            if append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                assert taken or at > part.passed, "an empty batch takes a record of any size"
                break
            at += 1
        if at > part.passed:
            taken.append((part, at))
        if at < end:
            break
    return batch, taken


def _give_up(client: AIOKafkaProducer, error: KafkaError) -> None:
    """Fail what is under way: nothing of it is sent any more."""
    accumulator = client._message_accumulator  # noqa: SLF001
    waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
    under_way = [*waiting, *accumulator._pending_batches]  # noqa: SLF001
    accumulator.fail_all(error)
    for batch in under_way:
        # Nobody waits for these any more: looked at, lest asyncio complain.
        batch.future.exception()
        batch._drain_waiter.exception()  # noqa: SLF001

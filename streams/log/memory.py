"""The log in memory: for `--embedded`, for tests, and for the simulation.

Offsets behave as on Kafka, so that nothing learns to rely on their being dense: the marker that
ends a transaction occupies an offset in every partition it wrote to, and so do aborted records.

Topics and partitions come into being when they are first named. All methods but `wait` finish in
one step of the event loop.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from operator import attrgetter

from streams.errors import Fenced, Rejected, StreamError, Unavailable
from streams.log.port import Append, Bounds, Entry, Place, Record, misplaced

ENTRY_BYTES_MAX = 1 << 20  # as Kafka's default for max.message.bytes

_OFFSET = attrgetter("offset")


class _Partition:
    """What one partition holds. `records` are committed ones, by offset."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.start = 0
        self.next_offset = 0
        self.open: set[int] = set()  # first offsets of transactions under way
        self.grown = asyncio.Event()

    @property
    def end(self) -> int:
        """The last stable offset: nothing at or above it can be read yet."""
        return min(self.open, default=self.next_offset)

    def draw(self, entries: Sequence[Entry], timestamp: int) -> list[Record]:
        """Give entries their offsets; they are not in the log yet."""
        first = self.next_offset
        self.next_offset += len(entries)
        return [
            Record(offset, timestamp, entry.key, entry.value, entry.headers)
            for offset, entry in enumerate(entries, first)
        ]

    def add(self, records: list[Record]) -> None:
        """Make drawn records part of the log; others may have been added since they were drawn."""
        in_order = not self.records or self.records[-1].offset < records[0].offset
        self.records += records
        if not in_order:
            self.records.sort(key=_OFFSET)

    def between(self, start: int, end: int) -> list[Record]:
        first = bisect_left(self.records, start, key=_OFFSET)
        return self.records[first : bisect_left(self.records, end, key=_OFFSET)]

    def notify(self) -> None:
        self.grown.set()
        self.grown = asyncio.Event()


class MemoryLog:
    """The log of one process; gone with it. `now` gives append times, in seconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._partitions: defaultdict[tuple[str, int], _Partition] = defaultdict(_Partition)
        self._writers: dict[str, MemoryWriter] = {}

    async def fence(self, transactional_id: str, _places: Sequence[Place] = ()) -> MemoryWriter:
        """Start a writer; the predecessor's open transaction is ended and it is fenced."""
        if predecessor := self._writers.get(transactional_id):
            predecessor.fence()
        writer = MemoryWriter(self, transactional_id)
        self._writers[transactional_id] = writer
        return writer

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return what the partition holds, as a reader of committed records sees it."""
        held = self._partitions[topic, partition]
        return Bounds(held.start, held.end)

    async def is_open(self, places: Sequence[Place]) -> bool:
        """Tell whether one of the places holds something that cannot be read yet."""
        held = (self._partitions[place] for place in places)
        return any(partition.end < partition.next_offset for partition in held)

    async def standing_open(self, place: Place) -> Sequence[Record]:  # noqa: ARG002
        """Nothing stands open for long: this log forgets no markers."""
        return []

    async def identity(self, topic: str) -> str:  # noqa: ARG002  # nobody deletes any
        """Return what tells a topic from a later one of the same name."""
        return "memory"

    async def read(
        self, topic: str, partition: int, start: int, end: int, chunk_max: int = 1_000
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield (records, position after them) from `start` until the position reaches `end`."""
        held = self._partitions[topic, partition]
        if start < held.start or end > held.end:
            raise Unavailable(f"{topic}, partition {partition}, does not hold [{start}, {end})")
        records = held.between(start, end)
        position = start
        for first in range(0, len(records), chunk_max):
            chunk = records[first : first + chunk_max]
            position = chunk[-1].offset + 1
            yield chunk, position
        if position < end:
            yield (), end

    async def wait(self, topic: str, partition: int, after: int) -> int:
        """Wait until the partition's end is above `after`; return the end."""
        held = self._partitions[topic, partition]
        while held.end <= after:
            await held.grown.wait()
        return held.end

    async def close(self) -> None:
        """Nothing to give back."""

    def append(self, append: Append) -> int:
        """Append without a transaction; return the offset of the last entry.

        Raises Rejected, with nothing appended, where an entry is too large.
        """
        if any(_bytes(entry) > ENTRY_BYTES_MAX for entry in append.entries):
            raise _too_large(append)
        held = self._partitions[append.topic, append.partition]
        records = held.draw(append.entries, self._now())
        held.add(records)
        held.notify()
        return records[-1].offset

    def trim(self, topic: str, partition: int, start: int) -> None:
        """Delete what lies below `start`, as retention does."""
        held = self._partitions[topic, partition]
        held.records = held.between(start, held.next_offset)
        held.start = start

    def compact(self, topic: str, partition: int) -> None:
        """Keep each key's newest record, as the log cleaner does. The rest leaves gaps."""
        held = self._partitions[topic, partition]
        newest = {record.key: record for record in held.records}
        held.records = sorted(newest.values(), key=_OFFSET)

    def stage(self, appends: Sequence[Append]) -> list[tuple[_Partition, list[Record]]]:
        """Give a transaction's entries their offsets; readers stop below them until it ends.

        Raises Rejected where an entry is too large; what came before it was aborted.
        """
        staged: list[tuple[_Partition, list[Record]]] = []
        for append in appends:
            if not append.entries:
                continue
            if any(_bytes(entry) > ENTRY_BYTES_MAX for entry in append.entries):
                self.end(staged, commit=False)
                raise _too_large(append)
            held = self._partitions[append.topic, append.partition]
            records = held.draw(append.entries, self._now())
            held.open.add(records[0].offset)
            staged.append((held, records))
        return staged

    def end(self, staged: list[tuple[_Partition, list[Record]]], *, commit: bool) -> None:
        """Commit or abort a staged transaction: write its markers."""
        for held, records in staged:
            held.open.discard(records[0].offset)
            if commit:
                held.add(records)
        for held in {id(held): held for held, _ in staged}.values():
            held.next_offset += 1
            held.notify()


class MemoryWriter:
    """A fenced transactional producer, good until its first error.

    `transact` is `stage` and `commit` in one; the simulation calls them one by one.
    """

    def __init__(self, log: MemoryLog, transactional_id: str) -> None:
        self._log = log
        self._name = transactional_id
        self._spent: type[StreamError] | None = None
        self._staged: list[tuple[_Partition, list[Record]]] = []

    async def transact(
        self, appends: Sequence[Append], *, first: int | None = None
    ) -> tuple[int, ...]:
        """Append all or nothing; return the last offset of each append that has entries."""
        offsets = self.stage(appends)
        began = self._staged[0][1][0].offset if self._staged else first
        if first is not None and began is not None and began != first:
            self.fence()
            self._spent = Unavailable
            raise misplaced(self._name, began, first)
        self.commit()
        return offsets

    def stage(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Open a transaction and send its entries; return what `transact` would."""
        self._check()
        try:
            self._staged = self._log.stage(appends)
        except Rejected:
            self._spent = Unavailable
            raise
        return tuple(records[-1].offset for _, records in self._staged)

    def commit(self) -> None:
        """End the staged transaction: it is visible from here on."""
        self._check()
        self._log.end(self._staged, commit=True)
        self._staged = []

    async def end_open(
        self, appends: Sequence[Append] = (), *, first: int | None = None, committed: bool
    ) -> None:
        """Append: nothing stands open, since this log forgets no markers."""
        if committed:
            await self.transact(appends, first=first)

    async def close(self) -> None:
        """Take no more transactions. One that is open stays open until somebody fences."""
        self._spent = self._spent or Unavailable

    def fence(self) -> None:
        """Abort what is open, and refuse everything from here on."""
        self._log.end(self._staged, commit=False)
        self._staged = []
        self._spent = Fenced

    def _check(self) -> None:
        if self._spent is not None:
            raise self._spent(f"The writer {self._name} is spent; fence a new one.")


def _bytes(entry: Entry) -> int:
    headers = sum(len(name) + len(value) for name, value in entry.headers)
    return len(entry.key or b"") + len(entry.value or b"") + headers


def _too_large(append: Append) -> Rejected:
    return Rejected(
        f"A record for {append.topic} was refused: it is larger than {ENTRY_BYTES_MAX} bytes."
    )

"""The hostile log: commits that come late, or happen without being confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from streams.errors import Fenced, Unavailable
from streams.log.port import Append, Bounds, Entry, Record
from streams.topics import LOG
from tests.simulation.chance import Chance, point

WALL = 20_100 * 86_400  # the brokers' time: later than everything that happens


@dataclass(slots=True)
class Stored:
    """One partition of one topic: records by offset; markers and aborted records leave gaps.

    `written` keeps what retention and compaction took from `records`: the oracle forgets nothing.
    """

    records: list[Record] = field(default_factory=list)
    written: list[Record] = field(default_factory=list)
    start: int = 0
    end: int = 0


class SimLog:
    """A transactional log. The switches take a guarantee away, to show that it is needed."""

    atomic = True  # a transaction is visible as a whole or not at all
    fencing: Literal["at start", "at first write", "never"] = "at start"  # of the predecessor

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.topics: dict[tuple[str, int], Stored] = {}
        self.epochs: dict[str, int] = {}
        self.delayed: list[tuple[SimWriter, Sequence[Append]]] = []
        self.sent: list[tuple[int, Entry]] = []  # into the log by transactions, with the partition

    def stored(self, topic: str, partition: int) -> Stored:
        """Return a partition of a topic, which exists as soon as it is named."""
        return self.topics.setdefault((topic, partition), Stored())

    def land(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Make a transaction visible; its commit marker takes an offset of its own."""
        last = []
        for append in appends:
            stored = self.stored(append.topic, append.partition)
            for entry in append.entries:
                record = Record(stored.end, WALL, entry.key, entry.value, entry.headers)
                stored.records.append(record)
                stored.written.append(record)
                stored.end += 1
            last.append(stored.end - 1)
            stored.end += 1
        return tuple(last)

    def commit(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Make a writer's transaction visible, and note what it sent into the log."""
        for append in appends:
            if append.topic == LOG:
                self.sent += [(append.partition, entry) for entry in append.entries]
        return self.land(appends)

    def abort(self, appends: Sequence[Append]) -> None:
        """End a transaction without effect; its records keep their offsets."""
        for append in appends:
            self.stored(append.topic, append.partition).end += len(append.entries) + 1

    def land_delayed(self) -> None:
        """One commit that was under way arrives, unless its writer was fenced meanwhile."""
        if self.delayed:
            writer, appends = self.delayed.pop(0)
            if writer.current:
                self.chance.seen["late commit landed"] += 1
                self.commit(appends)
            else:
                self.abort(appends)

    def compact(self, topic: str, partition: int) -> None:
        """Keep the newest record of each key, as compaction may at any moment."""
        stored = self.stored(topic, partition)
        newest = {record.key: record.offset for record in stored.records}
        stored.records = [r for r in stored.records if newest[r.key] == r.offset]

    def truncate(self, topic: str, partition: int, before: int) -> None:
        """Let retention delete what lies before an offset."""
        stored = self.stored(topic, partition)
        stored.start = max(stored.start, before)
        stored.records = [r for r in stored.records if r.offset >= before]

    def make_anew(self) -> None:
        """Somebody deletes every topic and creates it again; epochs outlive their topics."""
        self.topics.clear()
        self.delayed.clear()
        self.sent.clear()

    async def fence(self, transactional_id: str) -> SimWriter:
        """Start a writer; the predecessor is fenced."""
        await point()
        self.chance.lose_reply("fence: no reply, before")
        writer = SimWriter(self, transactional_id)
        if self.fencing == "at start":
            writer.begin()
        self.chance.lose_reply("fence: no reply, after")
        await point()
        return writer

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return what the partition holds."""
        await point()
        self.chance.lose_reply("bounds: no reply")
        stored = self.stored(topic, partition)
        return Bounds(stored.start, stored.end)

    async def read(
        self, topic: str, partition: int, start: int, end: int, chunk_max: int = 1_000
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield committed records in chunks of any size."""
        position = start
        while position < end:
            await point()
            self.chance.lose_reply("read: no reply")
            size = self.chance.random.randint(1, min(chunk_max, 4))
            stored = self.stored(topic, partition)
            records = [r for r in stored.records if position <= r.offset < end][:size]
            position = records[-1].offset + 1 if records else end
            yield records, position


class SimWriter:
    """A fenced writer; the outcome of its transactions is not always known."""

    def __init__(self, log: SimLog, name: str) -> None:
        self.log = log
        self.name = name
        self.epoch: int | None = None

    def begin(self) -> None:
        """Fence the predecessor."""
        self.epoch = self.log.epochs.get(self.name, 0) + 1
        self.log.epochs[self.name] = self.epoch

    @property
    def current(self) -> bool:
        """No newer writer was started under this name."""
        return self.log.fencing == "never" or self.log.epochs[self.name] == self.epoch

    async def transact(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Append all or nothing, or leave the caller in doubt."""
        await point()
        log, chance = self.log, self.log.chance
        if self.epoch is None:
            self.begin()
        if not self.current:
            log.abort(appends)
            raise Fenced(self.name)
        if not log.atomic:
            last: list[int] = []
            for append in reversed(appends):
                last += log.commit([append])
                await point()
            return tuple(reversed(last))
        if chance.strikes("commit: lost", 0.02):
            log.abort(appends)
            raise Unavailable("commit: lost")
        if chance.strikes("commit: delayed", 0.03):
            log.delayed.append((self, appends))
            raise Unavailable("commit: delayed")
        last_offsets = log.commit(appends)
        if chance.strikes("commit: done, no reply", 0.03):
            raise Unavailable("commit: done, no reply")
        await point()
        return last_offsets

    async def close(self) -> None:
        """Nothing to give back."""

"""The hostile world: a log that loses replies and a store that loses everything else.

Both implement the production ports. Every call passes through `point`, where the scheduler may run
somebody else, kill the caller, or let time do its damage. One random generator decides everything,
so a seed is a whole history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import dataclass, field
from random import Random

from streams.errors import Fenced, Unavailable
from streams.log.port import Append, Bounds, Record
from streams.store.memory import MemoryStore, Snapshot
from streams.store.port import Meta, Step, View

WALL = 20_100 * 86_400  # the brokers' time: later than everything that happens
SNAPSHOTS_MAX = 12


class _Point:
    """A place where the scheduler may take over."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def point() -> None:
    """Let the scheduler decide what happens next."""
    await _Point()


@dataclass(slots=True)
class Chance:
    """How often things go wrong; `calm` ends all of it."""

    random: Random
    calm: bool = False
    seen: dict[str, int] = field(default_factory=dict)

    def strikes(self, name: str, probability: float) -> bool:
        """Tell whether a fault happens here, and count it."""
        if self.calm or self.random.random() >= probability:
            return False
        self.seen[name] = self.seen.get(name, 0) + 1
        return True

    def lose_reply(self, name: str) -> None:
        """Raise Unavailable now and then."""
        if self.strikes(name, 0.02):
            raise Unavailable(name)


@dataclass(slots=True)
class _Stored:
    """One partition of one topic: records by offset; markers and aborted records leave gaps."""

    records: list[Record] = field(default_factory=list)
    start: int = 0
    end: int = 0


class SimLog:
    """A transactional log whose commits may be delayed, or happen without being confirmed."""

    atomic = True  # tests switch it off to show that the simulation needs it

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.topics: dict[tuple[str, int], _Stored] = {}
        self.epochs: dict[str, int] = {}
        self.delayed: list[tuple[str, int, Sequence[Append]]] = []

    def stored(self, topic: str, partition: int) -> _Stored:
        """Return a partition of a topic, which exists as soon as it is named."""
        return self.topics.setdefault((topic, partition), _Stored())

    def land(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Make a transaction visible; its commit marker takes an offset of its own."""
        last = []
        for append in appends:
            stored = self.stored(append.topic, append.partition)
            for entry in append.entries:
                record = Record(stored.end, WALL, entry.key, entry.value, entry.headers)
                stored.records.append(record)
                stored.end += 1
            last.append(stored.end - 1)
            stored.end += 1
        return tuple(last)

    def abort(self, appends: Sequence[Append]) -> None:
        """End a transaction without effect; its records keep their offsets."""
        for append in appends:
            self.stored(append.topic, append.partition).end += len(append.entries) + 1

    def land_delayed(self) -> None:
        """One commit that was under way arrives, unless its writer was fenced meanwhile."""
        if self.delayed:
            name, epoch, appends = self.delayed.pop(0)
            if self.epochs[name] == epoch:
                self.chance.seen["late commit landed"] = (
                    self.chance.seen.get("late commit landed", 0) + 1
                )
                self.land(appends)
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

    async def fence(self, transactional_id: str) -> SimWriter:
        """Start a writer; the predecessor is fenced."""
        await point()
        self.chance.lose_reply("fence: no reply, before")
        epoch = self.epochs.get(transactional_id, 0) + 1
        self.epochs[transactional_id] = epoch
        self.chance.lose_reply("fence: no reply, after")
        await point()
        return SimWriter(self, transactional_id, epoch)

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

    def __init__(self, log: SimLog, name: str, epoch: int) -> None:
        self.log = log
        self.name = name
        self.epoch = epoch

    async def transact(self, appends: Sequence[Append]) -> tuple[int, ...]:
        """Append all or nothing, or leave the caller in doubt."""
        await point()
        log, chance = self.log, self.log.chance
        if log.epochs[self.name] != self.epoch:
            log.abort(appends)
            raise Fenced(self.name)
        if not log.atomic:
            last = []
            for append in reversed(appends):
                last += log.land([append])
                await point()
            return tuple(reversed(last))
        if chance.strikes("commit: lost", 0.02):
            log.abort(appends)
            raise Unavailable("commit: lost")
        if chance.strikes("commit: delayed", 0.03):
            log.delayed.append((self.name, self.epoch, appends))
            raise Unavailable("commit: delayed")
        last_offsets = log.land(appends)
        if chance.strikes("commit: done, no reply", 0.03):
            raise Unavailable("commit: done, no reply")
        await point()
        return last_offsets

    async def close(self) -> None:
        """Nothing to give back."""


class SimStore:
    """A memory store that goes back in time, loses fields, and does not always answer."""

    atomic_claim = True
    conditional_apply = True  # on the owner
    offset_checked = True  # on the offset
    fenced_wipe = True

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.inner = MemoryStore()
        self.history: list[Snapshot] = []

    def remember(self, partition: int) -> None:
        """Keep a snapshot that a restart may bring back."""
        self.history.append(self.inner.snapshot(partition))
        del self.history[:-SNAPSHOTS_MAX]

    def suffer(self, partition: int) -> None:
        """Let one misfortune happen."""
        random = self.chance.random
        kind = random.choice(("roll back", "lose all", "lose field", "lose due", "lose field"))
        self.chance.seen[kind] = self.chance.seen.get(kind, 0) + 1
        snapshot = self.inner.snapshot(partition)
        if kind == "roll back" and self.history:
            self.inner.restore(partition, random.choice(self.history))
        elif kind == "lose all":
            self.inner.lose(partition)
        elif kind == "lose field" and snapshot.fields:
            self.inner.lose_fields(partition, [random.choice(sorted(snapshot.fields))])
        elif kind == "lose due" and snapshot.dues:
            self.inner.lose_dues(partition, [random.choice(sorted(snapshot.dues))])

    async def claim(self, partition: int, owner: str) -> Meta:
        """Make `owner` the owner and return meta as it was."""
        await point()
        self.chance.lose_reply("claim: no reply, before")
        if self.atomic_claim:
            before = await self.inner.claim(partition, owner)
        else:
            before = (await self.inner.view(partition, [])).meta
            await point()
            await self.inner.claim(partition, owner)
            snapshot = self.inner.snapshot(partition)
            meta = snapshot.meta._replace(applied=before.applied, origin=before.origin)
            self.inner.restore(partition, Snapshot(meta, snapshot.fields, snapshot.dues))
        self.remember(partition)
        self.chance.lose_reply("claim: no reply, after")
        await point()
        return before

    async def wipe(self, partition: int, owner: str) -> bool:
        """Forget everything, on condition of the owner."""
        await point()
        self.chance.lose_reply("wipe: no reply, before")
        if not self.fenced_wipe:
            owner_now = self.inner.snapshot(partition).meta.owner
            await self.inner.wipe(partition, owner_now)
            return True
        done = await self.inner.wipe(partition, owner)
        self.remember(partition)
        self.chance.lose_reply("wipe: no reply, after")
        await point()
        return done

    async def apply(self, partition: int, owner: str, applied: int, step: Step) -> bool:
        """Write, on condition of owner and offset."""
        await point()
        self.chance.lose_reply("apply: no reply, before")
        meta = self.inner.snapshot(partition).meta
        if not self.conditional_apply:
            owner = meta.owner
        if not self.offset_checked:
            applied = meta.applied
        done = await self.inner.apply(partition, owner, applied, step)
        self.remember(partition)
        self.chance.lose_reply("apply: no reply, after")
        await point()
        return done

    async def view(self, partition: int, names: Sequence[bytes]) -> View:
        """Read in one step."""
        await point()
        self.chance.lose_reply("view: no reply")
        view = await self.inner.view(partition, names)
        await point()
        return view

    async def due(self, partition: int, until: int, limit: int) -> list[bytes]:
        """Return who is due."""
        await point()
        self.chance.lose_reply("due: no reply")
        return await self.inner.due(partition, until, limit)

    async def scan(
        self, partition: int, cursor: int, count: int
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return a page of fields."""
        await point()
        self.chance.lose_reply("scan: no reply")
        return await self.inner.scan(partition, cursor, count)

"""The hostile log: commits that come late, or happen without being confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from streams.errors import Fenced, Unavailable
from streams.log.port import Append, Bounds, Place, Record
from streams.topics import STATE
from tests.simulation.brokers import Brokers
from tests.simulation.chance import point
from tests.simulation.history import PARTITION


class SimLog:
    """The port's view of the brokers. The switches take a guarantee away, to show it is needed."""

    atomic = True  # a transaction is visible as a whole or not at all
    fences = True  # a writer that starts ends what its predecessor does

    def __init__(self, brokers: Brokers) -> None:
        self.brokers = brokers
        self.chance = brokers.chance
        self.delayed: list[SimWriter] = []  # whose request to commit is still on its way

    def land_delayed(self) -> None:
        """One request to commit arrives, unless its writer was fenced meanwhile."""
        if self.delayed:
            writer = self.delayed.pop(0)
            if writer.current and writer.id in self.brokers.under_way:
                self.chance.seen["late commit landed"] += 1
                self.brokers.commit(writer.id)

    async def fence(self, transactional_id: str, places: Sequence[Place] = ()) -> SimWriter:
        """Start a writer; the predecessor is fenced."""
        await point()
        self.chance.lose_reply("fence: no reply, before")
        writer = SimWriter(self, transactional_id, places)
        writer.begin()
        self.chance.lose_reply("fence: no reply, after")
        await point()
        return writer

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return what the partition holds."""
        await point()
        self.chance.lose_reply("bounds: no reply")
        stored = self.brokers.stored(topic, partition)
        end = stored.end
        if topic == STATE and self.chance.strikes("an end of the past", 0.02):
            end = self.chance.random.randint(stored.start, end)  # told by a deposed leader
        return Bounds(stored.start, end)

    async def is_open(self, places: Sequence[Place]) -> bool:
        """Tell whether one of the places holds something that cannot be read yet."""
        await point()
        self.chance.lose_reply("is open: no reply")
        stored = (self.brokers.stored(*place) for place in places)
        return any(partition.end < partition.next for partition in stored)

    async def standing_open(self, place: Place) -> Sequence[Record]:
        """Return some of the records that cannot be read yet."""
        await point()
        self.chance.lose_reply("standing open: no reply")
        return self.brokers.standing_open(place)[: self.chance.random.randint(1, 4)]

    async def identity(self, topic: str) -> str:
        """Return what tells a topic from a later one of the same name."""
        await point()
        self.chance.lose_reply("identity: no reply")
        return str(self.brokers.stored(topic, PARTITION).number)

    async def read(
        self, topic: str, partition: int, start: int, end: int, chunk_max: int = 1_000
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield committed records in chunks of any size."""
        position = start
        while position < end:
            await point()
            self.chance.lose_reply("read: no reply")
            size = self.chance.random.randint(1, min(chunk_max, 4))
            stored = self.brokers.stored(topic, partition)
            if position < stored.start:
                raise Unavailable("read: the offset is out of range")
            records = stored.between(position, end)[:size]
            position = records[-1].offset + 1 if records else end
            yield records, position


class SimWriter:
    """A fenced writer; the outcome of its transactions is not always known."""

    def __init__(self, log: SimLog, name: str, places: Sequence[Place]) -> None:
        self.log = log
        self.name = name
        self.places = places
        self.id = (name, 0)

    def begin(self) -> None:
        """Fence the predecessor, and end what it had under way."""
        brokers = self.log.brokers
        self.id = (self.name, brokers.supersede(self.name))
        if self.log.fences:
            brokers.end_all(self.name)

    @property
    def current(self) -> bool:
        """No newer writer was started under this name, and the brokers did not lose patience."""
        return not self.log.fences or self.log.brokers.epochs[self.name] == self.id[1]

    async def transact(
        self, appends: Sequence[Append], *, first: int | None = None
    ) -> tuple[int, ...]:
        """Append all or nothing, or leave the caller in doubt."""
        await point()
        brokers, chance = self.log.brokers, self.log.chance
        brokers.finish(self.id)  # a client waits for the markers of its last transaction
        if not self.log.atomic:
            return await self._one_by_one(appends)
        last = await self._send(appends, first)
        await point()
        self._check()
        if self.id not in brokers.under_way:
            raise Unavailable("the brokers ended this transaction")
        chance.lose_reply("commit: lost")
        if chance.strikes("commit: delayed", 0.03):
            self.log.delayed.append(self)
            raise Unavailable("commit: delayed")
        brokers.commit(self.id)
        if chance.strikes("commit: done, no reply", 0.03):
            raise Unavailable("commit: done, no reply")
        await point()
        return last

    async def _send(self, appends: Sequence[Append], first: int | None) -> tuple[int, ...]:
        brokers, chance = self.log.brokers, self.log.chance
        last = []
        for append in appends:
            self._check()
            chance.lose_reply("send: no reply, before")
            last.append(brokers.send(self.id, append))
            began = last[-1] - len(append.entries) + 1
            if append is appends[0] and first is not None and began != first:
                raise Unavailable("the changelog's end was not the newest one")
            if chance.strikes("transaction takes long", 0.05):
                await point()
        return tuple(last)

    async def end_open(
        self, appends: Sequence[Append] = (), *, first: int | None = None, committed: bool
    ) -> None:
        """End what stands open, or leave the caller in doubt."""
        await point()
        brokers, chance = self.log.brokers, self.log.chance
        brokers.finish(self.id)
        await self._send(appends, first)
        self._check()
        chance.lose_reply("end open: no reply, before")
        chance.seen[f"what stood open was {'committed' if committed else 'aborted'}"] += 1
        brokers.end_open(self.id, self.places, committed=committed)
        chance.lose_reply("end open: no reply, after")
        await point()

    async def close(self) -> None:
        """Nothing to give back; an open transaction stays open until somebody fences."""

    def _check(self) -> None:
        if not self.current:
            raise Fenced(self.name)

    async def _one_by_one(self, appends: Sequence[Append]) -> tuple[int, ...]:
        last = []
        for append in reversed(appends):
            self._check()
            last.append(self.log.brokers.send(self.id, append))
            self.log.brokers.commit(self.id)
            self.log.brokers.finish(self.id)
            await point()
        return tuple(reversed(last))

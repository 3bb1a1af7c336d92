"""Who fills the log in worlds with sources: ingress workers and tickers, run as by their shells."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, NamedTuple

from models.errors import Reason
from streams.errors import Halt, Unavailable
from streams.ingress import Ingress, IngressSettings, sources_of
from streams.log.positions import Position, SourcePartition
from streams.partition import Partition
from streams.releases import Releases
from streams.ticker import SLACK_S, Observatory, Ticker
from streams.topics import CONTROL, LOG
from tests.simulation.brokers import Brokers
from tests.simulation.chance import Chance, point
from tests.simulation.history import PARTITION, PARTITIONS
from tests.simulation.log import SimLog
from tests.simulation.sources import CATALOGUE, PLACES, SimPositions, SimProducer, Sources

_RIGHT_S = (0, 0, SLACK_S - 10, 10 - SLACK_S)
_WRONG_S = (3_600, -3_600, 400 * 86_400, -400 * 86_400)
_REFUSED_MIN = 8  # records, before a share of refused ones says something


class Crew:
    """All that is needed to start one more of them."""

    def __init__(self, sources: Sources, log: SimLog) -> None:
        self.sources = sources
        self.log = log
        self.chance = sources.chance
        self.members: list[Coroutine[Any, Any, None]] = []
        self.patient = False  # somebody saw to it that much may be refused

    def start(self, partition: Partition | None) -> None:
        """Start an ingress worker, or a ticker beside the owner of a partition."""
        random = self.chance.random
        if partition is None or (not self.chance.calm and random.random() < 0.5):
            self.sources.generation += 1
            self.members.append(self._bring(self.sources.generation))
        else:
            right = self.chance.calm or random.random() < 0.7
            skew_s = 0 if self.chance.calm else random.choice(_RIGHT_S if right else _WRONG_S)
            self.members.append(self._tick(partition, skew_s, honest=right))

    def step(self) -> None:
        """Let one of them run up to its next call of a port; now and then, one ends or begins."""
        random = self.chance.random
        if self.members and not self.chance.calm and random.random() < 0.01:
            self.members.pop(random.randrange(len(self.members))).close()
        if self.members:
            member = random.choice(self.members)
            try:
                member.send(None)
            except StopIteration:
                self.members.remove(member)
                if self.chance.calm:
                    self.start(None)  # it asked for a person, who saw to it and started another

    def stop(self) -> None:
        """Kill them all."""
        while self.members:
            self.members.pop().close()

    async def _bring(self, generation: int) -> None:
        """Bring every source partition into the log, and commit what is confirmed."""
        sources, random, chance = self.sources, self.chance.random, self.chance
        ingress = Ingress(
            sources_of(CATALOGUE),
            SimProducer(sources),
            SimPositions(sources),
            IngressSettings(
                *(LOG, PARTITIONS, "ingress"),
                bad_share_max=1.0 if self.patient else 0.5,
                bad_seen_min=_REFUSED_MIN,
            ),
            _Clock(sources.brokers, 0),
            _Counting(chance),
        )
        reached: dict[SourcePartition, int] = {}
        while True:
            await point()
            place = random.choice(PLACES)
            stored, committed = sources.brokers.stored(*place), sources.committed.get(place)
            start = reached.get(place, 0 if committed is None else committed.offset)
            records = stored.between(start, stored.end)[: random.randint(1, 6)]
            if not records:
                continue
            try:
                await ingress.handle(*place, records)
            except Unavailable:
                continue
            except Halt:
                chance.seen["halt: too much is refused"] += 1
                self.patient = True
                return
            reached[place] = records[-1].offset + 1
            newest = max(record.timestamp for record in records)
            if generation == sources.generation and (chance.calm or random.random() < 0.7):
                sources.committed[place] = Position(reached[place], str(newest))

    async def _tick(self, partition: Partition, skew_s: int, *, honest: bool) -> None:
        """Write the clock into the log."""
        sources, clock = self.sources, _Clock(self.sources.brokers, skew_s)
        observatory = Observatory(
            SimPositions(sources),
            Releases(self.log, CONTROL),
            CATALOGUE.sources,
            "ingress",
            clock,
        )
        producer = SimProducer(sources, honest=honest)
        ticker = Ticker(partition, LOG, producer, observatory, clock, _Counting(self.chance))
        while True:
            await point()
            try:
                if await ticker.is_time():
                    await ticker.tick()
            except Unavailable:
                self.chance.seen["tick in doubt"] += 1


class _Clock(NamedTuple):
    """A clock that may be wrong by a constant."""

    brokers: Brokers
    skew_s: int

    def now(self) -> int:
        return self.brokers.now + self.skew_s

    def monotonic(self) -> float:
        return self.brokers.now


class _Counting:
    """Told by ingress and tickers, counts which branches were met."""

    def __init__(self, chance: Chance) -> None:
        self.seen = chance.seen

    def ingested(self, topic: str, accepted: int, seconds: float) -> None:
        assert topic in CATALOGUE.sources
        assert seconds >= 0
        self.seen["records ingested"] += accepted

    def refused(self, topic: str, reason: Reason, count: int) -> None:
        assert topic in CATALOGUE.sources
        self.seen[f"refused: {reason}"] += count

    def unknown_fields(self, topic: str, count: int) -> None:
        assert topic in CATALOGUE.sources
        self.seen["unknown fields"] += count

    def deleted_unread(self, topic: str, count: int) -> None:
        message = f"{count} records of {topic} were told to be deleted, and none was"
        raise AssertionError(message)

    def clock_held(self, partition: int, source: str | None) -> None:
        assert partition == PARTITION
        self.seen["clock goes on" if source is None else f"clock held by {source}"] += 1

"""The ticker: the only reader of a wall clock, which writes the clock into the log as records.

A tick `t` promises that all that the sources took in before `t` stands at lower offsets of the log.
To be able to promise that, the ticker reads the clock, then where the sources end, then how far
ingress has come. Once ingress has passed those ends, everything taken in before that reading of the
clock is in the log. So the partitions' time follows the slowest source through a backlog, and
nobody is found silent while their purchase waits to be read.

`Judge` decides (pure); `Observatory` looks (one for all partitions of a worker); `Ticker` writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from models.events import Tick, encode
from streams.clock import Clock
from streams.errors import Unavailable
from streams.log.port import Append, Entry
from streams.log.positions import Position, Positions, SourcePartition
from streams.log.producer import Producer
from streams.releases import Releases

SLACK_S = 60  # what the clocks of producers, brokers and workers may differ by
ADVANCE_S_MAX = 48 * 3_600  # a wall clock further ahead than this is rather wrong than right
TICK_EVERY_S = 60
LOOK_EVERY_S = 1.0
_REMEMBERED_MAX = 513  # an odd number: the first, and pairs


class Sight(NamedTuple):
    """One look at the sources: the clock read first, then the ends, then ingress's positions.

    `released`: source partitions that a recorded release lets the clock go on without.
    """

    at: int
    ends: Mapping[SourcePartition, int]
    passed: Mapping[SourcePartition, Position]
    released: frozenset[SourcePartition] = frozenset()


@dataclass(frozen=True, slots=True)
class Promise:
    """All that sources took in before `t` stands in the log. `source`: the slowest that lags."""

    t: int
    source: SourcePartition | None


@dataclass(frozen=True, slots=True)
class Held:
    """No tick: ingress has not come far enough on `source`, or the clock would leap.

    `source` is None where no source lags: then the clock itself is more than `ADVANCE_S_MAX` ahead.
    """

    source: SourcePartition | None


class Judge:
    """Remembers what was seen, and says what may be promised now."""

    def __init__(self) -> None:
        self._ends: Mapping[SourcePartition, int] = {}
        # Clocks, each with the ends that had grown since the one before it.
        self._remembered: list[tuple[int, Mapping[SourcePartition, int]]] = []

    def judge(self, sight: Sight) -> Promise | Held:
        """Return the newest instant that may be promised after this sight.

        That is the earlier of the newest remembered clock whose ends ingress has passed, and the
        oldest of what the partitions that lag are at; less `SLACK_S` for clocks that differ.
        """
        self._remember(sight)
        counted = self._counted(sight)
        lagging = [
            (_source_time(sight.passed.get(source)), source)
            for source, end in sight.ends.items()
            if not _is_passed(sight, source, end)
        ]
        known = [at for at, _ in lagging if at is not None]
        if counted is None and len(known) < len(lagging):
            return Held(next(source for at, source in lagging if at is None))
        at = min(known if counted is None else [*known, counted])
        _, slowest = min(lagging, key=lambda each: each[0] or 0, default=(None, None))
        return Promise(min(at, sight.at) - SLACK_S, slowest)

    def _remember(self, sight: Sight) -> None:
        if any(sight.ends.get(source, 0) < end for source, end in self._ends.items()):
            self._ends, self._remembered = {}, []  # a source was lost, or made anew
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered = self._in_wider_steps()
        grown = {source: n for source, n in sight.ends.items() if self._ends.get(source) != n}
        self._remembered.append((sight.at, grown))
        self._ends = sight.ends

    def _in_wider_steps(self) -> list[tuple[int, Mapping[SourcePartition, int]]]:
        """Return every second of what is remembered: so a long backlog is followed."""
        first, *others = self._remembered
        pairs = zip(others[::2], others[1::2], strict=True)
        return [first, *((at, {**before, **ends}) for (_, before), (at, ends) in pairs)]

    def _counted(self, sight: Sight) -> int | None:
        """Return the newest remembered clock whose ends are passed, and forget those before it.

        Ends grow: where one is not passed, none that is remembered after it is.
        """
        counted = 0
        for _, ends in self._remembered:
            if not all(_is_passed(sight, source, end) for source, end in ends.items()):
                break
            counted += 1
        if not counted:
            return None
        del self._remembered[: counted - 1]
        return self._remembered[0][0]


def _is_passed(sight: Sight, source: SourcePartition, end: int) -> bool:
    if end == 0 or source in sight.released:
        return True
    position = sight.passed.get(source)
    return position is not None and position.offset >= end


def _source_time(position: Position | None) -> int | None:
    """Return the newest source timestamp that ingress noted with its position, in seconds."""
    if position is None or not position.note.isdecimal():
        return None
    return int(position.note)


class Observatory:
    """Looks at the sources for all tickers of a worker, at most once every `LOOK_EVERY_S`."""

    def __init__(
        self,
        positions: Positions,
        releases: Releases,
        sources: Sequence[str],
        ingress_group: str,
        clock: Clock,
    ) -> None:
        self._positions = positions
        self._releases = releases
        self._sources = sources
        self._group = ingress_group
        self._clock = clock
        self._judge = Judge()
        self._looked_at: float | None = None
        self._verdict: Promise | Held | None = None
        self._lock = asyncio.Lock()

    async def look(self) -> Promise | Held:
        """Return what may be promised now.

        Raises:
            Unavailable: the brokers did not answer; nothing can be promised.
        """
        async with self._lock:
            now = self._clock.monotonic()
            fresh = self._looked_at is not None and now - self._looked_at < LOOK_EVERY_S
            if self._verdict is None or not fresh:
                self._verdict = self._judge.judge(await self.sight())
                self._looked_at = now
            return self._verdict

    async def sight(self) -> Sight:
        """Look once. The order of the three readings is what makes a promise true."""
        at = self._clock.now()
        ends = await self._positions.ends(self._sources)
        passed = await self._positions.committed(self._group)
        released = {
            source
            for source, end in (await self._releases.current()).items()
            if source not in passed or passed[source].offset < end
        }
        return Sight(at, ends, passed, frozenset(released))


class Ticking(Protocol):
    """What the ticker has to know of its partition (`streams.partition.Partition`)."""

    @property
    def number(self) -> int:
        """The partition's number in the log."""
        ...

    @property
    def now(self) -> int | None:
        """The partition's clock; None before its first tick."""
        ...

    async def due_by(self, until: int) -> bool:
        """Tell whether somebody is due by the instant `until`; may raise `Unavailable`."""
        ...


class ClockObserver(Protocol):
    """Told whenever a tick was wanted."""

    def clock_held(self, partition: int, source: str | None) -> None:
        """The clock stands still because of `source` (a topic, or `clock`); None: it goes on."""
        ...


class Ticker:
    """Writes ticks into one partition of the log while this worker owns it."""

    def __init__(
        self,
        partition: Ticking,
        log_topic: str,
        producer: Producer,
        observatory: Observatory,
        clock: Clock,
        observer: ClockObserver,
    ) -> None:
        self._partition = partition
        self._log_topic = log_topic
        self._producer = producer
        self._observatory = observatory
        self._clock = clock
        self._observer = observer
        self._written: int | None = None
        self._written_at: float | None = None

    async def run(self) -> None:
        """Tick every minute, and up to once a second while somebody is due, until cancelled."""
        while True:
            try:
                if await self.is_time():
                    await self.tick()
            except Unavailable:
                # The worker meets the same services elsewhere, and reports it there.
                self._observer.clock_held(self._partition.number, "unavailable")
            await asyncio.sleep(LOOK_EVERY_S)

    async def tick(self) -> Promise | Held:
        """Look, and write a tick if one may be written and says something new.

        Raises:
            Unavailable: the brokers did not answer, or the tick is in doubt (a repeat is harmless).
        """
        verdict = self._checked(await self._observatory.look())
        match verdict:
            case Held(source):
                self._observer.clock_held(
                    self._partition.number, "clock" if source is None else source[0]
                )
            case Promise(t, source):
                moves = await self._write(t)
                self._observer.clock_held(
                    self._partition.number, None if moves else self._holder(t, source)
                )
        return verdict

    async def _write(self, t: int) -> bool:
        """Write the tick `t` if it moves the clock; tell whether it does."""
        self._written_at = self._clock.monotonic()
        newest = self._newest()
        if newest is not None and t <= newest:
            return False
        await self._producer.deliver([tick_append(self._log_topic, self._partition.number, t)])
        self._written = t
        return True

    def _holder(self, t: int, source: SourcePartition | None) -> str | None:
        """Say what keeps the clock where it is, as the promise `t` does not move it."""
        if source is not None:
            return source[0]
        # The partition's clock never passes the brokers': where it is beyond ours, ours is behind.
        now = self._partition.now
        return "clock" if now is not None and now - t > SLACK_S else None

    def _checked(self, verdict: Promise | Held) -> Promise | Held:
        newest = self._newest()
        leaps = (
            isinstance(verdict, Promise)
            and newest is not None
            and verdict.t - newest > ADVANCE_S_MAX
        )
        return Held(None) if leaps else verdict

    def _newest(self) -> int | None:
        known = [t for t in (self._partition.now, self._last_written()) if t is not None]
        return max(known, default=None)

    def _last_written(self) -> int | None:
        """Return the newest tick written; None where the clock has gone back behind it since.

        Then it was wrong when it was written, and the partition took the broker's time instead.
        """
        written = self._written
        return None if written is None or written > self._clock.now() - SLACK_S else written

    async def is_time(self) -> bool:
        """Tell whether a tick is wanted now; may raise `Unavailable`."""
        now, written = self._partition.now, self._last_written()
        if self._written_at is None or self._clock.monotonic() - self._written_at >= TICK_EVERY_S:
            return True
        if written is not None and (now is None or now < written):
            return False  # it was not taken yet, by a partition that lags or is halted
        return now is None or await self._partition.due_by(now + TICK_EVERY_S)


def tick_append(log_topic: str, partition: int, t: int) -> Append:
    """Return the tick `t` (seconds since 1970, UTC) as a record of one log partition."""
    return Append(log_topic, partition, [Entry(None, encode(Tick(t=t)))])

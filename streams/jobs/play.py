"""Playing history: events in the order in which they happened, with the clock that belongs to them.

The player is the ticker of what it plays (workers run with TIERSTREAM_TICKER=off meanwhile). It
publishes the events of one local day, waits until ingress has passed them, and only then moves the
clock of every partition to the next day that has events. So each event is concluded on its own day,
and whoever falls silent is noticed on the day on which that happens. A last tick beyond the data
fires the timers that are still set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from models.calendar import Calendar
from models.errors import TierstreamError
from streams.clock import Clock, SystemClock
from streams.errors import Unavailable
from streams.jobs.publish import CHUNK, SourceEvent, partition_counts, send
from streams.log.positions import Position, Positions, SourcePartition
from streams.log.producer import Producer
from streams.ticker import tick_append
from streams.topics import LOG, Catalogue

_LOOK_EVERY_S = 0.01
_STANDSTILL_S_MAX = 60.0


class Unplayable(TierstreamError):
    """Events that have no place in a history."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a history is played: a deployment, and who reaches it."""

    catalogue: Catalogue
    ingress_group: str
    producer: Producer
    positions: Positions
    clock: Clock = field(default_factory=SystemClock)
    """Tells how long ingress stands still; history has its own time."""

    async def tick(self, t: int) -> None:
        """Move the clock of every partition to `t` (seconds since 1970, UTC).

        Raises:
            Unavailable: the ticks are in doubt; writing them again is harmless.
        """
        log, partitions = self.catalogue.name(LOG), self.catalogue.partitions
        await self.producer.deliver([tick_append(log, number, t) for number in range(partitions)])

    async def passed(self) -> None:
        """Wait until ingress has passed all that the sources hold now.

        Raises:
            Unavailable: ingress stood still for a minute, or could not be asked for as long.
        """
        ends = await self.positions.ends(self.catalogue.sources)
        before: dict[SourcePartition, Position] = {}
        moved_at = self.clock.monotonic()
        while lag := _lag(ends, passed := await self._passed(before)):
            if passed != before:
                moved_at, before = self.clock.monotonic(), passed
            # By the clock, and not by the pauses: a question may take as long as all of them.
            if self.clock.monotonic() - moved_at > _STANDSTILL_S_MAX:
                (topic, number), records = next(iter(lag.items()))
                raise Unavailable(
                    f"ingress stands still, {records:,} records before the end of {topic}, "
                    f"partition {number}. Is `tierstream worker ingress` running?"
                )
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _passed(
        self, before: dict[SourcePartition, Position]
    ) -> dict[SourcePartition, Position]:
        try:
            return await self.positions.committed(self.ingress_group)
        except Unavailable:
            return before  # asked again, until it counts as a standstill


async def play(
    events: Iterable[SourceEvent],
    stage: Stage,
    zone: Calendar,
    *,
    beyond_days: int = 400,
    progress: Callable[[int, int], None],
) -> int:
    """Play `events` (in any order) in the order of their time, one local day of `zone` at a time.

    The last tick lies `beyond_days` days after the last day; returns its instant. `progress` is
    told after each day how many events it had and when the next one begins.

    Raises:
        Unplayable: there are no events, or some that concern every customer.
        Unavailable: a delivery is in doubt, or ingress stands still.
    """
    days = _by_day(events, zone)
    counts = await partition_counts(stage.positions, stage.catalogue)
    for index, (day, of_day) in enumerate(days):
        await stage.tick(zone.start(day))
        for wave in _waves(of_day):
            await send(wave, stage.producer, counts, stage.catalogue.prefix)
            await stage.passed()
        following = days[index + 1][0] if index + 1 < len(days) else day + 1
        progress(len(of_day), zone.start(following))
    last = zone.start(days[-1][0] + beyond_days)
    await stage.tick(last)
    return last


def _by_day(
    events: Iterable[SourceEvent], zone: Calendar
) -> list[tuple[int, Sequence[SourceEvent]]]:
    dated = []
    for event in events:
        if event.occurred_at is None:
            raise Unplayable(
                f"a record for {event.topic} concerns every customer; publish it before playing "
                "(rulebooks: `tierstream rules activate`)"
            )
        dated.append((event.occurred_at, event))
    if not dated:
        raise Unplayable("there are no events to play")
    dated.sort(key=lambda each: each[0])
    return [
        (day, [event for _, event in group])
        for day, group in groupby(dated, key=lambda each: zone.day(each[0]))
    ]


def _waves(events: Sequence[SourceEvent]) -> Iterator[list[SourceEvent]]:
    """Cut a day so that a customer's events keep their order even where their topics differ.

    Ingress keeps the order of a topic's partition, and none between topics: in one wave all events
    of a customer are of one topic.
    """
    wave: list[SourceEvent] = []
    topics: dict[bytes, str] = {}
    for event in events:
        if len(wave) == CHUNK or topics.get(event.key, event.topic) != event.topic:
            yield wave
            wave, topics = [], {}
        wave.append(event)
        topics[event.key] = event.topic
    yield wave


def _lag(
    ends: dict[SourcePartition, int], passed: dict[SourcePartition, Position]
) -> dict[SourcePartition, int]:
    offsets = {source: position.offset for source, position in passed.items()}
    return {
        source: end - offsets.get(source, 0)
        for source, end in ends.items()
        if end > offsets.get(source, 0)
    }

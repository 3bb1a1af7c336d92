"""History is played one day after the other."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from models.calendar import calendar
from models.events import Tick, decode
from streams.clock import ManualClock
from streams.errors import Unavailable
from streams.jobs import play as play_module
from streams.jobs.play import Stage, Unplayable, _waves, play
from streams.jobs.publish import SourceEvent
from streams.log.memory import MemoryLog
from streams.log.positions import Position, SourcePartition
from streams.log.producer import MemoryProducer
from streams.topics import LOG, Catalogue

CATALOGUE = Catalogue("p.", 2, 400, 30, 7)
PURCHASES = "customer.purchase.v1"
LONDON = calendar("Europe/London")


class Following:
    """Positions of an ingress that follows at once, or stands still."""

    def __init__(self, log: MemoryLog, *, stands_still: bool = False) -> None:
        self.log = log
        self.stands_still = stands_still

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        places = [(topic, number) for topic in topics for number in range(3)]
        return {place: (await self.log.bounds(*place)).end for place in places}

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        assert group == "p-ingress"
        if self.stands_still:
            return {}
        ends = await self.ends(CATALOGUE.sources)
        return {place: Position(end, "") for place, end in ends.items()}

    async def identity(self, topic: str) -> str:
        return topic

    async def close(self) -> None:
        """Nothing to give back."""


def stage(*, stands_still: bool = False) -> tuple[Stage, MemoryLog]:
    log = MemoryLog(lambda: 0)
    positions = Following(log, stands_still=stands_still)
    return Stage(CATALOGUE, "p-ingress", MemoryProducer(log), positions), log


async def ticks(log: MemoryLog, partition: int) -> list[int]:
    topic = CATALOGUE.name(LOG)
    _, end = await log.bounds(topic, partition)
    found = [r async for rs, _ in log.read(topic, partition, 0, end) for r in rs]
    events = [decode(record.value or b"") for record in found]
    return [event.t for event in events if isinstance(event, Tick)]


def sale(at: str) -> SourceEvent:
    return SourceEvent(PURCHASES, b"C-1", b"{}", int(datetime.fromisoformat(at).timestamp()))


async def test_the_clock_moves_to_each_day_that_has_events_and_then_beyond() -> None:
    playing, log = stage()
    times = ["2011-06-03T00:30:00+01:00", "2011-06-01T23:30:00+01:00", "2011-06-01T08:00:00+01:00"]
    events = [sale(at) for at in times]
    told: list[tuple[int, int]] = []
    last = await play(
        events, playing, LONDON, beyond_days=10, progress=lambda n, at: told.append((n, at))
    )
    first, third = LONDON.day(1306926000), LONDON.day(1306926000) + 2
    expected = [LONDON.start(first), LONDON.start(third), LONDON.start(third + 10)]
    for number in range(CATALOGUE.partitions):
        assert await ticks(log, number) == expected
    assert last == expected[-1]
    assert told == [(2, LONDON.start(third)), (1, LONDON.start(third + 1))]


def test_in_one_wave_a_customers_events_are_of_one_topic() -> None:
    said = [
        ("a", "shop"),
        ("b", "desk"),
        ("a", "shop"),
        ("a", "desk"),
        ("b", "desk"),
        ("b", "shop"),
    ]
    events = [SourceEvent(topic, key.encode(), b"", i) for i, (key, topic) in enumerate(said)]
    waves = list(_waves(events))
    assert [[event.occurred_at for event in wave] for wave in waves] == [[0, 1, 2], [3, 4], [5]]


async def test_the_clock_waits_for_ingress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play_module, "_STANDSTILL_S_MAX", 0.05)
    playing, log = stage(stands_still=True)
    events = [sale("2011-06-01T12:00:00+00:00")]
    with pytest.raises(Unavailable, match=r"1 records before the end of p\.customer\.purchase"):
        await asyncio.wait_for(play(events, playing, LONDON, progress=lambda _n, _at: None), 5)
    assert await ticks(log, 0) == [LONDON.start(LONDON.day(1306926000))]


async def test_the_time_that_questions_take_counts_as_a_standstill() -> None:
    """Brokers that do not answer are asked for 15 seconds each time."""
    log, clock, asked = MemoryLog(lambda: 0), ManualClock(), 0

    class Silent(Following):
        async def committed(self, group: str) -> dict[SourcePartition, Position]:
            nonlocal asked
            asked += 1
            clock.advance(15)
            if asked % 2:
                return {}
            raise Unavailable(group)

    playing = Stage(CATALOGUE, "p-ingress", MemoryProducer(log), Silent(log), clock)
    with pytest.raises(Unavailable, match="ingress stands still, 1 records"):
        await asyncio.wait_for(
            play(
                [sale("2011-06-01T12:00:00+00:00")], playing, LONDON, progress=lambda _n, _at: None
            ),
            5,
        )
    assert asked == 5


async def test_what_has_no_place_in_history_is_refused() -> None:
    playing, _ = stage()
    change = SourceEvent("segment.control.v1", b"", b"{}", None)
    with pytest.raises(Unplayable, match="concerns every customer"):
        await play([change], playing, LONDON, progress=lambda _n, _at: None)
    with pytest.raises(Unplayable, match="no events"):
        await play([], playing, LONDON, progress=lambda _n, _at: None)

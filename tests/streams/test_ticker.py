"""The ticker: what it may promise, when it is held, and when it writes."""

import asyncio
import json
from collections.abc import Sequence
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import Tick, decode
from streams.clock import ManualClock
from streams.errors import Unavailable
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.log.positions import Position, SourcePartition
from streams.log.producer import MemoryProducer
from streams.releases import Releases
from streams.ticker import (
    ADVANCE_S_MAX,
    LOOK_EVERY_S,
    SLACK_S,
    Held,
    Judge,
    Observatory,
    Promise,
    Sight,
    Ticker,
)

NOW = 1_800_000_000
SHOP: SourcePartition = ("shop", 0)
DESK: SourcePartition = ("desk", 0)
LOG = "segment.log.v1"
CONTROL = "segment.control.v1"


def sight(
    at: int,
    ends: dict[SourcePartition, int],
    passed: dict[SourcePartition, tuple[int, int]],
    released: Sequence[SourcePartition] = (),
) -> Sight:
    """`passed`: by source partition, the committed offset and the source time noted with it."""
    positions = {source: Position(offset, str(ts)) for source, (offset, ts) in passed.items()}
    return Sight(at, ends, positions, frozenset(released))


def test_caught_up_the_clock_is_promised_but_for_the_slack() -> None:
    verdict = Judge().judge(sight(NOW, {SHOP: 5}, {SHOP: (5, NOW - 900)}))
    assert verdict == Promise(NOW - SLACK_S, None)


def test_an_empty_source_counts_as_caught_up() -> None:
    verdict = Judge().judge(sight(NOW, {SHOP: 5, DESK: 0}, {SHOP: (5, NOW)}))
    assert verdict == Promise(NOW - SLACK_S, None)


def test_a_source_that_ingress_never_committed_holds_the_clock_and_is_named() -> None:
    verdict = Judge().judge(sight(NOW, {SHOP: 5, DESK: 1}, {SHOP: (5, NOW)}))
    assert verdict == Held(DESK)


def test_through_a_backlog_time_follows_what_ingress_has_passed() -> None:
    judge = Judge()
    assert judge.judge(sight(NOW, {SHOP: 10}, {SHOP: (10, NOW)})) == Promise(NOW - SLACK_S, None)
    # Ingress stops for an hour while the source grows, then works through it.
    for minute in range(1, 61):
        at = NOW + 60 * minute
        verdict = judge.judge(sight(at, {SHOP: 10 + minute}, {SHOP: (10, NOW)}))
        assert verdict == Promise(NOW - SLACK_S, SHOP)
    end = {SHOP: 70}
    halfway = judge.judge(sight(NOW + 3_601, end, {SHOP: (40, NOW + 1_800)}))
    assert halfway == Promise(NOW + 1_800 - SLACK_S, SHOP)
    assert judge.judge(sight(NOW + 3_602, end, {SHOP: (70, NOW + 3_600)})) == Promise(
        NOW + 3_602 - SLACK_S, None
    )


def test_a_fresh_judge_follows_a_backlog_by_the_time_of_what_was_passed() -> None:
    judge = Judge()
    sights = [sight(NOW + i, {SHOP: 100}, {SHOP: (40 + i, NOW - 9_000 + 60 * i)}) for i in range(3)]
    assert [judge.judge(each) for each in sights] == [
        Promise(NOW - 9_000 + 60 * i - SLACK_S, SHOP) for i in range(3)
    ]


def test_a_released_source_does_not_hold_the_clock() -> None:
    verdict = Judge().judge(sight(NOW, {SHOP: 5, DESK: 1}, {SHOP: (5, NOW)}, [DESK]))
    assert verdict == Promise(NOW - SLACK_S, None)


def test_a_source_time_from_the_future_promises_nothing_beyond_the_clock() -> None:
    verdict = Judge().judge(sight(NOW, {SHOP: 9}, {SHOP: (5, NOW + 86_400)}))
    assert verdict == Promise(NOW - SLACK_S, SHOP)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 120)),
        min_size=1,
        max_size=60,
    )
)
def test_what_is_promised_was_passed(steps: list[tuple[int, int, int]]) -> None:
    """However ingress lags, nothing that was taken in before `t` is still to be read."""
    judge = Judge()
    at, arrivals, passed = NOW, list[int](), 0
    for arriving, passing, seconds in steps:
        arrivals += [at] * arriving
        passed = min(len(arrivals), passed + passing)
        at += seconds
        newest = arrivals[passed - 1] if passed else 0
        verdict = judge.judge(
            sight(at, {SHOP: len(arrivals)}, {SHOP: (passed, newest)} if passed else {})
        )
        if isinstance(verdict, Promise):
            assert all(arrival >= verdict.t for arrival in arrivals[passed:])


class Sources:
    """Positions that are set by hand."""

    def __init__(self) -> None:
        self.held: dict[SourcePartition, int] = {SHOP: 1}
        self.passed = {SHOP: Position(1, str(NOW))}
        self.looks = 0

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        self.looks += 1
        await asyncio.sleep(0)  # others have their turn
        return {source: end for source, end in self.held.items() if source[0] in topics}

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        assert group == "ingress"
        return self.passed

    async def identity(self, topic: str) -> str:
        return topic

    async def close(self) -> None:
        """Nothing to give back."""


class StandIn:
    """A partition whose clock stands where the test puts it."""

    def __init__(self, now: int | None, due_at: int | None = None) -> None:
        self.number = 2
        self.now = now
        self.due_at = due_at

    async def due_by(self, until: int) -> bool:
        return self.due_at is not None and self.due_at <= until


class SkewedClock(ManualClock):
    """A worker's clock, `skew_s` ahead of the brokers'."""

    skew_s = 0

    def now(self) -> int:
        return super().now() + self.skew_s


class Rig:
    def __init__(self, partition: StandIn) -> None:
        self.clock = SkewedClock(NOW)
        self.partition = partition
        self.log = MemoryLog(lambda: int(self.clock.monotonic()))
        self.sources = Sources()
        self.held: list[str | None] = []
        self.observatory = Observatory(
            self.sources, Releases(self.log, CONTROL), ["shop", "desk"], "ingress", self.clock
        )
        producer = MemoryProducer(self.log)
        self.ticker = Ticker(partition, LOG, producer, self.observatory, self.clock, self)

    def clock_held(self, partition: int, source: str | None) -> None:
        assert partition == 2
        self.held.append(source)

    async def ticks(self) -> list[int]:
        _, end = await self.log.bounds(LOG, 2)
        found = [r async for rs, _ in self.log.read(LOG, 2, 0, end) for r in rs]
        events = [decode(record.value or b"") for record in found]
        return [event.t for event in events if isinstance(event, Tick)]

    async def each_second(self, seconds: int, *, taken: bool) -> int:
        """Let time pass; return how many ticks were written. `taken`: by the partition, at once."""
        written = 0
        for _ in range(seconds):
            self.clock.advance(1)
            before = await self.ticks()
            if await self.ticker.is_time():
                await self.ticker.tick()
            new = (await self.ticks())[len(before) :]
            written += len(new)
            if taken and new:
                now = min(*new, int(self.clock.monotonic()))
                self.partition.now = max(self.partition.now or 0, now)
        return written

    async def release(self, source: str, ends: dict[str, int]) -> None:
        said = {"event": "clock.released", "source": source, "ends": ends, "by": "a", "reason": "b"}
        self.log.append(Append(CONTROL, 0, [Entry(None, json.dumps(said).encode())]))


async def test_a_tick_is_written_once_and_again_only_when_time_went_on() -> None:
    rig = Rig(StandIn(now=None))
    await rig.ticker.tick()
    await rig.ticker.tick()
    assert await rig.ticks() == [NOW - SLACK_S]
    rig.clock.advance(2)
    await rig.ticker.tick()
    assert await rig.ticks() == [NOW - SLACK_S, NOW - SLACK_S + 2]
    assert rig.held == [None, None, None]


async def test_all_partitions_share_one_look_a_second() -> None:
    rig = Rig(StandIn(now=None))
    for looks in (1, 2):
        await asyncio.gather(*(rig.observatory.look() for _ in range(3)))
        assert rig.sources.looks == looks
        rig.clock.advance(LOOK_EVERY_S)


async def test_a_ticker_goes_on_once_the_brokers_are_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(StandIn(now=None))
    answers = AsyncMock(side_effect=[Unavailable("the brokers are away"), {SHOP: 1}])
    monkeypatch.setattr(rig.sources, "ends", answers)
    monkeypatch.setattr(asyncio, "sleep", AsyncMock(side_effect=[None, asyncio.CancelledError]))
    with pytest.raises(asyncio.CancelledError):
        await rig.ticker.run()
    assert rig.held == ["unavailable", None]
    assert await rig.ticks() == [NOW - SLACK_S]


async def test_a_leap_of_more_than_two_days_is_held_for_a_person() -> None:
    far = NOW - SLACK_S - ADVANCE_S_MAX
    for now, expected in ((far - 1, []), (far, [NOW - SLACK_S])):
        rig = Rig(StandIn(now=now))
        await rig.ticker.tick()
        assert await rig.ticks() == expected
        assert rig.held == [None if expected else "clock"]


async def test_a_source_that_holds_the_clock_is_named_until_it_is_released() -> None:
    rig = Rig(StandIn(now=None))
    rig.sources.held[DESK] = 7
    await rig.ticker.tick()
    assert rig.held == ["desk"]
    await rig.release("desk", {"0": 7})
    rig.clock.advance(2)
    await rig.ticker.tick()
    assert rig.held == ["desk", None]
    assert await rig.ticks() == [NOW + 2 - SLACK_S]


async def test_a_source_that_lags_is_named_while_it_keeps_the_clock_where_it_is() -> None:
    rig = Rig(StandIn(now=NOW))
    rig.sources.held[SHOP] = 2
    await rig.ticker.tick()
    assert rig.held == ["shop"]
    assert await rig.ticks() == []


async def test_a_release_ends_when_the_source_has_come_back() -> None:
    rig = Rig(StandIn(now=None))
    await rig.release("desk", {"0": 7})
    rig.sources.held[DESK] = 9
    rig.sources.passed[DESK] = Position(7, "")
    await rig.ticker.tick()
    assert rig.held == ["desk"]


@pytest.mark.parametrize(
    ("due_at", "waited_s", "expected"),
    [(None, 59, False), (None, 60, True), (NOW + 60, 1, True), (NOW + 61, 1, False)],
)
async def test_ticks_come_each_minute_and_each_second_while_somebody_is_due(
    due_at: int | None, waited_s: int, *, expected: bool
) -> None:
    rig = Rig(StandIn(now=NOW, due_at=due_at))
    await rig.ticker.tick()
    rig.clock.advance(waited_s)
    assert await rig.ticker.is_time() is expected


async def test_a_clock_that_was_wrong_for_a_moment_holds_nothing_once_it_is_right() -> None:
    rig = Rig(StandIn(now=NOW - SLACK_S, due_at=0))
    assert await rig.each_second(10, taken=True) == 10
    rig.clock.skew_s = 40 * 3_600
    assert await rig.each_second(1, taken=True) == 1
    wrong_at = NOW + 11
    assert rig.partition.now == wrong_at
    rig.clock.skew_s = 0
    assert await rig.each_second(SLACK_S, taken=True) == 0
    assert await rig.each_second(60, taken=True) == 60
    assert rig.partition.now == wrong_at + 60


async def test_a_clock_that_lags_behind_the_partitions_is_told() -> None:
    rig = Rig(StandIn(now=NOW))
    await rig.ticker.tick()
    assert rig.held == [None]
    rig.clock.skew_s = -3_600
    rig.clock.advance(2)
    await rig.ticker.tick()
    assert rig.held == [None, "clock"]


@pytest.mark.parametrize("now", [None, NOW - 3_600])
async def test_a_partition_that_takes_no_tick_gets_one_a_minute(now: int | None) -> None:
    """It is halted, or far behind: each second another one would only lengthen its log."""
    rig = Rig(StandIn(now=now, due_at=0))
    await rig.ticker.tick()
    assert await rig.each_second(600, taken=False) == 10

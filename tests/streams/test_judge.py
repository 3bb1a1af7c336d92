"""The judge of the clock: whom it waits for, and that it remembers enough, and no more."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import ticker
from streams.log.positions import Position, SourcePartition
from streams.ticker import SLACK_S, Held, Judge, Promise, Sight

NOW = 1_800_000_000
SHOP: SourcePartition = ("shop", 0)
DESK: SourcePartition = ("desk", 0)


class Plain:
    """Remembers all ends of every sight, and looks through all of them."""

    def __init__(self) -> None:
        self.sights: list[Sight] = []

    def counted(self, sight: Sight) -> int | None:
        self.sights.append(sight)
        return max((each.at for each in self.sights if _passes(sight, each)), default=None)


def _passes(sight: Sight, earlier: Sight) -> bool:
    none = Position(0, "")
    return all(sight.passed.get(s, none).offset >= end for s, end in earlier.ends.items())


@settings(max_examples=40)
@given(
    random=st.randoms(use_true_random=False),
    most=st.sampled_from([3, 9, 513]),
    is_lost=st.booleans(),
)
def test_what_is_remembered_in_part_counts_as_all_of_it_would(
    *, random: Random, most: int, is_lost: bool
) -> None:
    """In wider steps it may count less, never more; so it does where a source is made anew."""
    judge, plain = Judge(), Plain()
    ends: dict[SourcePartition, int] = {("shop", 0): 0, ("desk", 0): 0, ("web", 0): 0}
    passed: dict[SourcePartition, Position] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ticker, "_REMEMBERED_MAX", most)
        for step in range(60):
            for source, before in ends.items():
                end = ends[source] = before + random.choice((0, 0, 1, 2))
                if random.random() < 0.6:
                    came_to = passed.get(source, Position(0, "")).offset
                    passed[source] = Position(random.randint(came_to, end), "")
            if is_lost and random.random() < 0.05:
                ends["shop", 0], passed["shop", 0] = 0, Position(0, "")
            sight = Sight(NOW + step, dict(ends), dict(passed))
            judge.judge(sight)
            found, best = judge._counted(sight), plain.counted(sight)
            if most > 60 and not is_lost:
                assert found == best
            elif found is not None:
                assert best is not None
                assert found <= best
            assert len(judge._remembered) <= most


def test_a_look_past_a_stuck_partition_costs_about_one_pass_over_the_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, is_passed, count, looks = 0, ticker._is_passed, 200, 600

    def counting(*told: Any) -> bool:  # noqa: ANN401  # as it was called
        nonlocal asked
        asked += 1
        return is_passed(*told)

    monkeypatch.setattr(ticker, "_is_passed", counting)
    judge, sources = Judge(), [("shop", number) for number in range(count)]
    stuck = {sources[-1]: Position(5, str(NOW))}
    for look in range(looks):
        ends = {source: 100 + (look + n) // count for n, source in enumerate(sources)}
        at = {source: Position(end, str(NOW + look)) for source, end in ends.items()}
        judge.judge(Sight(NOW + look, ends, at | stuck))
    assert asked <= 3 * count * looks
    assert sum(len(ends) for _, ends in judge._remembered) <= count + looks


@pytest.mark.parametrize("desk", [{}, {DESK: Position(3, "")}, {DESK: Position(3, "by hand")}])
def test_a_source_of_which_no_time_is_known_holds_the_clock(
    desk: dict[SourcePartition, Position],
) -> None:
    """Also where another one lags whose time is known."""
    passed = {SHOP: Position(5, str(NOW - 900)), **desk}
    assert Judge().judge(Sight(NOW, {SHOP: 9, DESK: 7}, passed)) == Held(DESK)


def test_the_slowest_source_sets_the_clock() -> None:
    passed = {SHOP: Position(5, str(NOW - 300)), DESK: Position(3, str(NOW - 900))}
    verdict = Judge().judge(Sight(NOW, {SHOP: 9, DESK: 7}, passed))
    assert verdict == Promise(NOW - 900 - SLACK_S, DESK)


@pytest.mark.parametrize("desk", [{}, {DESK: Position(3, str(NOW + 30))}])
def test_who_lags_is_named_although_an_earlier_look_limits_the_clock(
    desk: dict[SourcePartition, Position],
) -> None:
    """Nothing had come from the desk then: it is she whom somebody has to see to now."""
    judge = Judge()
    assert judge.judge(Sight(NOW, {DESK: 0}, {})) == Promise(NOW - SLACK_S, None)
    assert judge.judge(Sight(NOW + 900, {DESK: 7}, desk)) == Promise(NOW - SLACK_S, DESK)


def test_a_source_that_is_gone_holds_the_clock_no_longer() -> None:
    judge, passed = Judge(), {SHOP: Position(5, str(NOW))}
    assert judge.judge(Sight(NOW, {SHOP: 5, DESK: 7}, passed)) == Held(DESK)
    verdict = judge.judge(Sight(NOW + 60, {SHOP: 5}, passed))
    assert verdict == Promise(NOW + 60 - SLACK_S, None)

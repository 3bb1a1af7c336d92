"""The laws of tiers in time on the ladder alone: what each instant gives, whatever the rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import DAY_S
from models.churn_model import RiskModel
from models.customer import Conclusions, CustomerState
from rules.book import Book, Given
from rules.compiler.compile import compile_book
from rules.tiers.judging import Judge, Judged, highest
from rules.tiers.scene import Scene
from rules.tiers.tiering import Move, Outcome, is_quiet, settle
from tests.rules.driving import at, book

GIVEN = Given(None, RiskModel())
AT_ONCE = compile_book(book())
BY_STEPS = replace(AT_ONCE, timing=replace(AT_ONCE.timing, downgrade="one_step"))
TOP = 2
books = st.sampled_from((BY_STEPS, AT_ONCE))
masks = st.integers(0, (1 << TOP + 1) - 1).map(lambda mask: mask | 1)  # the lowest needs nothing


def graced(rules: Book, days: int, stay: int = 0) -> Book:
    low, *others = rules.tiers
    tiers = (low, *(replace(t, grace_days=days, minimum_stay_days=stay) for t in others))
    return replace(rules, tiers=tiers)


def settled(
    rules: Book, state: CustomerState, qualified: int, held: int, when: int
) -> tuple[int | None, Outcome]:
    judge = Judge(rules, GIVEN, state, None)
    result = settle(Scene(judge, Judged(qualified, held, when, state), when, when))
    state.concluded.tier, state.concluded.tier_since = result.tier, result.since
    return result.tier, result.outcome


def standing(tier: int | None, since: int = at(0)) -> CustomerState:
    return CustomerState(concluded=Conclusions(tier=tier, tier_since=since))


@pytest.mark.parametrize(("mask", "index"), [(1, 0), (0b101, 2), (0b11, 1)])
def test_the_highest_tier_of_a_mask(mask: int, index: int) -> None:
    assert highest(mask) == index


@given(books, masks, masks)
def test_a_newcomer_joins_where_she_qualifies(rules: Book, qualified: int, held: int) -> None:
    tier, outcome = settled(rules, standing(None), qualified, qualified | held, at(1))
    assert tier == highest(qualified)
    assert outcome == Outcome(move=Move(highest(qualified), "joined"))


@given(books, st.integers(0, TOP), masks, masks)
def test_without_grace_the_laws_decide_at_once(
    rules: Book, tier: int, qualified: int, kept: int
) -> None:
    held = qualified | kept
    best, state = highest(qualified), standing(tier)
    quiet = is_quiet(state.concluded, qualified, held)
    to, outcome = settled(rules, state, qualified, held, at(5))
    decided = Judged(qualified, held, at(5), state)
    assert quiet == (best <= tier and bool(held >> tier & 1))
    if best > tier:  # L1: at once, and as far as it goes
        assert outcome.move == Move(best, "qualified", decided=decided)
    elif held >> tier & 1:  # L2: kept while either rule holds
        assert (to, outcome) == (tier, Outcome())
    else:
        below = [i for i in range(tier) if held >> i & 1]
        # One step at a time ends at the first tier that holds, for nothing is waited for there.
        assert outcome.move == Move(max(below), "keep_failed", decided=decided)


@given(st.integers(1, 90), st.integers(0, 90), st.integers(0, 60), st.integers(0, 86_399))
def test_a_warning_runs_until_stay_and_grace_are_over(
    grace: int, stay: int, failed_day: int, second: int
) -> None:
    rules, state = graced(AT_ONCE, grace, stay), standing(TOP)
    failed = at(failed_day) + second
    tier, outcome = settled(rules, state, 1, 1, failed)
    assert (tier, outcome) == (TOP, Outcome(warned="set"))
    warned = state.concluded.standing
    assert warned is not None
    assert warned.warned is not None
    ends_at = warned.warned.ends_at
    assert ends_at == max(at(stay), at(failed_day + grace))
    assert ends_at % DAY_S == 0  # L5: the beginning of a day, in this zone
    warned.warned.id = b"told"
    tier, outcome = settled(rules, state, 1, 1, ends_at)
    assert tier == 0
    assert outcome.move is not None
    assert outcome.move.reason == "grace_ended"
    assert outcome.move.warned is not None
    assert outcome.cleared is None


def test_an_upgrade_clears_the_warning() -> None:
    rules, state = graced(AT_ONCE, 30), standing(1)
    settled(rules, state, 1, 1, at(3))
    running = state.concluded.standing
    assert running is not None
    assert running.warned is not None
    running.warned.id = b"told"
    tier, outcome = settled(rules, state, 0b111, 0b111, at(4))
    assert tier == TOP
    assert outcome.cleared is not None
    assert outcome.cleared.id == b"told"
    assert outcome.move == Move(TOP, "qualified", decided=Judged(0b111, 0b111, at(4), state))
    assert state.concluded.standing is None

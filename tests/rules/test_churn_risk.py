"""Churn bands: entered and left at their own bounds, held for a while, and never noticed late."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.churn import MbgNbd
from models.customer import Conclusions, Facts
from rules.book import Band, ChurnRules
from rules.churn_risk import assess, standing
from tests.rules.driving import Driver, at, book

HOUR_S = 3_600
DAY_S = 86_400
MODEL = MbgNbd(r=0.5, alpha_days=8.0, a=0.8, b=2.0)
RULES = ChurnRules(
    horizon_days=10.0,
    bands=(Band("medium", 40, 35), Band("high", 70, 60)),
    minimum_stay_s=DAY_S,
    minimum_history_s=2 * DAY_S,
)


def bought(*days: int) -> Facts:
    facts = Facts(first_purchase_at=at(days[0]), last_purchase_at=at(days[-1]))
    facts.purchase_days = len(days)
    return facts


class Assessment(NamedTuple):
    band: int | None
    due: int | None
    quiet_until: int | None


def assessed(
    facts: Facts,
    when: int,
    *,
    at_once: bool = False,
    band: int | None = None,
    band_since: int | None = None,
    quiet_until: int | None = None,
) -> Assessment:
    held = Conclusions(band=band, band_since=band_since, quiet_until=quiet_until)
    return Assessment(*assess(facts, held, RULES, MODEL, when, at_once=at_once))


def test_without_a_purchase_or_a_history_there_is_no_band() -> None:
    assert assessed(Facts(), at(0)) == Assessment(None, None, None)
    assert assessed(bought(0), at(1)) == Assessment(None, at(2), None)
    assert assessed(bought(0), at(2)).band is not None


@settings(max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5, unique=True).map(sorted))
def test_silence_lifts_the_band_at_quiet_until_and_not_before(days: list[int]) -> None:
    """Against asking every hour; the instant itself is held to the second."""
    facts = bought(*days)
    start = at(days[-1] + 2)
    first = assessed(facts, start)
    if first.quiet_until is None:
        return
    for when in range(start, min(first.quiet_until, start + 60 * DAY_S), HOUR_S):
        assert assessed(facts, when).band == first.band
    assert assessed(facts, first.quiet_until - 1).band == first.band
    assert (assessed(facts, first.quiet_until).band or 0) > (first.band or 0)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True).map(sorted),
    st.integers(1, 20),
)
def test_a_remembered_instant_never_makes_it_late(days: list[int], later: int) -> None:
    """What is kept from before a purchase may be early, and never late."""
    start = at(days[-1] + 2)
    known = assessed(bought(*days), start)
    more = bought(*days, days[-1] + later)
    when = at(days[-1] + later + 1)
    fresh = assessed(more, when)
    if known.quiet_until is None or fresh.band is None:
        return
    kept = assessed(more, when, band=fresh.band, band_since=at(0), quiet_until=known.quiet_until)
    truth = assessed(more, when, band=fresh.band, band_since=at(0))
    if kept.band == truth.band and truth.quiet_until is not None:
        assert kept.quiet_until is not None
        assert kept.quiet_until <= truth.quiet_until


def rising() -> tuple[Facts, int, int]:
    """Return a history, its band, and the instant at which silence lifts that band."""
    facts = bought(0, 3, 5)
    known = assessed(facts, at(7))
    assert known.band is not None
    assert known.quiet_until is not None
    return facts, known.band, known.quiet_until


def test_a_band_is_left_only_below_its_keep() -> None:
    facts, low, entered = rising()
    assert assessed(facts, entered - 60).band == low
    assert assessed(facts, entered - 60, band=low + 1, band_since=at(0)).band == low + 1


def test_a_band_is_held_for_its_minimum_stay() -> None:
    facts, low, entered = rising()
    since = entered - HOUR_S
    waiting = assessed(facts, entered, band=low, band_since=since)
    assert (waiting.band, waiting.due) == (low, since + DAY_S)
    assert assessed(facts, entered, band=low, band_since=since, at_once=True).band == low + 1
    assert assessed(facts, since + DAY_S, band=low, band_since=since).band == low + 1


def test_standing_counts_repeats_between_first_and_last() -> None:
    stand = standing(bought(0, 3, 5), MODEL)
    assert stand is not None
    assert (stand.first_at, stand.last_at, stand.repeats) == (at(0), at(5), 2)
    assert standing(Facts(), MODEL) is None


def loyal() -> Driver:
    """A customer of some weeks, in the lowest band since yesterday."""
    customer = Driver(book(), first_tick=at(0))
    for day in range(0, 28, 2):
        customer.pass_to(at(day, 1))
        customer.take(customer.purchase(at(day, 1)))
    return customer


def test_a_purchase_rescues_at_once() -> None:
    customer = loyal()
    customer.pass_to(at(60))
    assert customer.bands()[-1][1] == "high"
    since = customer.known.concluded.band_since
    assert since is not None
    customer.take(customer.purchase(at(60)))
    assert customer.bands()[-1] == ("high", "low")


@pytest.mark.parametrize(("severity", "waits"), [("critical", False), ("high", True)])
def test_a_critical_complaint_cannot_wait(severity: str, *, waits: bool) -> None:
    """Any other change waits until the band was held for a day."""
    customer = loyal()
    customer.pass_to(at(60))
    customer.take(customer.purchase(at(60)))  # back in the lowest band from here on
    for number in range(4):
        customer.take(customer.complaint(at(60, 1), f"k{number}", severity=severity))
    assert (customer.known.concluded.band == 0) == waits
    customer.pass_to(at(61))
    assert customer.known.concluded.band != 0

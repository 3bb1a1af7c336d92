"""Churn bands: entered and left at their own bounds, held for a while, and never noticed late."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from math import floor
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import events
from models.churn import MbgNbd
from models.churn_calibration import Platt
from models.churn_model import RiskModel
from models.customer import Conclusions, Facts
from models.decisions import ChurnRiskChanged
from rules.book import Band, ChurnRules
from rules.churn_risk import Scale, age_days, assess, raw_risk, reached_at, score_at, standing
from tests.rules.driving import Driver, at, book

HOUR_S = 3_600
DAY_S = 86_400
MODEL = RiskModel(MbgNbd(r=0.5, alpha_days=8.0, a=0.8, b=2.0))
RULES = ChurnRules(
    horizon_days=10.0,
    bands=(Band("medium", 40, 35), Band("high", 70, 60)),
    minimum_stay_s=DAY_S,
    minimum_history_s=2 * DAY_S,
)
SCALE = Scale.of(RULES, MODEL)


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
) -> Assessment:
    held = Conclusions(band=band, band_since=band_since)
    return Assessment(*assess(facts, held, SCALE, when, at_once=at_once))


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


CALIBRATED = Scale.of(
    RULES, RiskModel(MODEL.parameters, calibration=Platt(intercept=0.6, slope=0.7))
)


@given(st.integers(0, 400 * DAY_S), st.sampled_from((SCALE, CALIBRATED)))
def test_scores_and_bands_are_those_of_the_calibrated_risk(later: int, scale: Scale) -> None:
    """Bounds are made raw once; the result is as if every risk were calibrated."""
    facts = bought(0, 3, 5)
    stand = standing(facts, scale.model)
    assert stand is not None
    when = at(5) + later
    told = scale.model.calibrated(raw_risk(scale, stand, when))
    if min(abs(100 * told - bound) for bound in (40, 70)) > 1e-9:
        band = assess(facts, Conclusions(), scale, when, at_once=False)[0]
        assert band == (told >= 0.4) + (told >= 0.7)
    if abs((100 * told + 0.5) % 1.0 - 0.5) < 0.5 - 1e-9:
        assert score_at(scale, stand, when) == floor(100 * told + 0.5)


def test_scores_round_halves_up() -> None:
    risks_told = (0.0, 0.004, 0.005, 0.125, 0.7449, 0.745, 1.0)
    assert [bisect_right(SCALE.scores, each) for each in risks_told] == [
        0, 0, 1, 13, 74, 75, 100,
    ]  # fmt: skip


def test_a_calibrated_band_is_entered_on_time() -> None:
    facts = bought(0, 3, 5)
    band, _, quiet_until = assess(facts, Conclusions(), CALIBRATED, at(7), at_once=False)
    stand = standing(facts, MODEL)
    assert quiet_until is not None
    assert stand is not None
    platt = CALIBRATED.model.calibration
    assert platt is not None
    entered = RULES.bands[band or 0].enter / 100
    before, reached = (
        platt.calibrated(raw_risk(CALIBRATED, stand, when))
        for when in (quiet_until - 1, quiet_until)
    )
    assert before < entered <= reached + 1e-12


def test_a_band_at_certainty_is_never_entered() -> None:
    scale = Scale.of(replace(RULES, bands=(Band("medium", 40, 35), Band("high", 100, 90))), MODEL)
    facts = bought(0)
    stand = standing(facts, MODEL)
    assert stand is not None
    assert age_days(stand, at(3_000)) == 3_000
    assert assess(facts, Conclusions(), scale, at(3_000), at_once=False) == (1, None, None)
    assert reached_at(scale, stand, scale.bands[1][0], at(3)) is None


def stepping(customer: Driver, least: int = 15) -> Driver:
    """Let a customer's scores be told in steps."""
    for era in customer.reducer.eras:
        assert era.churn is not None
        era.churn = era.churn._replace(rules=replace(era.churn.rules, score_step=least))
    return customer


def risks(customer: Driver) -> list[ChurnRiskChanged]:
    return [said for said in customer.said if isinstance(said, ChurnRiskChanged)]


def test_silence_tells_every_step_at_its_second() -> None:
    customer = stepping(loyal())
    began = len(risks(customer))
    customer.pass_to(at(200))
    told = risks(customer)[began:]
    steps = [each for each in told if each.from_band == each.to_band]
    assert {each.cause.type for each in steps} == {"churn.step"}
    assert {each.cause.type for each in told} == {"churn.step", "churn.silence"}
    assert all(each.score - (each.previous_score or 0) == 15 for each in steps)
    scores = [each.score for each in told]
    assert scores == sorted(scores)
    bands = [each.to_band for each in told if each.from_band != each.to_band]
    assert bands == ["medium", "high"]
    medium = next(each for each in steps if each.to_band == "medium")
    entered = next(each for each in told if each.to_band == "high" and each.from_band == "medium")
    assert medium.if_nothing_happens is not None
    assert medium.if_nothing_happens.at == entered.occurred_at


def test_looking_often_tells_no_more_and_no_sooner() -> None:
    once, often = stepping(loyal()), stepping(loyal())
    for hour in range(28 * 24, 120 * 24, 7):
        often.pass_to(at(0, hour))
    once.pass_to(at(120))
    often.pass_to(at(120))
    assert once.said == often.said
    assert once.packed == often.packed


def test_an_event_tells_a_step_at_once() -> None:
    customer = stepping(loyal(), 2)
    customer.take(customer.purchase(at(26, 2)))
    before = risks(customer)[-1]
    customer.take(customer.complaint(at(26, 2), severity="medium"))
    told = risks(customer)[-1]
    assert (told.from_band, told.to_band, told.cause.type) == ("low", "low", "complaint")
    assert told.score >= before.score + 2
    assert told.previous_score == before.score


def test_without_steps_a_score_is_told_with_bands_only() -> None:
    customer = loyal()
    customer.pass_to(at(200))
    assert all(each.from_band != each.to_band for each in risks(customer))


def test_a_hold_keeps_steps_back() -> None:
    customer = stepping(loyal())
    hold = events.HoldSet(
        event_id="h", source="desk", occurred_at=at(26, 2), until=at(90), reason="r", by="ann"
    )
    customer.take(hold)
    began = len(risks(customer))
    customer.pass_to(at(89))
    assert len(risks(customer)) == began
    customer.pass_to(at(91))
    assert len(risks(customer)) > began


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


@pytest.mark.parametrize(("refunded", "share"), [(0, 1.0), (5_000, 0.5), (10_000, 0.0)])
def test_what_was_refunded_is_not_at_risk(refunded: int, share: float) -> None:
    told = []
    for amount in (0, refunded):
        customer = Driver(book(), first_tick=at(-1))
        for day in (0, 3):
            customer.take(customer.purchase(at(day), 5_000))
        back = events.Refund(
            event_id="r", source="shop", occurred_at=at(3, 1), refund_id="r",
            amount_minor=amount, currency="EUR", kind="return",
        )  # fmt: skip
        if amount:
            customer.take(back)
        customer.pass_to(at(60))
        last = [d for d in customer.said if isinstance(d, ChurnRiskChanged)][-1]
        assert last.value_at_risk is not None
        told.append(last.value_at_risk["amount_minor"])
    assert told[1] == pytest.approx(share * int(told[0]), abs=1)

"""Facts that also take what an era gives: RFM scores by its cuts, forecasts by its churn model.

They are read by functions of the customer, the zone, today, what is given and the book's churn
horizon in days; `look` returns the day on which a fact may next change by itself, None if never.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from math import floor
from typing import Any, TypeAlias

from models.calendar import Calendar
from models.churn import risk
from models.churn_expected import expected_purchases as expected
from models.customer import Facts
from rules.book import Given
from rules.churn_risk import age_days, standing
from rules.facts.arguments import Argument
from rules.facts.sales import orders, spend
from rules.facts.vocabulary import Unit
from rules.facts.windows import LIFE

Read: TypeAlias = Callable[..., Any]
Look: TypeAlias = Callable[[Facts, Calendar, int, Given], int | None]

SCORES = 5  # RFM scores are 1 to 5
CUT_DAYS_MAX = 36_525  # a century: nobody is looked at again for a later one


@dataclass(frozen=True, slots=True)
class GivenSpec:
    """One such fact; all can be unknown. `needs_horizon`: it takes `days`, or the churn horizon."""

    name: str
    unit: Unit
    about: str
    read: Read
    look: Look | None
    arguments: Mapping[str, Argument]
    needs_horizon: bool


GIVEN: dict[str, GivenSpec] = {}


def _given(
    name: str, unit: Unit, look: Look | None, *, horizon: bool = False, days: bool = False
) -> Callable[[Read], Read]:
    def enter(read: Read) -> Read:
        arguments = {"days": Argument("days")} if days else {}
        GIVEN[name] = GivenSpec(
            name, unit, cleandoc(read.__doc__ or ""), read, look, arguments, horizon
        )
        return read

    return enter


def _next_cut(facts: Facts, zone: Calendar, today: int, given: Given) -> int | None:
    """Return the day on which a silent customer's days pass the next cut of recency."""
    if given.cuts is None or facts.last_purchase_at is None:
        return None
    last = zone.day(facts.last_purchase_at)
    cuts = given.cuts.recency
    passed = bisect_left(cuts, max(0, today - last))
    if passed == len(cuts) or cuts[passed] > CUT_DAYS_MAX:
        return None
    return last + floor(cuts[passed]) + 1


def _tomorrow(facts: Facts, _zone: Calendar, today: int, _given: Given) -> int | None:
    return None if facts.last_purchase_at is None else today + 1


@_given("rfm.r", Unit.SCORE, _next_cut)
def recency(
    facts: Facts, zone: Calendar, today: int, given: Given, _horizon_days: float
) -> int | None:
    """Recency score, 1 to 5 (5: bought lately), by the cuts in force; unknown before a purchase."""
    if given.cuts is None or facts.last_purchase_at is None:
        return None
    days = max(0, today - zone.day(facts.last_purchase_at))
    return SCORES - bisect_left(given.cuts.recency, days)


@_given("rfm.f", Unit.SCORE, None)
def frequency(
    facts: Facts, zone: Calendar, _today: int, given: Given, _horizon_days: float
) -> int | None:
    """Frequency score, 1 to 5 (5: the most orders), by the cuts; unknown before a purchase."""
    if given.cuts is None or facts.last_purchase_at is None:
        return None
    return 1 + bisect_left(given.cuts.frequency, orders(facts, zone, LIFE))


@_given("rfm.m", Unit.SCORE, None)
def monetary(
    facts: Facts, zone: Calendar, _today: int, given: Given, _horizon_days: float
) -> int | None:
    """Money score, 1 to 5 (5: the highest spend), by the cuts; unknown before a purchase."""
    if given.cuts is None or facts.last_purchase_at is None:
        return None
    return 1 + bisect_left(given.cuts.monetary, spend(facts, zone, LIFE))


@_given("churn.risk", Unit.SHARE, _tomorrow, horizon=True)
def churn_risk(
    facts: Facts, zone: Calendar, today: int, given: Given, horizon_days: float
) -> float | None:
    """Probability, 0 to 1, of no purchase within the churn horizon; looked at every day."""
    stand = standing(facts, given.model)
    if stand is None:
        return None
    age = age_days(stand, zone.start(today))
    parameters = given.model.parameters
    raw = risk(parameters, stand.repeats, stand.log_dead, age, horizon_days)
    return given.model.calibrated(raw)


@_given("expected_purchases", Unit.ORDERS, _tomorrow, horizon=True, days=True)
def expected_purchases(
    facts: Facts,
    zone: Calendar,
    today: int,
    given: Given,
    horizon_days: float,
    days: int | None = None,
) -> float | None:
    """Days with a purchase that the next `days`, or the churn horizon, bring on average."""
    stand = standing(facts, given.model)
    if stand is None:
        return None
    age = age_days(stand, zone.start(today))
    parameters = given.model.parameters
    return expected(parameters, stand.repeats, stand.log_dead, age, days or horizon_days)


@_given("value_forecast", Unit.MONEY, _tomorrow, horizon=True, days=True)
def value_forecast(
    facts: Facts,
    zone: Calendar,
    today: int,
    given: Given,
    horizon_days: float,
    days: int | None = None,
) -> int | None:
    """Expected purchases times the mean spend of her days with a purchase so far."""
    coming: float | None = expected_purchases(facts, zone, today, given, horizon_days, days)
    if coming is None or facts.purchase_days == 0:
        return None
    spent: int = spend(facts, zone, LIFE)
    return round(coming * spent / facts.purchase_days)

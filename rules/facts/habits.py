"""Time: how long ago, how often, and how regularly a customer buys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from models.buckets import Series, within
from models.calendar import Calendar, Span
from models.customer import Facts
from rules.facts.joining import joined_day
from rules.facts.sales import named
from rules.facts.vocabulary import Unit, fact

_LEAST = 4  # values from which a variation can be told


def since(day: int | None, today: int) -> int | None:
    """Return the days since a day, at least 0; None without one."""
    return None if day is None else max(0, today - day)


def _last_purchase(facts: Facts, zone: Calendar) -> int | None:
    return None if facts.last_purchase_at is None else zone.day(facts.last_purchase_at)


def _first_purchase(facts: Facts, zone: Calendar) -> int | None:
    return None if facts.first_purchase_at is None else zone.day(facts.first_purchase_at)


@fact(Unit.DAYS, "rises", source=_last_purchase, unknown=True)
def days_since_purchase(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since the last purchase, at least 0; unknown before the first."""
    return since(_last_purchase(facts, zone), today)


@fact(Unit.DAYS, "rises", source=_first_purchase, unknown=True)
def days_since_first_purchase(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since the first purchase, at least 0; unknown before it."""
    return since(_first_purchase(facts, zone), today)


@fact(Unit.DAYS, "rises", source=joined_day, unknown=True)
def member_days(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since she joined: profile.joined_at, else the first purchase, else first seen."""
    return since(joined_day(facts, zone), today)


def _purchases(facts: Facts, _zone: Calendar) -> tuple[Series, ...]:
    return (facts.days, facts.orders), named(facts, "cancelled")


def _purchase_days(facts: Facts, window: Span) -> list[int]:
    """Return the days in the window with a purchase that was not refunded in full."""
    inside = within(facts.days, window)
    cancelled = dict(zip(*named(facts, "cancelled"), strict=True))
    days = zip(facts.days[inside], facts.orders[inside], strict=True)
    return [day for day, orders in days if orders > cancelled.get(day, 0)]


@fact(Unit.DAYS, "exits", source=_purchases, unknown=True, reads="days")
def order_interval_days(facts: Facts, _zone: Calendar, window: Span) -> float | None:
    """Mean number of days between two days with purchases; unknown before the second."""
    days = _purchase_days(facts, window)
    return (days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else None


@fact(Unit.SHARE, "exits", source=_purchases, unknown=True, reads="days")
def order_stability(facts: Facts, _zone: Calendar, window: Span) -> float | None:
    """How regular purchases are: 1 less the coefficient of variation of the gaps, 0 to 1.

    Gaps lie between days with purchases; unknown with fewer than 4 of them.
    """
    days = _purchase_days(facts, window)
    return _stability([later - day for day, later in pairwise(days)])


def _bought_quantities(facts: Facts, _zone: Calendar) -> tuple[Series, ...]:
    return (named(facts, "quantity"),)


@fact(Unit.SHARE, "exits", source=_bought_quantities, unknown=True, reads="series")
def quantity_stability(facts: Facts, _zone: Calendar, window: Span) -> float | None:
    """How even quantities are: 1 less the coefficient of variation of the days' sums, 0 to 1.

    Unknown with fewer than 4 days on which purchases said a quantity.
    """
    days, quantities = named(facts, "quantity")
    return _stability(quantities[within(days, window)])


def _stability(values: Sequence[int]) -> float | None:
    if len(values) < _LEAST:
        return None
    mean = sum(values) / len(values)
    if mean <= 0:
        return None
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return 1 - min(1.0, deviation / mean)

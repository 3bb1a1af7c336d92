"""Windows: the days that a fact looks at, and when they move on by themselves.

`days=n` are the days later than today − n, without an upper edge, so that a fact dated ahead of the
clock counts at once. A `period` is a calendar period with both its ends: the one that today is in,
or the one before it. Years of membership begin on the anniversaries of joining. Without either the
window is the whole life; what is kept by day reaches back as far as `RETENTION_DAYS`.
"""

from __future__ import annotations

from collections.abc import Iterable

from models.buckets import Series
from models.calendar import PERIOD_MONTHS, Calendar, Span, period_of, year_from
from models.customer import Facts
from rules.facts.joining import joined_day

LIFE = Span(None, None)
PERIODS = (
    *PERIOD_MONTHS,
    *(f"last_{name}" for name in PERIOD_MONTHS),
    *("membership_year", "last_membership_year"),
)

_LAST = "last_"
_MEMBERSHIP = "membership_year"


def window(
    facts: Facts, zone: Calendar, today: int, days: int | None = None, period: str | None = None
) -> Span:
    """Return the window that `days` or `period` names on a day; LIFE without either.

    A year of membership of someone who has not joined holds no day.
    """
    if days is not None:
        return Span(today - days + 1, None)
    if period is None:
        return LIFE
    ends = _current(facts, zone, today, period.removeprefix(_LAST))
    if ends is not None and period.startswith(_LAST):
        ends = _current(facts, zone, ends[0] - 1, period.removeprefix(_LAST))
    return Span(today + 1, today) if ends is None else Span(*ends)


def turn_days(
    several: Iterable[Series], facts: Facts, zone: Calendar, today: int, period: str
) -> list[int]:
    """Return the day on which a period's window moves on, if any bucket may enter or leave it."""
    unit = period.removeprefix(_LAST)
    joined = joined_day(facts, zone)
    if unit == _MEMBERSHIP and joined is not None and joined > today:
        return [joined]
    ends = _current(facts, zone, today, unit)
    if ends is None:
        return []
    span = window(facts, zone, today, None, period)
    first = span.first if span.first is not None and span.first < ends[0] else ends[0]
    return [ends[1] + 1] if any(days and days[-1] >= first for days, _ in several) else []


def _current(facts: Facts, zone: Calendar, today: int, period: str) -> tuple[int, int] | None:
    if period != _MEMBERSHIP:
        return period_of(period, today)
    joined = joined_day(facts, zone)
    # Who is to join tomorrow has no year yet, nor has who joined today one before it.
    return None if joined is None or joined > today else year_from(joined, today)

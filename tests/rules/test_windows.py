"""Windows: the days that `days` and `period` name, against the plain calendar."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.buckets import Series
from models.calendar import Calendar, Span, day_number
from models.customer import Facts
from rules.facts.windows import LIFE, PERIODS, turn_days, window
from tests.rules.histories import TODAY, ZONE

dates = st.dates(date(2019, 1, 1), date(2029, 12, 31))


def joined(text: str) -> Facts:
    return Facts(profile={"joined_at": (0, text)})


def named(period: str, today: date, facts: Facts | None = None) -> tuple[str, str]:
    span = window(facts or Facts(), ZONE, day_number(today), None, period)
    assert span.first is not None
    assert span.last is not None
    return str(Calendar.date(span.first)), str(Calendar.date(span.last))


def test_a_number_of_days_ends_open_and_none_is_a_life() -> None:
    assert window(Facts(), ZONE, TODAY, 7) == Span(TODAY - 6, None)
    assert window(Facts(), ZONE, TODAY) == LIFE


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("month", "2026-02-01", "2026-02-28"),
        ("last_month", "2026-01-01", "2026-01-31"),
        ("quarter", "2026-01-01", "2026-03-31"),
        ("last_quarter", "2025-10-01", "2025-12-31"),
        ("half", "2026-01-01", "2026-06-30"),
        ("last_half", "2025-07-01", "2025-12-31"),
        ("year", "2026-01-01", "2026-12-31"),
        ("last_year", "2025-01-01", "2025-12-31"),
        ("membership_year", "2025-05-09", "2026-05-08"),
        ("last_membership_year", "2024-05-09", "2025-05-08"),
    ],
)
def test_a_period_has_both_its_ends(period: str, first: str, last: str) -> None:
    assert named(period, date(2026, 2, 28), joined("2022-05-09")) == (first, last)


def test_who_joined_on_29_february_has_an_anniversary_every_year() -> None:
    facts = joined("2024-02-29")
    assert named("membership_year", date(2025, 2, 28), facts) == ("2025-02-28", "2026-02-27")
    assert named("membership_year", date(2025, 2, 27), facts) == ("2024-02-29", "2025-02-27")
    assert named("membership_year", date(2028, 2, 29), facts) == ("2028-02-29", "2029-02-27")


def test_the_first_year_of_membership_has_none_before_it() -> None:
    today = day_number(date(2026, 4, 10))
    for period, facts in (
        ("last_membership_year", "2026-01-01"),
        ("membership_year", "2026-04-11"),
    ):
        span = window(joined(facts), ZONE, today, None, period)
        assert span == Span(today + 1, today)  # no day


@given(st.sampled_from(PERIODS), dates)
def test_periods_follow_each_other_without_a_gap(period: str, today: date) -> None:
    facts = joined("2015-08-31")
    spans = [
        window(facts, ZONE, day_number(today + timedelta(days=n)), None, period) for n in range(400)
    ]
    for one, other in pairwise(spans):
        assert other in (one, Span((one.last or 0) + 1, other.last))


@given(st.sampled_from(PERIODS), dates, st.integers(-800, 2), st.sampled_from((-900, -40, 0, 60)))
def test_a_window_turns_no_later_than_its_sum_changes(
    period: str, today: date, bought: int, joins: int
) -> None:
    day = day_number(today)
    facts = joined(str(today + timedelta(days=joins)))
    series: Series = ([day + bought], [1])

    def total(at: int) -> int:
        span = window(facts, ZONE, at, None, period)
        return sum(1 for d in series[0] if (span.first or 0) <= d <= (span.last or 0))

    changed = next((at for at in range(day + 1, day + 800) if total(at) != total(day)), None)
    turns = turn_days([series], facts, ZONE, day, period)
    assert changed is None or (turns and day < turns[0] <= changed)

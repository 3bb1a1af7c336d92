"""Histories from purchases, against a plain reading of the same days."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.churn import PRIOR
from models.churn_history import Purchases, churned, snapshot, usual_horizon_days
from models.churn_watch import CUSTOMERS_MIN, WEEK_DAYS, matured, weekly

bought = st.lists(st.tuples(st.integers(0, 5), st.integers(100, 130)), max_size=60)


def purchases(listed: list[tuple[int, int]]) -> Purchases:
    return Purchases.of([c for c, _ in listed], [d for _, d in listed], [2.0] * len(listed))


@given(bought, st.integers(95, 135), st.integers(1, 20))
def test_a_snapshot_is_what_was_known_that_day(
    listed: list[tuple[int, int]], day: int, horizon_days: int
) -> None:
    taken = snapshot(purchases(listed), day)
    silent = churned(purchases(listed), taken, horizon_days)
    known = sorted({customer for customer, when in listed if when <= day})
    assert taken.customer.tolist() == known
    for index, customer in enumerate(known):
        days = sorted({d for c, d in listed if c == customer and d <= day})
        spent = 2.0 * sum(c == customer and d <= day for c, d in listed)
        assert taken.histories.repeats[index] == len(days) - 1
        assert taken.histories.last_age_days[index] == days[-1] - days[0]
        assert taken.histories.age_days[index] == day - days[0]
        assert taken.mean_amount[index] == spent / len(days)
        later = any(c == customer and day < d <= day + horizon_days for c, d in listed)
        assert silent[index] == (not later)


@given(bought)
def test_gaps_lie_between_days_of_one_customer(listed: list[tuple[int, int]]) -> None:
    expected = []
    for customer in sorted({c for c, _ in listed}):
        days = sorted({d for c, d in listed if c == customer})
        expected += np.diff(days).tolist()
    assert purchases(listed).gaps_days().tolist() == expected


def test_the_usual_horizon_is_twice_a_long_gap() -> None:
    assert usual_horizon_days(purchases([(0, day) for day in range(100, 210, 10)])) == 20
    assert usual_horizon_days(purchases([(0, 100), (1, 105)])) is None


def test_days_known_by_their_number_count_and_make_no_gap() -> None:
    some = Purchases(
        np.array([0, 0, 0]), np.array([10, 500, 520]), np.array([90.0, 10.0, 20.0]),
        np.array([9, 1, 1]),
    )  # fmt: skip
    taken = snapshot(some, 530)
    assert taken.histories.repeats.tolist() == [10]
    assert taken.histories.last_age_days.tolist() == [510]
    assert taken.mean_amount.tolist() == [120.0 / 11]
    assert some.gaps_days().tolist() == [20]


def test_weeks_mature_when_their_horizon_has_passed() -> None:
    rng = np.random.default_rng(8)
    customers = np.repeat(np.arange(300), 4)
    days = 1_000 + rng.integers(0, 200, len(customers))
    some = Purchases.of(customers, days, np.ones(len(customers)))
    found = weekly(matured(some, PRIOR, 30, 1_200, weeks=4))
    assert [each.day for each in found] == [1_170 - WEEK_DAYS * back for back in (3, 2, 1, 0)]
    for each in found:
        assert each.quality.customers >= CUSTOMERS_MIN
        assert each.drift == each.quality.predicted_rate - each.quality.churn_rate
    assert matured(some, PRIOR, 30, 1_030) == [], "nobody had bought before"

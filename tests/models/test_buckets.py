"""Day buckets: windows are what a plain list of (day, amount) says they are."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from models import buckets
from models.calendar import Span

pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=20)


def series(added: list[tuple[int, int]]) -> buckets.Series:
    made: buckets.Series = ([], [])
    for day, amount in added:
        buckets.add(made, day, amount)
    return made


@given(pairs, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_series(added: list[tuple[int, int]], random: Random) -> None:
    made = series(added)
    assert made == series(random.sample(added, len(added)))
    assert made[0] == sorted({day for day, _ in added})


@given(pairs, st.integers(-1, 31), st.integers(0, 31))
def test_a_window_is_the_sum_of_its_days(
    added: list[tuple[int, int]], first: int, last: int
) -> None:
    days, values = series(added)
    assert buckets.total(days, values, first) == sum(a for d, a in added if d > first)
    between = sum(a for d, a in added if first <= d <= last)
    assert buckets.total_within(days, values, Span(first, last)) == between


@given(pairs, st.integers(0, 40), st.integers(1, 20))
def test_the_next_exit_is_the_first_day_on_which_a_bucket_is_gone(
    added: list[tuple[int, int]], today: int, window: int
) -> None:
    days, _ = series(added)
    inside = [day for day in days if day > today - window]
    exits = buckets.next_exit(days, today - window, window)
    later = range(today + 1, 80)
    changed = (t for t in later if [day for day in days if day > t - window] != inside)
    assert exits == next(changed, None)


@given(pairs, st.integers(0, 40), st.integers(1, 20), st.integers(1, 30))
def test_the_fall_day_is_the_first_on_which_a_bound_fails(
    added: list[tuple[int, int]], today: int, window: int, bound: int
) -> None:
    days, values = series(added)
    surplus = buckets.total(days, values, today - window) - bound
    falls = buckets.fall_day(days, values, today - window, window, surplus)
    if surplus >= 0:
        fails = (t for t in range(today + 1, 80) if buckets.total(days, values, t - window) < bound)
        assert falls == next(fails, None)


@given(pairs, st.integers(0, 31))
def test_pruning_returns_what_it_takes(added: list[tuple[int, int]], before: int) -> None:
    days, values = series(added)
    whole = sum(values)
    (lost,) = buckets.prune(days, before, values)
    assert lost + sum(values) == whole
    assert lost == sum(a for d, a in added if d < before)
    assert all(day >= before for day in days)
    assert len(days) == len(values)

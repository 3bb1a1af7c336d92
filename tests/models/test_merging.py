"""Merging: what two customers did, merged, is what one customer did who did all of it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given

from models import events
from models.calendar import DAY_S
from models.fold_cases import COMPLAINTS_MAX
from models.fold_series import RETENTION_DAYS
from models.merging import merge
from tests.models.lives import (
    DAY0,
    LATENESS_DAYS,
    T0,
    TODAY,
    UTC,
    complaint,
    feedback,
    folded,
    lives,
    pack,
    profile,
    purchase,
    sales,
)


@given(lives, lives)
def test_two_lives_merged_are_one_life(
    one: list[events.CustomerEvent], other: list[events.CustomerEvent]
) -> None:
    facts = folded(one)
    merge(facts, folded(other), UTC, TODAY, LATENESS_DAYS)
    whole = folded([*one, *other])
    whole.currency = facts.currency  # of whoever bought first; here everybody pays in one
    assert facts == whole
    assert pack(facts) == pack(whole)


@given(lives)
def test_an_empty_life_changes_nothing(one: list[events.CustomerEvent]) -> None:
    facts, nobody = folded(one), folded([])
    merge(facts, folded([]), UTC, TODAY, LATENESS_DAYS)
    merge(nobody, folded(one), UTC, TODAY, LATENESS_DAYS)
    assert facts == nobody == folded(one)


@given(sales, sales)
def test_the_sums_of_days_let_go_of_are_those_of_one_life(
    one: list[events.CustomerEvent], other: list[events.CustomerEvent]
) -> None:
    later = DAY0 + RETENTION_DAYS + 2
    facts = folded(one, later)
    merge(facts, folded(other, later), UTC, later, LATENESS_DAYS)
    assert pack(facts) == pack(folded([*one, *other], later))


def test_what_neither_keeps_any_more_is_let_go_of_when_they_are_merged() -> None:
    facts, other = (
        folded([purchase(T0), complaint(T0, key=key), feedback(T0, key=key)]) for key in "kl"
    )
    merge(facts, other, UTC, DAY0 + RETENTION_DAYS + 1, LATENESS_DAYS)
    assert (facts.days, facts.complaints, facts.feedback) == ([], [], [])
    assert (facts.pruned_net_minor, facts.pruned_orders, facts.purchase_days) == (200, 2, 1)


def test_amounts_in_another_currency_are_counted_beside() -> None:
    facts = folded([purchase(T0, 500)])
    merge(facts, folded([purchase(T0, 700, currency="USD")]), UTC, TODAY, LATENESS_DAYS)
    assert (facts.currency, facts.net_minor, facts.orders) == ("EUR", [500], [2])
    assert facts.series["net:USD"] == ([DAY0], [700])


def test_no_more_complaints_are_kept_than_one_customer_may_have() -> None:
    many = [complaint(T0 + i, key=f"k{i}") for i in range(COMPLAINTS_MAX)]
    more = [complaint(T0 + i, key=f"m{i}") for i in range(COMPLAINTS_MAX)]
    facts, other = folded(many), folded(more)
    before = copy.deepcopy(other)
    merge(facts, other, UTC, TODAY, LATENESS_DAYS)
    assert len(facts.complaints) == COMPLAINTS_MAX
    assert sum(facts.series[name][1][0] for name in facts.series if name.startswith("c:")) == len(
        before.complaints
    )


@pytest.mark.parametrize("days", [("2019-05-01", "2023-01-01"), ("2023-01-01", "2019-05-01")])
def test_whoever_joined_first_joined(days: tuple[str, str]) -> None:
    one, other = (folded([profile(T0 + i, joined_at=day)]) for i, day in enumerate(days))
    merge(one, other, UTC, TODAY, LATENESS_DAYS)
    assert one.profile["joined_at"] == (T0 + 1, "2019-05-01")


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("bought", "said", "joined"),
    [(-2, "2024-10-03", "2024-10-02"), (2, "2024-10-03", "2024-10-03"), (-2, None, None)],
)
def test_whose_profile_says_nothing_joined_with_her_first_purchase(
    bought: int, said: str | None, joined: str | None, turn: int
) -> None:
    lived = [profile(T0, joined_at=said)], [purchase(T0 + bought * DAY_S)]
    one, other = (folded(happened) for happened in lived[::turn])
    merge(one, other, UTC, TODAY, LATENESS_DAYS)
    assert one.profile["joined_at"] == (T0, joined)

"""What is told of the next churn band comes true if nothing happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import rfc3339
from models.decisions import ChurnRiskChanged, Outlook
from tests.rules.driving import Driver, activation, at, book

_BOUGHT = (0, 2, 4, 6, 8, 10, 12)


def staying(stay: str, score_step: int | None = None) -> str:
    """Return a rulebook whose bands have a minimum stay."""
    rules = book().replace("minimum_stay: 24h", f"minimum_stay: {stay}")
    return rules if score_step is None else f"{rules}  score_step: {score_step}\n"


def buying(rules: str) -> Driver:
    """Return a customer who has bought every other day."""
    customer = Driver(rules, first_tick=at(-1))
    for day in _BOUGHT:
        customer.take(customer.purchase(at(day)))
        customer.pass_to(at(day))
    return customer


def risks(customer: Driver) -> list[ChurnRiskChanged]:
    return [said for said in customer.said if isinstance(said, ChurnRiskChanged)]


def test_a_drop_that_waits_is_what_happens_next() -> None:
    customer = buying(staying("7d", 5))
    customer.pass_to(at(13))
    for key in "abcd":
        customer.take(customer.complaint(at(13), key, severity="critical"))
    raised = risks(customer)[-1]
    for key in "abcd":
        customer.take(customer.complaint(at(13) + 1, key, action="retracted"))
    lower = risks(customer)[-1]
    assert lower.from_band == lower.to_band == raised.to_band != "low"
    assert lower.score < raised.score
    assert lower.if_nothing_happens is not None
    assert lower.if_nothing_happens.at == rfc3339(at(20))
    came_true(customer, lower)


@pytest.mark.parametrize("stay", ["24h", "7d", "30d"])
def test_a_stay_that_outlasts_a_band_leads_to_the_one_after(stay: str) -> None:
    bandless = book().partition("churn:")[0]
    customer = buying(bandless)
    customer.activate(activation(1, staying(stay)))
    customer.pass_to(at(12))
    first = risks(customer)[-1]
    assert first.from_band is None
    came_true(customer, first)


@given(
    st.sampled_from((staying("24h"), staying("7d", 3), staying("30d", 3))),
    st.lists(
        st.tuples(st.integers(1, 200), st.sampled_from(("bought", "low", "critical", "retracted"))),
        min_size=1,
        max_size=8,
    ),
)
def test_what_is_told_of_the_next_band_comes_true(
    rules: str, history: list[tuple[int, str]]
) -> None:
    customer, hour, began = buying(rules), 24 * _BOUGHT[-1], 0
    for hours, deed in history:
        hour += hours
        customer.pass_to(at(0, hour))
        began = len(customer.said)
        if deed == "bought":
            customer.take(customer.purchase(at(0, hour)))
        elif deed == "retracted":
            customer.take(customer.complaint(at(0, hour), action="retracted"))
        else:
            customer.take(customer.complaint(at(0, hour), severity=deed))
    customer.pass_to(at(1_000))
    for each in customer.said[began:]:
        if isinstance(each, ChurnRiskChanged):
            came_true(customer, each)


def came_true(customer: Driver, told: ChurnRiskChanged) -> None:
    """Let a customer be silent, and compare the next band with what was told of it."""
    until = at(1_000)
    customer.pass_to(until)
    later = [each for each in risks(customer) if each.revision > told.revision]
    moved = next((each for each in later if each.from_band != each.to_band), None)
    ahead = told.if_nothing_happens
    if ahead is not None and ahead.at > rfc3339(until):
        ahead = None
    assert ahead == (None if moved is None else Outlook(moved.occurred_at, band=moved.to_band))

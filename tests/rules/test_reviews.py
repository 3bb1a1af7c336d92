"""Reviews: told the same however often somebody looks, and begun where a new rulebook has them."""

from __future__ import annotations

import pytest

from models.calendar import DAY_S
from models.decisions import ActionRequested, TierChanged, TierWarning
from tests.rules.driving import Driver, activation, at

_HEAD = """
rulebook: reviewed
version: 1
zone: UTC
currency: EUR
parameters:
  one: {value: 1, unit: orders, why: x}
  two: {value: 2, unit: orders, why: x}
  recent: {value: 25, unit: days, why: x}
"""
MONTHLY = f"""{_HEAD}
tiers:
  review: monthly
  upgrade: review
  downgrade: to_qualified
  ladder:
    - {{name: basic}}
    - name: silver
      qualify: "orders() >= one and days_since_purchase() < recent"
      keep: "orders(days=45) >= one"
      minimum_stay: 50d
      warn: 20d
    - name: gold
      qualify: "orders() >= two and days_since_purchase() < recent"
      keep: "orders(days=20) >= one"
      grace: 7d
      minimum_stay: 50d
      warn: 5d
"""
YEARLY = f"""{_HEAD}
tiers:
  review: yearly
  upgrade: immediate
  downgrade: one_step
  ladder:
    - {{name: basic}}
    - name: silver
      qualify: "orders(days=20) >= one and complaints(days=15) == 0"
      keep: "orders(days=20) >= one"
      grace: 5d
      warn: 20d
    - name: gold
      qualify: "orders(days=90) >= two and complaints(days=15) == 0"
      minimum_stay: 10d
      warn: 20d
"""
REPEATED = f"""{_HEAD}
actions:
  call: {{every: 10d, cooldown: 20d, on_activation: true}}
tiers: {{ladder: [{{name: basic}}]}}
"""


def by_orders(review: str) -> str:
    return f"""{_HEAD}
tiers:
  review: {review}
  ladder:
    - {{name: basic}}
    - {{name: gold, qualify: "orders(days=365) >= two"}}
"""


def told(customer: Driver) -> list[tuple[str, ...]]:
    """Return what was said of tiers and actions, in a line each."""
    return [
        (each.occurred_at, str(each.reason), str(each.from_), str(each.to))
        if isinstance(each, TierChanged)
        else (each.occurred_at, type(each).__name__)
        for each in customer.said
        if isinstance(each, TierChanged | TierWarning | ActionRequested)
    ]


def lived(rulebook: str, purchases: list[float], days: int, *, looks: bool) -> Driver:
    """Let somebody buy on some days, complain on day 74, and be silent; `looks`: every day."""
    customer = Driver(rulebook, first_tick=at(0))
    for day in range(days):
        customer.pass_to(at(day))
        for bought in purchases:
            if day <= bought < day + 1:
                customer.take(customer.purchase(at(bought)))
        if day == 74:
            customer.take(customer.complaint(at(day)))
        if looks and customer.state is not None:
            customer.known.due = at(day)
            customer.catch_up()
    return customer


@pytest.mark.parametrize(
    ("rulebook", "purchases"),
    [(MONTHLY, [0.8, 45.8]), (YEARLY, [22.0, 68.1]), (REPEATED, [0.1])],
)
def test_who_is_looked_at_daily_hears_the_same(rulebook: str, purchases: list[float]) -> None:
    seldom = lived(rulebook, purchases, 200, looks=False)
    assert told(lived(rulebook, purchases, 200, looks=True)) == told(seldom)
    assert len(told(seldom)) > 2


@pytest.mark.parametrize("before", ["continuous", "monthly"])
def test_a_rulebook_with_other_reviews_reviews_whom_it_finds(before: str) -> None:
    customer = Driver(by_orders(before), first_tick=at(0))
    for day in (0, 1, 350, 351):
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day)))
    customer.pass_to(at(600))
    customer.activate(activation(5, by_orders("yearly")))
    customer.pass_to(at(900))
    assert told(customer)[-1] == ("2027-01-01T00:00:00Z", "review", "gold", "basic")
    assert customer.known.due is not None
    assert customer.known.due - at(900) <= 366 * DAY_S

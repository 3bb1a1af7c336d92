"""The day of joining: what becomes of reviews on its anniversaries when it turns out otherwise."""

from __future__ import annotations

import pytest

from models.events import Profile
from tests.rules.driving import Driver, at
from tests.rules.test_reviews import by_orders, told


def reviewed(upgrade: str = "immediate") -> Driver:
    """Return a customer who is reviewed every year on the day she joined on."""
    text = by_orders("anniversary of joining").replace("days=365", "days=90")
    return Driver(text.replace("  ladder", f"  upgrade: {upgrade}\n  ladder"), first_tick=at(0))


def joins(customer: Driver, day: float, joined: str) -> None:
    """Let her profile say on a day when she joined."""
    customer.pass_to(at(day))
    when = at(day)
    patch = {"joined_at": joined}
    customer.take(Profile(event_id=joined, source="crm", occurred_at=when, patch=patch))


def buys(customer: Driver, *days: float) -> None:
    """Let her buy on some days."""
    for day in days:
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day)))


@pytest.mark.parametrize("upgrade", ["immediate", "review"])
def test_a_review_that_a_correction_moves_into_the_past_costs_no_tier(upgrade: str) -> None:
    """Nobody could expect it: it was to be on the first of March."""
    customer = reviewed(upgrade)
    joins(customer, 0, "2023-03-01")
    buys(customer, 140, 141)
    joins(customer, 250, "2023-06-01")
    customer.pass_to(at(650))
    gold = "2025-02-22T00:00:00Z" if upgrade == "immediate" else "2025-03-01T00:00:00Z"
    assert told(customer)[1:] == [
        (gold, "qualified", "basic", "gold"),
        ("2026-06-01T00:00:00Z", "review", "gold", "basic"),
    ]


def test_a_review_that_a_correction_moves_into_the_past_still_lifts() -> None:
    customer = reviewed("review")
    joins(customer, 0, "2023-03-01")
    buys(customer, 200, 201)
    joins(customer, 250, "2023-06-01")
    assert told(customer)[1:] == [("2025-06-11T00:00:00Z", "qualified", "basic", "gold")]

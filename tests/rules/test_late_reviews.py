"""A late event decides the last review again, both ways, over what was booked before its day."""

from __future__ import annotations

from tests.rules.driving import Driver, at
from tests.rules.test_reviews import told

_BOOK = """
rulebook: late
version: 1
zone: UTC
currency: EUR
parameters:
  two: {{value: 2, unit: orders, why: x}}
  three: {{value: 3, unit: orders, why: x}}
tiers:
  review: monthly
  upgrade: {upgrade}
  ladder:
    - {{name: basic}}
    - {{name: gold, {gold}}}
    - {{name: platinum, qualify: "orders(period='month') >= three"}}
"""
GOLD = "qualify: orders(period='month') >= two"
NOVEMBER = "2024-11-01T00:00:00Z"  # day 28


def customer(gold: str = GOLD, upgrade: str = "immediate") -> Driver:
    """Return a customer whom the clock knows since day 10."""
    return Driver(_BOOK.format(gold=gold, upgrade=upgrade), first_tick=at(10))


def buys(her: Driver, *days: float, told_at: float | None = None) -> None:
    """Let her buy on some days, and let it be heard then or later."""
    for day in days:
        when = at(day if told_at is None else told_at)
        her.pass_to(when)
        her.take(her.purchase(at(day)), when)


def test_what_a_review_took_is_given_back_until_the_next_one() -> None:
    """Of the new month she has bought nothing yet, and nobody asks for it before its end."""
    her = customer()
    buys(her, 12, 13)  # gold, and held by the review
    her.pass_to(at(29))
    buys(her, 40)
    her.pass_to(at(58))
    assert told(her)[-1] == ("2024-12-01T00:00:00Z", "review", "gold", "basic")
    buys(her, 57.9, told_at=58.01)
    her.pass_to(at(100))
    assert told(her)[3:] == [
        ("2024-12-01T00:14:24Z", "late_event", "basic", "gold"),
        ("2025-01-01T00:00:00Z", "review", "gold", "basic"),
    ]

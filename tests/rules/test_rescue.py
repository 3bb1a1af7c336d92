"""A rescue that days bring: by what is booked ahead of the clock, and by windows that move."""

from __future__ import annotations

from models.calendar import rfc3339
from models.decisions import TierChanged, TierWarning
from models.events import Refund
from tests.rules.driving import Driver, at, book

STAY = """    - name: gold
      qualify: orders(days=9) >= some_orders
      grace: {grace}
      minimum_stay: 60d"""
EITHER = """    - name: gold
      qualify: orders(days=9) >= some_orders
      keep: orders(days=18) >= some_orders or complaints(days=20) == 0
      grace: 5d
      minimum_stay: 60d"""
FREE = STAY.format(grace="1d").replace("60d", "0d")


def gold(text: str) -> Driver:
    """Return a customer whose two orders of the first day have made her gold."""
    customer = Driver(text, first_tick=at(0, 12))
    for _ in range(2):
        customer.take(customer.purchase(at(0, 12)))
    assert customer.tiers()[-1][1] == "gold"
    customer.said.clear()
    return customer


def told(customer: Driver) -> list[tuple[str, str]]:
    """Return what was said about the tier since the last time."""
    found: list[tuple[str, str]] = [
        (d.occurred_at, d.state if isinstance(d, TierWarning) else d.reason)
        for d in customer.said
        if isinstance(d, TierChanged | TierWarning) and getattr(d, "state", "") != "revised"
    ]
    customer.said.clear()
    return found


def test_what_is_ahead_of_the_clock_rescues_when_its_day_is_over_in_a_short_grace() -> None:
    customer = gold(book(tiers=(STAY.format(grace="1d"),)))
    customer.pass_to(at(12, 12))
    assert told(customer) == [(rfc3339(at(9)), "set")]
    for _ in range(2):  # the grace from now on ends as their day begins
        customer.take(customer.purchase(at(13, 6)), appended_at=at(12, 12))
    assert told(customer) == []
    customer.pass_to(at(21))
    assert told(customer) == [(rfc3339(at(13)), "cleared")]


def test_a_window_that_moves_in_the_grace_rescues_as_soon_as_it_is_within_it() -> None:
    customer = gold(book(tiers=(EITHER,)))
    customer.take(customer.complaint(at(5, 12)))
    customer.pass_to(at(18, 12))
    assert told(customer) == [(rfc3339(at(18)), "set")]
    for _ in range(2):  # enough until day 22; of the complaint nothing is left from day 25 on
        customer.take(customer.purchase(at(4, 12)))
    customer.pass_to(at(40))
    assert told(customer) == [
        (rfc3339(at(21)), "cleared"),
        (rfc3339(at(22)), "set"),
        (rfc3339(at(25)), "cleared"),
    ]


def test_who_is_held_at_a_deadline_but_not_by_what_lies_ahead_of_it_is_warned_anew() -> None:
    text = book(tiers=(FREE,)).replace("  downgrade:", "  refund: grace\n  downgrade:")
    customer = gold(text)
    customer.pass_to(at(4, 20))
    back = Refund(
        event_id="r", source="shop", occurred_at=at(5, 15), refund_id="r", amount_minor=100,
        currency="EUR", kind="return", full=True,
    )  # fmt: skip
    customer.take(back, appended_at=at(4, 20))
    assert told(customer) == [(rfc3339(at(4, 20)), "set")]
    customer.pass_to(at(8))
    assert told(customer) == [
        (rfc3339(at(5)), "cleared"),
        (rfc3339(at(5)), "set"),
        (rfc3339(at(6)), "grace_ended"),
    ]

"""L6: an event from before the last loss of a tier undoes it if it would have prevented it."""

from __future__ import annotations

import pytest

from models.decisions import TierChanged
from models.events import Refund
from tests.rules.driving import Driver, at
from tests.rules.test_standing import day, story

_BOOK = """
rulebook: late
version: 1
zone: UTC
currency: EUR
parameters:
  one: {{value: 1, unit: orders, why: x}}
  some: {{value: 100, unit: EUR, why: x}}
  much: {{value: 300, unit: EUR, why: x}}
tiers:
  downgrade: to_qualified
  ladder:
    - {{name: basic}}
    - {{name: silver, qualify: "orders(days=20) >= one", grace: 5d, minimum_stay: 20d}}
    - {{name: gold, qualify: "spend(days=9) >= some", {gold}}}
    - {{name: platinum, qualify: "spend(days=3) >= much", keep: "orders(days=60) >= one"}}
"""
GRACE, STAY = "grace: 3d", "minimum_stay: 12d"
FELL = [  # what every story begins with
    (day(1), "gold", "joined"),
    (day(10), "set", "gold", day(13)),
    (day(13), "silver", "grace_ended", "warned"),
]


def fallen(gold: str = GRACE) -> Driver:
    """Return a customer who joined as gold on the first day, and fell on the 13th."""
    customer = Driver(_BOOK.format(gold=gold), first_tick=at(0))
    customer.take(customer.purchase(at(1), 15_000))
    customer.pass_to(at(13))
    assert story(customer) == FELL
    return customer


def buys(customer: Driver, number: float, minor: int, told: float | None = None) -> None:
    """Let a customer buy on a day, and hear of it then or later."""
    customer.pass_to(at(number if told is None else told))
    customer.take(customer.purchase(at(number), minor))


def lost_at(customer: Driver) -> int | None:
    """Return when she lost the tier that the state still knows of."""
    standing = customer.known.concluded.standing
    return None if standing is None or standing.lost is None else standing.lost.lost_at


def test_a_loss_is_undone_once_with_the_warning_that_came_of_it() -> None:
    customer = fallen()
    fell = customer.said[-1]
    buys(customer, 6, 15_000, told=22)
    assert story(customer)[3:] == [
        (day(21), "set", "silver", day(33)),
        (day(22), "cleared", "silver", day(33)),
        (day(22), "gold", "late_event"),
        (day(22), "set", "gold", day(25)),  # her window has moved on since
    ]
    (undone,) = (d for d in customer.said if isinstance(d, TierChanged) and d.supersedes)
    assert (undone.supersedes, undone.tier_since[:10]) == (fell.id, day(1))
    assert lost_at(customer) is None


def test_what_would_not_have_prevented_it_undoes_nothing() -> None:
    customer = fallen()
    buys(customer, 6, 5_000, told=14)
    assert story(customer) == FELL


def test_what_was_held_without_the_event_is_not_given_back_for_it() -> None:
    """As of the loss she held the tier anyway: what cost it came on that day."""
    customer = Driver(_BOOK.format(gold=GRACE), first_tick=at(0))
    customer.take(customer.purchase(at(1), 15_000))
    refund = Refund(
        event_id="r", source="shop", occurred_at=at(5), refund_id="r", amount_minor=10_000,
        currency="EUR", kind="return",
    )  # fmt: skip
    customer.pass_to(at(5))
    customer.take(refund)
    buys(customer, 4, 100, told=6)
    assert story(customer) == [(day(1), "gold", "joined"), (day(5), "silver", "refund")]


def test_a_loss_by_a_window_alone_is_undone_too() -> None:
    """She lost it at once as a day began, and held it to the end of the day before."""
    customer = Driver(_BOOK.format(gold='keep: "orders(days=9) >= one"'), first_tick=at(0))
    customer.take(customer.purchase(at(1), 15_000))
    buys(customer, 5, 100, told=12)
    customer.pass_to(at(14))
    assert story(customer) == [
        (day(1), "gold", "joined"),
        (day(10), "silver", "keep_failed"),
        (day(12), "gold", "late_event"),
        (day(14), "silver", "keep_failed"),
    ]


def test_nobody_is_put_back_from_a_higher_tier() -> None:
    customer = fallen()
    buys(customer, 14, 40_000)
    buys(customer, 6, 15_000, told=20)
    assert story(customer)[3:] == [(day(14), "platinum", "qualified")]


@pytest.mark.parametrize(
    ("told", "until", "said"),
    [
        (14, 14, [(day(14), "gold", "late_event")]),
        # Not held any more, with nothing to wait for: silver is hers since the 13th day.
        (20, 26, [(day(26), "set", "silver", day(33))]),
    ],
)
def test_a_tier_that_would_be_lost_again_at_once_is_not_given_back(
    told: float, until: float, said: list[tuple[str, ...]]
) -> None:
    customer = fallen(STAY)
    buys(customer, 6, 15_000, told=told)
    customer.pass_to(at(until))
    assert story(customer)[3:] == said


def test_a_loss_is_kept_for_as_long_as_an_event_of_before_is_accepted() -> None:
    customer = fallen()
    for number in (20, 38, 43):
        buys(customer, number, 100)
    assert lost_at(customer) == at(13)
    buys(customer, 44, 100)
    assert lost_at(customer) is None

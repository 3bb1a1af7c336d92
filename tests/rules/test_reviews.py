"""Reviews: told the same however often somebody looks, and begun where a new rulebook has them."""

from __future__ import annotations

import pytest

from models.calendar import DAY_S
from models.decisions import ActionRequested, TierChanged, TierWarning
from models.events import CustomersMerged, HoldSet, OverrideSet
from tests.rules.driving import WHO, Driver, activation, at

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


WARNED_EARLY = f"""{_HEAD}
tiers:
  review: monthly
  ladder:
    - {{name: basic}}
    - {{name: gold, qualify: "orders(days=90) >= one", warn: 40d}}
"""
RETURNING = f"""{_HEAD}
tiers:
  review: monthly
  ladder:
    - {{name: basic}}
    - {{name: gold, qualify: "days_since_purchase() >= recent", grace: 5d, minimum_stay: 3d}}
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
    [
        (MONTHLY, [0.8, 45.8]),
        (YEARLY, [22.0, 68.1]),
        (REPEATED, [0.1]),
        (WARNED_EARLY, [18.0]),
        (WARNED_EARLY, [25.0, 64.0]),
        (RETURNING, [3.0, 69.0]),
    ],
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


def test_the_reviews_of_a_new_rulebook_are_not_caught_up() -> None:
    customer = Driver(by_orders("continuous"), first_tick=at(0))
    for day in (350, 351):
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day)))
    customer.pass_to(at(600))
    customer.activate(activation(5, by_orders("yearly").replace("365", "90")))
    customer.pass_to(at(900))
    assert told(customer)[2:] == [("2027-01-01T00:00:00Z", "review", "gold", "basic")]


def test_the_next_review_is_warned_of_when_one_is_over() -> None:
    # A warning of 40 days before a review that comes every month begins with the one before.
    customer = lived(WARNED_EARLY, [18.0], 130, looks=False)
    assert told(customer)[1:] == [
        ("2025-01-01T00:00:00Z", "TierWarning"),
        ("2025-02-01T00:00:00Z", "review", "gold", "basic"),
    ]


def test_who_joins_shortly_before_a_review_is_warned_of_it() -> None:
    ahead = YEARLY.replace("warn: 20d", "warn: 90d")
    customer = Driver(ahead, first_tick=at(60))
    customer.take(customer.purchase(at(60)))
    assert [each.occurred_at for each in customer.said] == ["2024-12-03T00:00:00Z"] * 2
    assert isinstance(customer.said[-1], TierWarning)
    assert customer.said[-1].tier == "silver"


def test_an_override_that_ends_soon_is_warned_of_at_first_sight() -> None:
    customer = Driver(MONTHLY, first_tick=at(0))
    decided = OverrideSet(
        event_id="o", source="desk", occurred_at=at(1), override_id="o", tier="gold",
        mode="exactly", reason="r", by="b", until=at(4),
    )  # fmt: skip
    customer.take(decided, at(1))
    assert [type(each) for each in customer.said] == [TierChanged, TierWarning]
    customer.pass_to(at(4))
    assert customer.tiers()[1:] == [("gold", "basic", "override_ended")]


def monthly(gold: str) -> Driver:
    """Return a customer who bought on day 10; her reviews are on days 28 and 58."""
    ladder = f"[{{name: basic}}, {gold}]"
    tiers = f"tiers: {{review: monthly, upgrade: immediate, ladder: {ladder}}}"
    customer = Driver(f"{_HEAD}\n{tiers}", first_tick=at(10))
    customer.take(customer.purchase(at(10)))
    return customer


def test_a_late_event_decides_the_review_before_again() -> None:
    customer = monthly("{name: gold, qualify: complaints(days=10) == 0}")
    customer.pass_to(at(30))
    customer.take(customer.complaint(at(25)))
    assert told(customer)[1:] == [("2024-11-03T00:00:00Z", "review", "gold", "basic")]


def test_where_reviews_alone_decide_they_lift_too() -> None:
    customer = Driver(MONTHLY, first_tick=at(20))
    for day in (20, 26):
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day)))
    customer.pass_to(at(28))
    assert told(customer)[1:] == [("2024-11-01T00:00:00Z", "qualified", "silver", "gold")]


def test_who_would_pass_the_review_again_is_warned_no_longer() -> None:
    customer = monthly("{name: gold, qualify: orders(days=30) >= one, warn: 20d, grace: 5d}")
    customer.pass_to(at(45))
    customer.take(customer.purchase(at(45)))
    customer.pass_to(at(60))
    assert told(customer)[1:] == [
        ("2024-11-11T00:00:00Z", "TierWarning"),
        ("2024-11-18T00:00:00Z", "TierWarning"),
    ]


def test_a_late_event_costs_no_tier_that_came_after_the_review() -> None:
    gold = "qualify: orders() >= two and complaints(days=40) == 0, keep: complaints(days=40) == 0"
    customer = monthly(f"{{name: gold, {gold}}}")
    customer.pass_to(at(30))
    customer.take(customer.purchase(at(30)))
    customer.pass_to(at(35))
    customer.take(customer.complaint(at(25)))
    customer.pass_to(at(60))
    assert told(customer)[1:] == [
        ("2024-11-03T00:00:00Z", "qualified", "basic", "gold"),
        ("2024-12-01T00:00:00Z", "review", "gold", "basic"),
    ]


def test_a_late_event_costs_no_tier_that_the_review_left_without_it() -> None:
    # As of the review a complaint counts for one day more than with the windows of that day.
    customer = monthly("{name: gold, qualify: complaints(days=10) == 0}")
    customer.take(customer.complaint(at(18), "a"))
    customer.pass_to(at(35))
    customer.take(customer.complaint(at(35), "b"))
    customer.take(customer.purchase(at(25)))
    assert customer.tiers() == [(None, "gold", "joined")]


def test_a_review_in_a_hold_is_skipped() -> None:
    customer = monthly("{name: gold, qualify: complaints(days=20) == 0}")
    customer.take(customer.complaint(at(21), "a"))
    hold = HoldSet(
        event_id="h", source="desk", occurred_at=at(21), until=at(35), reason="r", by="b"
    )
    customer.take(hold)
    customer.pass_to(at(50))
    customer.take(customer.complaint(at(50), "b"))
    customer.pass_to(at(60))
    assert told(customer)[1:] == [("2024-12-01T00:00:00Z", "review", "gold", "basic")]


def test_a_grace_goes_on_into_the_days_that_warn_of_the_next_review() -> None:
    """Which she would pass: by then the complaint has left the window."""
    customer = monthly("{name: gold, qualify: complaints(days=30) == 0, grace: 25d, warn: 20d}")
    customer.take(customer.complaint(at(26)))
    customer.pass_to(at(55))
    assert told(customer)[1:] == [
        ("2024-10-30T00:00:00Z", "TierWarning"),
        ("2024-11-26T00:00:00Z", "grace_ended", "gold", "basic"),
    ]


def test_a_late_event_costs_no_tier_that_she_qualifies_for_today() -> None:
    text = f"""{_HEAD}
tiers:
  review: monthly
  downgrade: to_qualified
  ladder:
    - {{name: basic}}
    - {{name: gold, qualify: "complaints(days=10) == 0"}}
"""
    customer = Driver(text, first_tick=at(0))
    customer.take(customer.purchase(at(2)), at(2))
    customer.pass_to(at(97))  # a review was held on day 89
    customer.take(customer.complaint(at(85)), at(97))
    assert customer.tiers() == [(None, "gold", "joined")]


def test_a_late_event_costs_no_tier_before_the_first_review() -> None:
    """That she was seen for the first time decided nothing that could be decided again."""
    customer = monthly("{name: gold, qualify: complaints(days=10) == 0}")
    customer.pass_to(at(15))
    customer.take(customer.complaint(at(9)))
    customer.pass_to(at(29))
    assert customer.tiers() == [(None, "gold", "joined")]


@pytest.mark.parametrize("review", ["anniversary of joining", "anniversary of the tier"])
def test_what_was_reviewed_before_a_merge_is_not_reviewed_again(review: str) -> None:
    """The absorbed one passed her review in the grace after it."""
    text = by_orders(review).replace("days=365", "days=90").replace('two"', 'two", grace: 20d')
    absorbed, survivor = Driver(text, first_tick=at(0)), Driver(text, first_tick=at(0))
    for day in (1, 2, 330, 370):
        absorbed.pass_to(at(day))
        absorbed.take(absorbed.purchase(at(day), event_id=f"a{day}"))
    survivor.pass_to(at(200))
    survivor.take(survivor.purchase(at(200)))
    merged = CustomersMerged(
        event_id="m", source="crm", occurred_at=at(480), absorbed=WHO, survivor="bob", by="kim"
    )
    for each in (absorbed, survivor):
        each.pass_to(at(480))
    survivor.take(absorbed.take(merged).moved)
    survivor.pass_to(at(700))
    assert survivor.tiers() == [(None, "basic", "joined"), ("basic", "gold", "qualified")]

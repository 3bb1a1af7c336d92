"""A late event decides the last review again, both ways, over what was booked before its day."""

from __future__ import annotations

import pytest

from models.decisions import TierChanged, TierWarning
from models.events import CustomersMerged, HoldCleared, HoldSet, Refund
from tests.rules.driving import WHO, Driver, activation, at
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
RETURNED = Refund(  # of what is bought on day 13, and heard of late
    event_id="r", source="shop", occurred_at=at(27), refund_id="r", amount_minor=5_000,
    currency="EUR", kind="return", purchased_at=at(13), full=True,
)  # fmt: skip
GOLD = "qualify: orders(period='month') >= two"


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
    buys(her, 40)
    her.pass_to(at(58))
    assert told(her)[-1] == ("2024-12-01T00:00:00Z", "review", "gold", "basic")
    buys(her, 57.9, told_at=58.01)
    her.pass_to(at(100))
    assert told(her)[3:] == [
        ("2024-12-01T00:14:24Z", "late_event", "basic", "gold"),
        ("2025-01-01T00:00:00Z", "review", "gold", "basic"),
    ]


@pytest.mark.parametrize("upgrade", ["immediate", "review"])
def test_what_a_review_would_have_given_comes_late(upgrade: str) -> None:
    her = customer(upgrade=upgrade)
    buys(her, 12)
    buys(her, 27.9, told_at=28.01)
    her.pass_to(at(100))
    assert told(her)[1:] == [
        ("2024-11-01T00:14:24Z", "qualified", "basic", "gold"),
        ("2024-12-01T00:00:00Z", "review", "gold", "basic"),
    ]
    lifted = her.said[-2]
    assert isinstance(lifted, TierChanged)
    assert lifted.cause.late
    assert [(e["value"], e["last_day"]) for e in lifted.evidence] == [(2, "2024-10-31")]


def test_what_a_review_would_have_given_anyway_is_none_of_a_late_events_doing() -> None:
    """By the new rulebook she was gold at the review of before: it decides at the next one."""
    her = customer(upgrade="review")
    buys(her, 12)
    her.pass_to(at(30))
    easier = _BOOK.format(gold=GOLD, upgrade="review").replace("value: 2", "value: 1")
    her.activate(activation(1, easier))
    her.take(her.complaint(at(20)), at(30))
    buys(her, 40)
    her.pass_to(at(60))
    assert told(her)[1:] == [("2024-12-01T00:00:00Z", "qualified", "basic", "gold")]


def graced(days: int) -> Driver:
    """Return a gold customer who bought once in November: it costs her the tier after a grace."""
    her = customer(f"{GOLD}, grace: {days}d")
    buys(her, 12, 13, 40)
    her.pass_to(at(58))
    assert told(her)[2:] == [("2024-12-01T00:00:00Z", "TierWarning")]
    return her


def test_who_bought_enough_in_the_grace_is_not_warned_late() -> None:
    her = customer(f"{GOLD}, grace: 20d")
    buys(her, 12, 13, 30)
    her.take(RETURNED)
    her.pass_to(at(57))
    assert len(told(her)) == 2


def test_a_grace_that_ends_as_the_next_review_is_held_ends_as_it_said() -> None:
    her = customer(f"{GOLD}, grace: 31d")
    buys(her, 12, 13, 40)
    her.pass_to(at(120))
    assert told(her)[2:] == [
        ("2024-12-01T00:00:00Z", "TierWarning"),
        ("2025-01-01T00:00:00Z", "grace_ended", "gold", "basic"),
    ]


def test_what_is_booked_on_the_day_of_a_graces_end_rescues_nobody() -> None:
    her = graced(10)
    buys(her, 68.001, told_at=67.999)
    her.pass_to(at(69))
    assert her.tiers()[2:] == [("gold", "basic", "grace_ended")]


def test_a_grace_that_outlasts_the_next_review_asks_for_what_it_asked_for() -> None:
    her = graced(40)
    buys(her, 95)
    her.pass_to(at(96))
    (cleared,) = her.said[3:]
    assert isinstance(cleared, TierWarning)
    assert (cleared.state, cleared.occurred_at) == ("cleared", "2025-01-07T00:00:00Z")


def test_a_loss_is_undone_by_the_review_that_it_came_of() -> None:
    """And the review since is held of the tier that is back: a grace begins with it."""
    her = graced(10)
    her.pass_to(at(91))  # the review of New Year's Day is over
    buys(her, 62, told_at=91)
    her.pass_to(at(100))
    assert told(her)[3:] == [
        ("2024-12-11T00:00:00Z", "grace_ended", "gold", "basic"),
        ("2025-01-03T00:00:00Z", "late_event", "basic", "gold"),
        ("2025-01-03T00:00:00Z", "TierWarning"),
        ("2025-01-11T00:00:00Z", "grace_ended", "gold", "basic"),
    ]


def held(her: Driver, day: float, until: float) -> None:
    """Put her on hold."""
    her.pass_to(at(day))
    hold = HoldSet(
        event_id="h", source="desk", occurred_at=at(day), until=at(until), reason="r", by="b"
    )
    her.take(hold)


@pytest.mark.parametrize(
    ("until", "cleared", "said"),
    [
        (63, None, ["2024-12-06T00:00:00Z", "2024-12-16T00:00:00Z"]),
        (70, None, ["2024-12-13T00:00:00Z", "2024-12-23T00:00:00Z"]),  # after the grace's end
        (95, None, ["2025-01-07T00:00:00Z", "2025-01-17T00:00:00Z"]),  # after the next review
        (70, 65, ["2024-12-08T00:00:00Z", "2024-12-18T00:00:00Z"]),
    ],
)
def test_what_a_hold_keeps_of_a_failed_review_is_its_grace(
    until: float, cleared: float | None, said: list[str]
) -> None:
    her = graced(10)
    held(her, 60, until)
    if cleared is not None:
        her.pass_to(at(cleared))
        her.take(HoldCleared(event_id="e", source="desk", occurred_at=at(cleared), by="b"))
    her.pass_to(at(110))
    assert told(her)[3:] == [
        ("2024-12-03T00:00:00Z", "TierWarning"),  # it is cleared
        (said[0], "TierWarning"),
        (said[1], "grace_ended", "gold", "basic"),
    ]


def test_who_earns_it_in_a_hold_is_not_warned_after_it() -> None:
    her = graced(10)
    held(her, 60, 70)
    buys(her, 62)
    her.pass_to(at(80))
    assert told(her)[3:] == [("2024-12-03T00:00:00Z", "TierWarning")]


def test_a_stay_that_is_over_in_a_hold_ends_with_it() -> None:
    her = customer(f"{GOLD}, minimum_stay: 50d")
    buys(her, 12, 13, 40)
    held(her, 60, 70)
    her.pass_to(at(75))
    assert told(her)[2:] == [
        ("2024-12-01T00:00:00Z", "TierWarning"),
        ("2024-12-03T00:00:00Z", "TierWarning"),
        ("2024-12-13T00:00:00Z", "hold_ended", "gold", "basic"),
    ]


def test_a_review_that_a_hold_skipped_is_not_held_late() -> None:
    her = customer(f"{GOLD}, grace: 20d")
    buys(her, 12, 13)
    hold = HoldSet(
        event_id="h", source="desk", occurred_at=at(21), until=at(35), reason="r", by="b"
    )
    her.take(hold)
    her.pass_to(at(36))
    her.take(RETURNED)
    her.pass_to(at(57))
    assert len(told(her)) == 2


def merged(absorbed: Driver, survivor: Driver, day: float) -> None:
    """Let two turn out to be one."""
    for each in (absorbed, survivor):
        each.pass_to(at(day))
    merge = CustomersMerged(
        event_id="m", source="crm", occurred_at=at(day), absorbed=WHO, survivor="bob", by="kim"
    )
    survivor.take(absorbed.take(merge).moved)


@pytest.mark.parametrize("is_known", [True, False])
def test_the_grace_after_a_review_goes_on_after_a_merge(*, is_known: bool) -> None:
    survivor = customer(f"{GOLD}, grace: 10d")
    if is_known:
        buys(survivor, 20)
    merged(graced(10), survivor, 60)
    survivor.pass_to(at(80))
    begun = [("2024-10-24T00:00:00Z", "joined", "None", "basic")] if is_known else []
    moved = ("qualified", "basic", "gold") if is_known else ("joined", "None", "gold")
    assert told(survivor) == [
        *begun,
        ("2024-12-03T00:00:00Z", *moved),
        ("2024-12-03T00:00:00Z", "TierWarning"),
        ("2024-12-11T00:00:00Z", "grace_ended", "gold", "basic"),
    ]


def test_what_both_have_bought_passes_the_review_of_one() -> None:
    survivor = customer(f"{GOLD}, grace: 10d")
    buys(survivor, 45)
    merged(graced(10), survivor, 60)
    survivor.pass_to(at(80))
    assert told(survivor)[1:] == [("2024-12-03T00:00:00Z", "qualified", "basic", "gold")]

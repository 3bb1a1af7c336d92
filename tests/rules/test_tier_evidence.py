"""The evidence of a new tier is what decided it: as of the review or the deadline, not now."""

from __future__ import annotations

from random import Random

import pytest

from models.calendar import DAY_S
from models.decisions import TierChanged
from models.events import Refund
from tests.rules.driving import Driver, at

_BOOK = """
rulebook: evident
version: 1
zone: Europe/London
currency: EUR
parameters:
  much: {{value: 100, unit: EUR, why: "to enter"}}
  less: {{value: 60, unit: EUR, why: "to stay"}}
  several: {{value: 2, unit: orders, why: "a second one"}}
tiers:
  upgrade: {upgrade}
  downgrade: to_qualified
  review: {review}
  refund: {refund}
  ladder:
    - {{name: base}}
    - {{name: gold, qualify: "{qualify}"{more}}}
"""
WINDOWS = (*(f"days={n}" for n in (30, 60, 365)), *(f"period='{p}'" for p in ("month", "year")))
REVIEWS = ("continuous", "continuous", "monthly", "quarterly", "yearly", "anniversary of joining")


def ladder(
    qualify: str,
    more: str = "",
    review: str = "continuous",
    upgrade: str = "immediate",
    refund: str = "grace",
) -> str:
    """Return a rulebook of two tiers; `more`: what else is said of the upper one."""
    return _BOOK.format(qualify=qualify, more=more, review=review, upgrade=upgrade, refund=refund)


def moves(customer: Driver) -> list[TierChanged]:
    """Return the changes of tier after the first."""
    return [d for d in customer.said if isinstance(d, TierChanged) and d.reason != "joined"]


def test_a_review_tells_the_period_that_it_reviewed() -> None:
    # at(0) is 4 October 2024: earned in that year, held by the next one or lost.
    customer = Driver(
        ladder("spend(period='year') >= much", review="yearly", upgrade="review"),
        first_tick=at(-1),
    )
    customer.take(customer.purchase(at(1), minor=1_000))
    customer.take(customer.purchase(at(2), minor=11_000))
    customer.pass_to(at(200))
    customer.take(customer.purchase(at(200), minor=3_000))
    customer.pass_to(at(600))
    rise, fall = moves(customer)
    assert (rise.direction, rise.reason, rise.matched_tiers, rise.qualified_tier) == (
        *("up", "qualified", ("base", "gold"), "gold"),
    )
    (said,) = rise.evidence
    assert (said["holds"], said["value_minor"]) == (True, 12_000)
    assert (said["first_day"], said["last_day"]) == ("2024-01-01", "2024-12-31")
    assert (fall.direction, fall.reason, fall.matched_tiers) == ("down", "review", ("base",))
    (said,) = fall.evidence
    assert (said["holds"], said["value_minor"]) == (False, 3_000)
    assert (said["first_day"], said["last_day"]) == ("2025-01-01", "2025-12-31")
    assert fall.missing_for_next is not None
    (need,) = fall.missing_for_next["needs"]  # of the year that has begun
    assert (need["fact"], need["missing_minor"]) == ("spend", 10_000)


def test_the_end_of_a_grace_tells_what_still_failed_on_its_last_day() -> None:
    customer = Driver(
        ladder(
            "spend(days=30) >= much and complaints(days=30) == 0",
            ', keep: "complaints(days=30) == 0", grace: 30d',
        ),
        first_tick=at(-1),
    )
    customer.take(customer.purchase(at(0), minor=12_000))
    customer.pass_to(at(20))
    customer.take(customer.complaint(at(20)))
    customer.pass_to(at(60))
    fall = moves(customer)[-1]
    assert (fall.reason, fall.occurred_at[:10]) == ("grace_ended", "2024-11-23")
    (said,) = fall.evidence
    assert (said["holds"], said["value"], said["last_day"]) == (False, 1, "2024-11-22")


@pytest.mark.parametrize("seed", range(20))
def test_evidence_never_contradicts_the_move(seed: int) -> None:
    chance = Random(seed)
    told: set[str] = set()
    for _ in range(5):
        customer = _life(chance, _drawn(chance))
        for move in moves(customer):
            (said,) = move.evidence
            assert said["holds"] is (move.direction == "up"), move
            told.add(move.reason)
    assert told


def _drawn(chance: Random) -> str:
    review, window = chance.choice(REVIEWS), chance.choice(WINDOWS)
    spend = f"spend({window}) >= "
    late = review != "continuous" and chance.random() < 0.4
    return ladder(
        chance.choice([f"{spend}much", f"orders({window}) >= several"]),
        chance.choice(["", f', keep: "{spend}less"', ', keep: "complaints(days=30) == 0"'])
        + chance.choice(["", ", grace: 30d", ", grace: 10d", ", minimum_stay: 60d"]),
        review,
        "review" if late else "immediate",
        chance.choice(["grace", "immediate"]),
    )


def _life(chance: Random, text: str) -> Driver:
    customer = Driver(text, first_tick=at(-30))
    for when in sorted(at(chance.uniform(0, 500)) for _ in range(chance.randint(5, 25))):
        customer.pass_to(when)
        occurred_at = when - chance.choice([0, 0, 0, 5, 20]) * DAY_S
        minor = chance.choice([3_000, 6_000, 12_000])
        if chance.random() < 0.8:
            customer.take(customer.purchase(occurred_at, minor=minor))
        else:
            customer.take(customer.complaint(occurred_at, key=f"{when}"))
    customer.pass_to(at(1_400))
    return customer


def test_what_is_missing_makes_up_for_refunds_of_orders_from_before() -> None:
    """Who buys what is named reaches the tier."""
    customer = Driver(ladder("spend(days=365) >= much", refund="immediate"), first_tick=at(-1))
    customer.take(customer.purchase(at(0), 20_000))
    refund = Refund(
        event_id="r", source="shop", occurred_at=at(1), refund_id="r", amount_minor=70_000,
        currency="EUR", kind="return",
    )  # fmt: skip
    customer.take(refund)
    (fall,) = moves(customer)
    assert fall.missing_for_next is not None
    (need,) = fall.missing_for_next["needs"]
    assert need["missing_minor"] == 60_000  # 50,000 that she owes, and 10,000
    customer.take(customer.purchase(at(2), 59_999))
    assert customer.tiers()[-1][1] == "base"
    customer.take(customer.purchase(at(2), 1))
    assert customer.tiers()[-1][1] == "gold"

"""What a subscriber is told of warnings, overrides, holds and merges has to be one story."""

from __future__ import annotations

from typing import Any

import pytest

from models.calendar import rfc3339
from models.decisions import TierChanged, TierWarning
from models.events import (
    CustomerMoved,
    CustomersMerged,
    HoldSet,
    OverrideCleared,
    OverrideSet,
    Profile,
    Refund,
)
from rules.reduce import Reduction
from tests.rules.driving import Driver, activation, at

_HEAD = """
rulebook: standing
version: 1
zone: UTC
currency: EUR
parameters:
  one: {value: 1, unit: orders, why: x}
  two: {value: 2, unit: orders, why: x}
  some: {value: 100, unit: EUR, why: x}
  much: {value: 300, unit: EUR, why: x}
tiers:
  downgrade: to_qualified
  ladder:
    - {name: basic}
"""
SILVER = """
    - {name: silver, qualify: "orders(days=10) >= one", grace: 5d}
"""
GOLD = """
    - {name: gold, qualify: "spend(days=20) >= much", grace: 30d, minimum_stay: 100d}
"""
LADDER = _HEAD + SILVER + GOLD


def reviewed(review: str, *tiers: str) -> str:
    text = _HEAD.replace("tiers:\n", f"tiers:\n  review: {review}\n")
    return text + "".join(f"    - {tier}\n" for tier in tiers)


def story(customer: Driver) -> list[tuple[str, ...]]:
    """Return what was told of the tier: when, what and why, and whether a warning came true."""
    told: list[tuple[str, ...]] = []
    for each in customer.said:
        match each:
            case TierChanged(to=str(to)):
                true = ("warned",) if each.warning_id else ()
                told.append((each.occurred_at[:10], to, each.reason, *true))
            case TierWarning():
                told.append((each.occurred_at[:10], each.state, each.tier, each.ends_at[:10]))
    return told


def day(number: float) -> str:
    return rfc3339(at(number))[:10]


def decided(kind: Any, number: float, **fields: Any) -> Any:  # noqa: ANN401
    head: dict[str, Any] = {"event_id": f"d{number}", "source": "desk", "occurred_at": at(number)}
    return kind(**head, **fields, reason="r", by="b")


def override(number: float, tier: str, until: float | None, mode: Any = "at_least") -> OverrideSet:  # noqa: ANN401
    ends = None if until is None else at(until)
    found: OverrideSet = decided(
        OverrideSet, number, override_id="o", tier=tier, mode=mode, until=ends
    )
    return found


def moved(customer: Driver, number: float) -> CustomerMoved:
    """Return what a merge sends from a customer to the survivor."""
    merged = CustomersMerged(
        event_id="m", source="crm", occurred_at=at(number), absorbed="b", survivor="anna", by="x"
    )
    customer.pass_to(at(number))
    outcome = customer.reducer.reduce(
        "b", customer.known, merged, merged.occurred_at, merged.occurred_at
    )
    assert isinstance(outcome, Reduction)
    assert outcome.moved is not None
    return outcome.moved


def lived(text: str, *purchases: tuple[float, int], until: float) -> Driver:
    customer = Driver(text, first_tick=at(0))
    for number, minor in purchases:
        customer.pass_to(at(number))
        customer.take(customer.purchase(at(number), minor, event_id=f"p{number}-{minor}"))
    customer.pass_to(at(until))
    return customer


def test_a_merge_ends_the_warning_of_a_lower_tier() -> None:
    bea = lived(LADDER, (1, 40_000), until=32)
    anna = lived(LADDER, (20, 100), until=32)
    anna.take(moved(bea, 32))
    anna.pass_to(at(300))
    assert story(anna) == [
        (day(20), "silver", "joined"),
        (day(30), "set", "silver", day(35)),
        (day(32), "cleared", "silver", day(35)),
        (day(32), "gold", "qualified"),
        (day(32), "set", "gold", day(101)),  # her minimum stay began as the other's customer
        (day(101), "basic", "grace_ended", "warned"),
    ]


def test_a_tier_keeps_its_beginning_through_a_chain_of_merges() -> None:
    ann = lived(LADDER, (1, 40_000), until=50)
    bea = lived(LADDER, (2, 100), until=50)
    bea.take(moved(ann, 50))
    cleo = lived(LADDER, (2, 100), until=55)
    bea.pass_to(at(55))
    cleo.take(moved(bea, 55))
    cleo.pass_to(at(300))
    assert story(cleo)[-1] == (day(101), "basic", "grace_ended", "warned")


@pytest.mark.parametrize("bought", [(), ((2, 100),)])
def test_a_merge_tells_since_when_its_tier_is_held(bought: tuple[tuple[float, int], ...]) -> None:
    """To somebody who was not seen before as to one who was."""
    bea = lived(LADDER, *bought, until=20)
    bea.take(moved(lived(LADDER, (1, 40_000), until=20), 20))
    told = bea.said[-1]
    assert isinstance(told, TierChanged)
    assert (told.to, told.tier_since) == ("gold", rfc3339(at(1)))


@pytest.mark.parametrize(("hers", "brought"), [(40, 90), (90, 40), (None, 90)])
def test_of_two_holds_a_merge_keeps_the_longer_one(hers: float | None, brought: float) -> None:
    anna, bea = lived(LADDER, (1, 100), until=2), lived(LADDER, (1, 200), until=2)
    if hers is not None:
        anna.take(decided(HoldSet, 2, until=at(hers)))
    bea.take(decided(HoldSet, 2, until=at(brought)))
    anna.take(moved(bea, 3))
    anna.pass_to(at(91))
    assert story(anna)[1:] == [(day(90), "set", "silver", day(95))]


def test_a_fall_that_an_override_ends_is_no_override() -> None:
    anna = lived(LADDER.replace("minimum_stay: 100d", "minimum_stay: 0d"), (1, 40_000), until=2)
    anna.take(override(2, "silver", None))
    anna.pass_to(at(100))
    assert story(anna)[-1] == (day(51), "silver", "grace_ended", "warned")


def test_a_refund_that_an_override_softens_is_a_refund() -> None:
    text = _HEAD + SILVER + '    - {name: gold, qualify: "spend(days=60) >= much"}\n'
    anna = lived(text, (1, 40_000), until=2)
    anna.take(override(2, "silver", None))
    refund = Refund(
        event_id="r",
        source="shop",
        occurred_at=at(5),
        refund_id="r",
        amount_minor=40_000,
        currency="EUR",
        kind="return",
        purchased_at=at(1),
        full=True,
    )
    anna.take(refund)
    assert story(anna)[-1] == (day(5), "silver", "refund")


def test_the_warning_of_an_ending_override_comes_true() -> None:
    """Although the customer's own tier, which nobody saw, was rescued in the same instant."""
    tiers = (
        '    - {name: silver, qualify: "orders(days=100) >= one and complaints(days=12) == 0", '
        "grace: 12d}\n"
        '    - {name: gold, qualify: "spend(days=60) >= much", grace: 20d}\n'
    )
    anna = lived(_HEAD + tiers, (1, 2_000), until=2)
    anna.take(override(2, "gold", 31))
    anna.pass_to(at(19))
    anna.take(anna.complaint(at(19)))
    anna.pass_to(at(40))
    assert story(anna)[2:] == [
        (day(11), "set", "gold", day(31)),
        (day(31), "silver", "override_ended", "warned"),
    ]


def test_in_a_hold_no_override_demotes() -> None:
    anna = lived(LADDER, (1, 2_000), until=2)
    anna.take(override(2, "gold", 50))
    anna.take(decided(HoldSet, 5, until=at(80)))
    anna.pass_to(at(120))
    assert story(anna)[1:] == [
        (day(2), "gold", "override_set"),
        (day(80), "silver", "hold_ended"),
        (day(80), "set", "silver", day(85)),
        (day(85), "basic", "grace_ended", "warned"),
    ]


def test_only_the_override_that_is_in_force_can_be_cleared() -> None:
    anna = lived(LADDER, (1, 2_000), until=2)
    head: dict[str, Any] = {"source": "desk", "occurred_at": at(3)}
    nothing = OverrideCleared(**head, event_id="c0", override_id="o")
    assert "no override 'o' is in force" in anna.refused(nothing).message
    anna.take(override(2, "gold", None))
    anna.refused(OverrideCleared(**head, event_id="c1", override_id="another"))
    anna.take(OverrideCleared(**head, event_id="c2", override_id="o"))
    anna.refused(OverrideCleared(**head, event_id="c3", override_id="o"))
    assert [to for _, to, *_ in story(anna)][:2] == ["silver", "gold"]
    assert story(anna)[2] == (day(3), "silver", "override_ended")


def test_what_cannot_be_decided_is_refused_and_why() -> None:
    anna = lived(LADDER, (1, 2_000), until=2)
    assert "no tier 'platinum'; it has basic" in anna.refused(override(2, "platinum", None)).message
    before = Driver(first_tick=at(0))  # any rulebook
    before.take(before.purchase(at(0)))
    for early in (override(1, "gold", None), decided(HoldSet, 1, until=at(9))):
        assert "no rulebook is in force yet" in before.refused(early).message


def test_a_warning_about_a_review_that_moved_is_cleared() -> None:
    gold = (
        '{name: gold, qualify: "orders() >= one and complaints(days=60) == 0", warn: 30d, '
        "grace: 10d}"
    )
    anna = Driver(reviewed("anniversary of joining", gold), first_tick=at(0))

    def joins(number: float, when: float) -> Profile:
        return Profile(
            event_id=f"j{number}",
            source="crm",
            occurred_at=at(number),
            patch={"joined_at": rfc3339(at(when))},
        )

    anna.take(joins(0, 0))
    anna.take(anna.purchase(at(1), 40_000))
    anna.pass_to(at(320))
    anna.take(anna.complaint(at(320)))
    anna.pass_to(at(340))
    anna.take(joins(340, 90))
    anna.pass_to(at(470))
    assert story(anna)[2:] == [
        (day(335), "set", "gold", day(375)),
        (day(340), "cleared", "gold", day(375)),
    ]


def test_reviews_that_begin_clear_a_warning_that_a_new_rulebook_ends() -> None:
    anna = lived(
        _HEAD + '    - {name: gold, qualify: "spend(days=60) >= much", grace: 30d}\n',
        (1, 40_000),
        until=62,
    )
    gold = '{name: gold, qualify: "spend(days=60) >= much", keep: "orders() >= one", grace: 30d}'
    anna.activate(activation(1, reviewed("yearly", gold)))
    anna.pass_to(at(120))
    assert story(anna)[1:] == [
        (day(61), "set", "gold", day(91)),
        (day(62), "cleared", "gold", day(91)),
    ]


def test_a_warning_after_a_review_misses_what_rescues() -> None:
    """Which is counted in the review's period, with what came since."""
    gold = "{name: gold, qualify: \"spend(period='year') >= much\", grace: 60d}"
    anna = lived(reviewed("yearly", gold), (1, 30_000), (100, 20_000), until=100)
    new_year = next(n for n in range(100, 600) if rfc3339(at(n))[4:10] == "-01-01")
    anna.pass_to(at(new_year + 1))
    anna.take(anna.purchase(at(new_year + 2), 4_000))
    anna.take(anna.purchase(at(new_year + 3), 6_000))
    warnings = [each for each in anna.said if isinstance(each, TierWarning)]
    missing = [[need["missing_minor"] for need in each.missing] for each in warnings]
    assert [each.state for each in warnings] == ["set", "revised", "cleared"]
    assert missing == [[10_000], [6_000], []]


def test_a_tier_is_valid_no_longer_than_a_running_grace() -> None:
    silver = '{name: silver, qualify: "spend(days=60) >= some", grace: 10d}'
    gold = '{name: gold, qualify: "spend(days=60) >= much", grace: 10d}'
    text = reviewed("quarterly", silver, gold).replace("to_qualified", "one_step")
    anna = lived(text, (1, 40_000), until=300)
    fell = next(each for each in anna.said if isinstance(each, TierChanged) and each.to == "silver")
    assert fell.if_nothing_happens is not None
    assert fell.valid_until == fell.if_nothing_happens.at
    assert anna.tiers()[-1] == ("silver", "basic", "grace_ended")


def test_a_warning_says_where_she_falls_when_it_ends() -> None:
    """Not where she would fall today: what holds the lower tier may be gone by then."""
    text = (
        _HEAD + '    - {name: silver, qualify: "orders(days=30) >= one", grace: 5d}\n'
        '    - {name: gold, qualify: "orders(days=20) >= two", grace: 30d}\n'
    )
    anna = lived(text, (1, 100), (2, 200), until=100)
    (warning,) = [each for each in anna.said if isinstance(each, TierWarning)]
    assert warning.falls_to == "basic"
    assert anna.tiers()[-1] == ("gold", "basic", "grace_ended")


def test_the_outlook_is_what_the_laws_will_do() -> None:
    """Under reviews a window that runs out changes nothing by itself."""
    gold = '{name: gold, qualify: "spend(days=60) >= much", warn: 30d, grace: 10d}'
    anna = lived(reviewed("yearly", gold), (1, 40_000), until=500)
    (joined, *_) = (each for each in anna.said if isinstance(each, TierChanged))
    (warning, *_) = (each for each in anna.said if isinstance(each, TierWarning))
    assert joined.if_nothing_happens is not None
    assert joined.if_nothing_happens.what == "tier.warning"
    assert joined.if_nothing_happens.at == warning.occurred_at

"""`Reducer`: what one customer's history leads to, story by story."""

from __future__ import annotations

import json

import pytest

from models import events
from models.calendar import rfc3339
from models.customer import SEEN_MAX
from models.decisions import ChurnRiskChanged, SegmentChanged, TierChanged, encode
from models.errors import Reason
from rules.admission import Refusal
from rules.reduce import Reduction
from tests.rules.driving import GOLD, SILVER, Driver, activation, at, book


def driver(zone: str = "UTC") -> Driver:
    return Driver(book(zone=zone), first_tick=at(0))


def test_the_first_event_says_where_a_customer_begins() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0, -1), 2_000))
    assert customer.tiers() == [(None, "basic", "joined")]
    first = customer.said[0]
    assert isinstance(first, TierChanged)
    assert (first.revision, first.sequence, first.previous_id) == (1, 1, None)
    assert (first.cause.kind, first.cause.type, first.cause.id) == ("event", "purchase", "p1")
    assert first.origin == "live"


def test_a_purchase_lifts_at_once_and_silence_lowers_at_the_due_instant() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0, -1), 12_000))
    assert customer.tiers() == [(None, "gold", "joined")]
    customer.pass_to(at(40))
    (_, down) = (d for d in customer.said if isinstance(d, TierChanged))
    assert (down.from_, down.to, down.reason, down.direction) == (
        "gold", "basic", "keep_failed", "down",
    )  # fmt: skip
    assert down.occurred_at == rfc3339(at(13))  # the purchase's day leaves a window of 14
    assert down.cause.kind == "timer"
    assert down.root_cause is not None
    assert (down.root_cause.type, down.root_cause.id) == ("purchase", "p1")


def test_the_root_of_a_timer_is_the_last_event_whatever_it_was_about() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 12_000))
    viewed = events.Engagement(event_id="view", source="web", occurred_at=at(1), kind="page_viewed")
    customer.take(viewed)
    customer.pass_to(at(20))
    down = [d for d in customer.said if isinstance(d, TierChanged)][-1]
    assert down.root_cause is not None
    assert (down.root_cause.type, down.root_cause.id) == ("engagement", "view")


def test_what_is_said_fits_its_schema_as_json() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 12_000))
    customer.pass_to(at(40))
    for decision in customer.said:
        assert json.loads(encode(decision))["customer_id"] == "anna"


def test_before_the_first_tick_there_are_facts_and_no_conclusions() -> None:
    customer = Driver(book())
    customer.take(customer.purchase(at(0), 12_000))
    assert customer.said == []
    assert customer.known.facts.orders == [1]
    assert customer.known.era is None


def test_the_first_tick_seats_who_came_before_it() -> None:
    customer = Driver(book())
    customer.take(customer.purchase(at(0), 12_000))
    customer.pass_to(at(3))
    first = customer.said[0]
    assert (first.cause.kind, first.origin) == ("first_tick", "activation")
    assert customer.tiers() == [(None, "gold", "joined")]
    assert first.occurred_at == rfc3339(at(3))


def test_before_the_first_rulebook_there_are_facts_and_no_conclusions() -> None:
    customer = Driver(first_tick=at(0))
    customer.take(customer.purchase(at(0), 12_000))
    assert customer.said == []
    customer.activate(activation(0, book()))
    customer.catch_up()
    assert customer.tiers() == [(None, "gold", "joined")]


def test_an_activation_seats_again_as_of_its_own_instant() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 12_000))
    customer.tick(at(2))
    customer.activate(activation(3, book(2, gold=(500, 400))))
    customer.pass_to(at(9))
    (_, change) = (d for d in customer.said if isinstance(d, TierChanged))
    assert (change.from_, change.to, change.reason) == ("gold", "basic", "rulebook")
    assert change.origin == "activation"
    assert (change.cause.kind, change.cause.id) == ("activation", "rulebook.activated-3")
    assert change.occurred_at == rfc3339(at(2))


@pytest.mark.parametrize(
    ("before", "ladder"), [("gold", ()), ("gold", (SILVER,)), ("silver", (GOLD,))]
)
def test_a_tier_that_a_rulebook_drops_is_left_aloud(before: str, ladder: tuple[str, ...]) -> None:
    """Subscribers hear that the customer is not any more where they last saw her."""
    customer = driver()
    if before == "gold":
        customer.take(customer.purchase(at(0), 12_000))
    else:
        customer.take(customer.purchase(at(0), 1_000))
        customer.take(customer.purchase(at(0), 1_000))
    assert customer.tiers()[-1][1] == before
    customer.activate(activation(1, book(2, tiers=ladder)))
    customer.catch_up()
    assert customer.tiers()[-1] == (before, "basic", "rulebook")


def test_a_category_that_a_rulebook_drops_is_left_aloud() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 1_000))
    customer.activate(activation(1, book(2).replace("name: active", "name: keen")))
    customer.catch_up()
    changes = [d for d in customer.said if isinstance(d, SegmentChanged)]
    assert [(d.from_, d.to) for d in changes] == [(None, "active"), ("active", "keen")]
    assert (changes[1].added, changes[1].removed) == (("keen",), ("active",))
    assert changes[1].cause.kind == "activation"


def test_a_category_that_only_moves_says_nothing() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 1_000))
    first = '      - {name: cross, when: "complaints(days=5) > 0"}\n'
    text = book(2).replace("      - {name: active,", f"{first}      - {{name: active,")
    customer.activate(activation(1, text))
    customer.catch_up()
    assert customer.known.concluded.categories == [1]
    assert [d.to for d in customer.said if isinstance(d, SegmentChanged)] == ["active"]


def test_a_tier_keeps_its_name_when_a_rulebook_moves_it() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 12_000))
    assert customer.known.concluded.tier == 2
    customer.activate(activation(1, book(2, tiers=(GOLD,))))
    customer.catch_up()
    assert customer.known.concluded.tier == 1
    assert customer.tiers() == [(None, "gold", "joined")]  # the same tier: nothing to say


def test_timers_due_before_an_activation_fire_under_the_old_rules() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 12_000))
    customer.tick(at(20))  # gold ended on day 14, but nobody looked
    customer.activate(activation(1, book(2)))
    customer.catch_up()
    versions = [(d.to, d.rulebook.version) for d in customer.said if isinstance(d, TierChanged)]
    assert versions == [("gold", 1), ("basic", 1)]


def test_a_zone_decides_which_day_it_is() -> None:
    late_evening = at(0, 20)  # already tomorrow in Shanghai
    for zone, leaves in (("UTC", at(14)), ("Asia/Shanghai", at(15, -8))):
        customer = Driver(book(zone=zone), first_tick=late_evening)
        customer.take(customer.purchase(late_evening, 12_000))
        customer.pass_to(at(40))
        down = [d for d in customer.said if isinstance(d, TierChanged)][-1]
        assert down.occurred_at == rfc3339(leaves)


def test_an_event_of_an_earlier_day_is_late_and_says_what_it_supersedes() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 2_000))
    customer.tick(at(3))
    customer.take(customer.purchase(at(1), 12_000))
    change = [d for d in customer.said if isinstance(d, TierChanged)][-1]
    assert change.cause.late
    assert change.supersedes == change.previous_id is not None
    assert change.occurred_at == rfc3339(at(3))


def test_what_a_late_event_says_supersedes_nothing_about_another_subject() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 2_000))
    customer.pass_to(at(8))
    began = len(customer.said)
    customer.take(customer.purchase(at(5), 12_000))
    told = customer.said[began:]
    assert {type(each) for each in told} == {TierChanged, SegmentChanged}
    for each in told:
        assert each.cause.late
        is_of_one_subject = isinstance(each, TierChanged | ChurnRiskChanged)
        assert each.supersedes == (each.previous_id if is_of_one_subject else None)


def test_an_event_of_today_is_not_late() -> None:
    customer = driver()
    customer.tick(at(3, 12))
    customer.take(customer.purchase(at(3, 1), 12_000))
    assert not customer.said[0].cause.late
    assert customer.said[0].supersedes is None


def test_a_repeat_changes_nothing() -> None:
    customer = driver()
    event = customer.purchase(at(0), 12_000)
    customer.take(event)
    before, said = customer.packed, len(customer.said)
    customer.tick(at(5))
    assert customer.take(event) is None
    assert (customer.packed, len(customer.said)) == (before, said)


def test_the_same_id_of_another_source_is_another_event() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), event_id="same"))
    assert isinstance(
        customer.take(customer.purchase(at(0), event_id="same", source="b")), Reduction
    )
    assert customer.known.facts.orders == [2]


@pytest.mark.parametrize(("ahead_s", "accepted"), [(86_400, True), (86_401, False)])
def test_a_day_ahead_of_the_broker_is_the_future(ahead_s: int, *, accepted: bool) -> None:
    customer = driver()
    event = customer.purchase(at(1) + ahead_s)
    if accepted:
        assert isinstance(customer.take(event, at(1)), Reduction)
    else:
        refusal = customer.refused(event, at(1))
        assert refusal.reason is Reason.FROM_THE_FUTURE
        assert "check the producer's clock" in refusal.message


def test_lateness_ends_after_thirty_days() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0)))
    customer.tick(at(31))
    assert isinstance(customer.take(customer.purchase(at(1))), Reduction)
    assert customer.refused(customer.purchase(at(1) - 1)).reason is Reason.TOO_LATE


def test_another_currency_is_set_aside() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0)))
    refusal = customer.refused(customer.purchase(at(0), currency="USD"))
    assert refusal.reason is Reason.UNKNOWN_CURRENCY
    assert "USD" in refusal.message
    assert "EUR" in refusal.message


def test_a_refused_first_event_leaves_no_state() -> None:
    customer = driver()
    assert isinstance(customer.take(customer.purchase(at(0), currency="USD")), Refusal)
    assert customer.state is None


def test_a_very_busy_customer_counts_nothing_twice() -> None:
    """Beyond 256 ids the oldest are forgotten, and whatever is as old as they were is refused."""
    customer = driver()
    sent = [customer.purchase(at(0) + i, 100) for i in range(SEEN_MAX + 20)]
    for event in sent:
        assert isinstance(customer.take(event, at(1)), Reduction)
    before = customer.packed
    answers = [customer.take(event, at(1)) for event in sent]
    assert {a.reason for a in answers if isinstance(a, Refusal)} == {Reason.TOO_LATE}
    assert answers.count(None) == SEEN_MAX
    assert customer.packed == before
    assert customer.known.facts.orders == [SEEN_MAX + 20]
    assert customer.refused(customer.purchase(at(0), 100), at(1)).reason is Reason.TOO_LATE


def test_a_refund_is_booked_on_the_day_of_its_purchase() -> None:
    customer = driver()
    customer.take(customer.purchase(at(0), 12_000))
    customer.tick(at(8))
    customer.take(
        events.Refund(
            event_id="r", source="shop", occurred_at=at(8), refund_id="r", amount_minor=9_000,
            currency="EUR", kind="return", purchased_at=at(0),
        )
    )  # fmt: skip
    assert customer.known.facts.series["refund"] == ([at(0) // 86_400], [9_000])
    assert customer.tiers()[-1] == ("gold", "basic", "refund")


def test_a_refund_may_come_before_its_purchase() -> None:
    one, other = driver(), driver()
    bought = one.purchase(at(0), 12_000)
    returned = events.Refund(
        event_id="r", source="shop", occurred_at=at(0, 2), refund_id="r", amount_minor=9_000,
        currency="EUR", kind="return", purchased_at=at(0),
    )  # fmt: skip
    for customer, order in ((one, (bought, returned)), (other, (returned, bought))):
        for event in order:
            customer.take(event)
    assert one.known.facts == other.known.facts
    assert one.known.concluded.tier == other.known.concluded.tier == 0

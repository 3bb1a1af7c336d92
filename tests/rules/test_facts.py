"""The facts: each against a plain reading of the events that it comes from."""

# ruff: noqa: ANN401  # the helpers pass any field of an event, and any argument of a fact, on

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import DAY_S
from models.customer import CustomerState, Facts
from models.events import Complaint, CustomerEvent, Engagement, Feedback, Profile, Purchase, Refund
from models.fold import fold
from models.fold_cases import COMPLAINTS_MAX, FEEDBACK_MAX
from rules.facts import VOCABULARY, lookup
from rules.facts.vocabulary import Unit
from tests.rules.histories import NOW, TODAY, ZONE, events

WINDOWS = st.none() | st.sampled_from((1, 7, 30, 365))


def folded(*happened: CustomerEvent) -> Facts:
    state = CustomerState()
    for event in happened:
        fold(state.facts, event, ZONE, TODAY, 30)
    return state.facts


def read(name: str, facts: Facts, **arguments: Any) -> Any:
    spec = lookup(name)
    assert spec is not None
    return spec.read(facts, ZONE, TODAY, **arguments)


def head(days: int = 0, number: int = 0) -> dict[str, Any]:
    return {"event_id": f"e{days}-{number}", "source": "t", "occurred_at": NOW + days * DAY_S}


def purchase(days: int, amount: int = 1_000, number: int = 0) -> Purchase:
    return Purchase(**head(days, number), order_id="o", net_amount_minor=amount, currency="GBP")


def refund(days: int, amount: int, *, of: int | None = None, full: bool = False) -> Refund:
    at = None if of is None else NOW + of * DAY_S
    return Refund(
        **head(days), refund_id="r", amount_minor=amount, currency="GBP", kind="return",
        purchased_at=at, full=full,
    )  # fmt: skip


def complaint(days: int, name: str, action: Any = "opened", **fields: Any) -> Complaint:
    given = {"type": "delivery", **fields}
    return Complaint(**head(days), complaint_id=name, action=action, **given)


def feedback(days: int, name: str, score: int, metric: Any = "csat", **fields: Any) -> Feedback:
    polarity = "negative" if score < 3 else "positive" if score > 3 else "neutral"
    given = {"action": "given", "kind": "survey", "polarity": polarity, **fields}
    return Feedback(**head(days), feedback_id=name, metric=metric, score=score, **given)


@given(events(), WINDOWS)
def test_money_and_orders_are_sums_over_the_events(
    happened: list[CustomerEvent], days: int | None
) -> None:
    facts = folded(*happened)

    def inside(at: int) -> bool:
        return days is None or ZONE.day(at) > TODAY - days

    bought = [e for e in happened if isinstance(e, Purchase) and inside(e.occurred_at)]
    returned = [
        e
        for e in happened
        if isinstance(e, Refund)
        and inside(e.occurred_at if e.purchased_at is None else e.purchased_at)
    ]
    gross = sum(e.net_amount_minor for e in bought)
    back = sum(e.amount_minor for e in returned)
    count = max(0, len(bought) - sum(e.full for e in returned))
    assert read("spend", facts, days=days) == max(0, gross - back)
    assert read("orders", facts, days=days) == count
    assert read("refunds", facts, days=days) == back
    assert read("return_ratio", facts, days=days) == (min(1.0, back / gross) if gross else None)
    expected = max(0, gross - back) // count if count else None
    assert read("average_order", facts, days=days) == expected


def test_a_window_begins_after_today_less_its_days_and_has_no_end() -> None:
    facts = folded(purchase(-7, 100), purchase(-6, 10), purchase(1, 1))
    assert read("spend", facts, days=7) == 11
    assert read("spend", facts, days=8) == 111


def test_a_refund_counts_on_the_day_of_its_purchase() -> None:
    facts = folded(purchase(-40, 5_000), refund(-1, 2_000, of=-40))
    assert read("spend", facts, days=30) == 0
    assert read("spend", facts, days=60) == 3_000
    assert read("refunds", facts, days=30) == 0


def test_days_since_are_differences_of_dates() -> None:
    facts = folded(purchase(-30), purchase(-2))
    assert read("days_since_purchase", facts) == 2
    assert read("days_since_first_purchase", facts) == 30
    assert read("member_days", facts) == 30
    assert read("days_since_purchase", folded(purchase(1))) == 0


def test_joining_is_what_the_profile_says_else_the_first_purchase_else_the_first_event() -> None:
    seen = Engagement(**head(-9), kind="page_viewed")
    assert read("member_days", folded(seen)) == 9
    assert read("member_days", folded(seen, purchase(-5))) == 5
    said = Profile(**head(-1), patch={"joined_at": "2026-01-10T09:00:00Z"})
    assert read("member_days", folded(seen, purchase(-5), said)) == 90
    unreadable = Profile(**head(-1), patch={"joined_at": "long ago"})
    assert read("member_days", folded(seen, purchase(-5), unreadable)) == 5


def test_complaints_count_on_the_day_opened_with_their_newest_values() -> None:
    facts = folded(
        complaint(-50, "k", severity="low"),
        complaint(-3, "k", "amended", severity="critical", type="billing"),
        complaint(-10, "l"),
        complaint(-5, "m", severity="high"),
        complaint(-4, "m", "retracted", severity="high"),
    )
    assert read("complaints", facts) == 2
    assert read("complaints", facts, days=30) == 1
    assert read("complaints", facts, severity_from="high") == 1
    assert read("complaints", facts, severity="low") == 0
    assert read("complaints", facts, severity="critical", severity_from="low") == 1
    assert read("complaints", facts, type="billing") == 1
    assert read("days_since_complaint", facts) == 10


def test_open_complaints_are_neither_resolved_nor_retracted() -> None:
    facts = folded(
        complaint(-9, "k", severity="high"),
        complaint(-8, "l"),
        complaint(-7, "l", "resolved"),
        complaint(-6, "m"),
        complaint(-5, "m", "resolved"),
        complaint(-4, "m", "reopened"),
    )
    assert read("open_complaints", facts) == 2
    assert read("open_complaints", facts, severity_from="high") == 1
    assert read("open_complaints", facts, type="billing") == 0


def test_complaints_too_many_to_keep_still_count() -> None:
    many = [complaint(-100, f"k{n}", severity="high") for n in range(COMPLAINTS_MAX + 6)]
    facts = folded(*many, complaint(-1, "new"))
    assert read("complaints", facts, days=365) == COMPLAINTS_MAX + 7
    assert read("complaints", facts, days=30) == 1
    assert read("complaints", facts, severity_from="high") == COMPLAINTS_MAX + 6
    assert read("complaints", facts, type="billing") == 0


def test_feedback_is_counted_and_averaged() -> None:
    facts = folded(
        feedback(-50, "a", 1), feedback(-4, "b", 5), feedback(-3, "c", 4),
        feedback(-2, "d", 2), feedback(-1, "d", 2, action="retracted"),
    )  # fmt: skip
    assert read("feedback_count", facts) == 3
    assert read("feedback_count", facts, days=30, polarity="positive") == 2
    assert read("feedback_count", facts, metric="nps") == 0
    assert read("feedback_mean", facts, metric="csat", days=30) == 4.5
    assert read("feedback_mean", facts, metric="stars") is None


def test_nps_is_promoters_less_detractors() -> None:
    facts = folded(*(feedback(-n, f"n{n}", score, "nps") for n, score in enumerate((5, 4, 3, 1))))
    assert read("nps", facts, days=30) == 25.0
    assert read("nps", Facts()) is None


def test_feedback_too_much_to_keep_still_counts() -> None:
    many = [feedback(-n - 1, f"f{n}", 4) for n in range(FEEDBACK_MAX + 10)]
    facts = folded(*many)
    assert read("feedback_count", facts) == FEEDBACK_MAX + 10
    assert read("feedback_mean", facts, metric="csat") == 4.0


def test_activities_are_counted_by_kind() -> None:
    facts = folded(*(Engagement(**head(-n), kind="page_viewed") for n in (1, 2, 40)))
    assert read("activities", facts, kind="page_viewed", days=30) == 2
    assert read("activities", facts, kind="activity.joined") == 0


def test_attributes_of_an_unexpected_type_are_unknown() -> None:
    said = {"industry": "retail", "employees": True, "interests": ["golf"], "custom.vip": 5}
    facts = folded(Profile(**head(), patch=said))
    assert read("profile.industry", facts) == "retail"
    assert read("profile.employees", facts) is None
    assert read("profile.custom.vip", facts) is None
    assert read("has", facts, attribute="profile.interests", value="golf") is True
    assert read("has", facts, attribute="profile.interests", value="tea") is False
    assert read("has", facts, attribute="profile.requirements", value="x") is None


@pytest.mark.parametrize("name", sorted(VOCABULARY))
def test_every_fact_is_documented_and_knows_what_no_data_means(name: str) -> None:
    spec = VOCABULARY[name]
    assert len(spec.about) > 20
    assert spec.unit in Unit
    required = {
        "metric": "csat", "kind": "page_viewed", "attribute": "interests", "value": "x",
        "unit": "hours", "of": "polarity", "purpose": "marketing", "custom": "custom.x",
        "date": "hired_on",
    }  # fmt: skip
    given = {key: required[key] for key, argument in spec.arguments.items() if argument.required}
    assert spec.read(Facts(), ZONE, TODAY, **given) == (None if spec.unknown else 0)
    assert (spec.source is None) == (spec.motion == "still")

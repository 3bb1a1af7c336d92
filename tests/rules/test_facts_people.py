"""Facts of people: feedback, complaints, engagement, the profile and scores from outside."""

# ruff: noqa: ANN401  # the helpers pass any field of an event, and any argument of a fact, on

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.customer import Facts
from models.events import Engagement, Profile, Purchase, ScoreSet
from models.fold_series import SERIES_MAX
from rules.facts import attributes, lookup
from tests.rules.histories import NOW, TODAY, ZONE
from tests.rules.test_facts import complaint, feedback, folded, head, purchase, read


def engaged(days: int, kind: str, **fields: Any) -> Engagement:
    return Engagement(**head(days), kind=kind, **fields)


def said(**patch: Any) -> Facts:
    names = {name.replace("__", "."): value for name, value in patch.items()}
    return folded(Profile(**head(), patch=names))


def turn(name: str, facts: Facts, **arguments: Any) -> int | None:
    spec = lookup(name)
    assert spec is not None
    assert spec.source is not None
    day: int | None = spec.source(facts, ZONE, TODAY, **arguments)
    return day


def test_complaint_amounts_add_up_in_the_currency_of_the_purchases() -> None:
    facts = folded(
        purchase(-60),
        complaint(-50, "k", amount_minor=500, currency="GBP", severity="high"),
        complaint(-3, "k", "amended", amount_minor=700, currency="GBP", severity="high"),
        complaint(-2, "l", amount_minor=40),
        complaint(-2, "m", amount_minor=9_000, currency="EUR"),
        complaint(-1, "n", amount_minor=1),
        complaint(0, "n", "retracted"),
    )
    assert read("complaint_amount", facts) == 740
    assert read("complaint_amount", facts, days=30) == 40
    assert read("complaint_amount", facts, severity_from="high") == 700


def test_repeated_complaints_are_those_after_the_first_of_their_type() -> None:
    facts = folded(
        *(complaint(days, f"k{days}") for days in (-50, -9, -8)),
        complaint(-7, "other", type="billing"),
    )
    assert read("repeat_complaints", facts) == 2
    assert read("repeat_complaints", facts, days=30) == 1
    assert read("repeat_complaints", facts, type="billing") == 0


def test_feedback_is_told_apart_by_kind_and_topic() -> None:
    facts = folded(
        feedback(-50, "a", 5, kind="review", topic="brand", public=True),
        feedback(-4, "b", 1, kind="survey", topic="brand"),
        feedback(-3, "c", 3, kind="suggestion"),
    )
    assert read("feedback_count", facts, topic="brand") == 2
    assert read("feedback_count", facts, kind="review", polarity="positive") == 1
    assert read("feedback_mean", facts, metric="csat", topic="brand") == 3.0
    assert read("public_praise", facts) == 1
    assert read("public_praise", facts, days=30) == 0
    assert read("last_feedback", facts, of="kind") == "suggestion"
    assert read("last_feedback", facts, of="polarity") == "neutral"


def test_satisfaction_is_a_fading_mean_less_fading_complaints() -> None:
    one = feedback(-30, "a", 5)
    assert read("satisfaction", folded(one)) == 100
    both = folded(one, feedback(0, "b", 1))
    assert read("satisfaction", both, half_life=30) == 33  # weights 1 : 2, points 100 and 0
    cross = folded(one, complaint(-30, "k"))
    assert read("satisfaction", cross, half_life=30, penalty=40) == 80
    assert read("satisfaction", folded(complaint(-1, "k"))) is None


def test_an_answer_without_a_score_has_the_points_of_its_polarity() -> None:
    facts = folded(feedback(-1, "a", 5, metric="label", polarity="neutral"))
    assert read("satisfaction", facts) == 50


@given(st.lists(st.integers(-60, 1), min_size=1, max_size=3), st.sampled_from((7, 30)))
def test_satisfaction_turns_when_it_recovers_by_a_point(days: list[int], half_life: int) -> None:
    facts = folded(feedback(-3, "a", 4), *(complaint(d, f"k{d}{n}") for n, d in enumerate(days)))
    arguments: dict[str, Any] = {"half_life": half_life, "penalty": 30}
    spec = lookup("satisfaction")
    assert spec is not None
    course = [spec.read(facts, ZONE, TODAY + n, **arguments) for n in range(800)]
    changed = next((TODAY + n for n, points in enumerate(course) if points != course[0]), None)
    assert turn("satisfaction", facts, **arguments) == changed


def test_usage_referrals_and_responses() -> None:
    facts = folded(
        engaged(-50, "product.used", unit="hours", quantity_milli=1_500),
        engaged(-3, "product.used", unit="hours", quantity_milli=2_000),
        engaged(-3, "referral.converted", other_customer_id="x"),
        engaged(-3, "order.delivered_late"),
        engaged(-2, "action.responded", name="call"),
        engaged(-1, "action.responded"),
        Purchase(**head(-1), order_id="o", net_amount_minor=5, currency="GBP", action_id="a1"),
    )
    assert read("usage", facts, unit="hours") == 3.5
    assert read("usage", facts, unit="hours", days=30) == 2.0
    assert read("referrals", facts, period="month") == 1
    assert read("late_deliveries", facts) == 1
    assert read("responses", facts) == 3
    assert read("responses", facts, action="call") == 1


def test_contacts_are_known_by_their_kind() -> None:
    facts = folded(engaged(-9, "contact.made", name="visit"), engaged(-2, "contact.made"))
    assert read("days_since_contact", facts) == 2
    assert read("days_since_contact", facts, kind="visit") == 9
    assert read("days_since_contact", facts, kind="call") is None


def test_relations_count_whoever_is_linked_in_any_order() -> None:
    steps = [
        engaged(-9, "relation.linked", other_customer_id="x", relation="family"),
        engaged(-5, "relation.unlinked", other_customer_id="x", relation="family"),
        engaged(-8, "relation.linked", other_customer_id="y", relation="family"),
        engaged(-8, "relation.linked", other_customer_id="x", relation="friend"),
    ]
    for happened in (steps, steps[::-1]):
        assert read("relations", folded(*happened)) == 2
        assert read("relations", folded(*happened), kind="family") == 1
    over = engaged(-1, "relation.unlinked", other_customer_id="x")  # of no kind: of all
    for happened in ([*steps, over], [over, *steps]):
        assert read("relations", folded(*happened)) == 1
        assert read("relations", folded(*happened), kind="friend") == 0


def test_attributes_have_the_types_that_their_names_promise() -> None:
    facts = said(
        custom__seats=20, custom__club=True, custom__since="2026-04-01", hired_on="2026-03-31",
        interests=["golf"],
    )  # fmt: skip
    assert read("number", facts, custom="profile.custom.seats") == 20
    assert read("number", facts, custom="profile.custom.club") is None
    assert read("flag", facts, custom="profile.custom.club") is True
    assert read("flag", facts, custom="profile.custom.seats") is None
    assert read("days_since", facts, date="profile.hired_on") == 10
    assert read("days_since", facts, date="profile.custom.since") == 9
    assert read("days_since", facts, date="profile.joined_at") is None


def test_income_is_of_a_month_and_in_the_currency_of_the_purchases() -> None:
    income = {"income.amount_minor": 120_000, "income.currency": "GBP", "income.period": "year"}
    yearly = Profile(**head(), patch=income)
    assert read("profile.income", folded(yearly, purchase(-1))) == 10_000
    monthly = Profile(**head(), patch={**income, "income.period": "month"})
    assert read("profile.income", folded(monthly, purchase(-1))) == 120_000
    foreign = Profile(**head(), patch={**income, "income.currency": "EUR"})
    assert read("profile.income", folded(foreign, purchase(-1))) is None
    revenue = {"annual_revenue.amount_minor": 5, "annual_revenue.currency": "GBP"}
    earning = Profile(**head(), patch=revenue)
    assert read("profile.annual_revenue", folded(earning, purchase(-1))) == 5


@pytest.mark.parametrize(
    ("born", "years", "birthday"),
    [
        ("1986-04-10", 40, "2027-04-10"),
        ("1986-04-11", 39, "2026-04-11"),
        ("1996-02-29", 30, "2027-02-28"),
        ("2027-01-01", None, "2027-01-01"),
        ("1786-01-01", None, None),
    ],
)
def test_age_turns_on_the_birthday(born: str, years: int | None, birthday: str | None) -> None:
    facts = said(birth_date=born)
    assert read("age", facts) == years
    day = turn("age", facts)
    assert (None if day is None else str(ZONE.date(day))) == birthday


def test_a_withdrawn_consent_makes_what_rests_on_it_unknown() -> None:
    known: dict[str, Any] = {"birth_date": "1986-04-10", "gender": "f", "culture": "open"}
    for granted, expected in ((True, (40, "f")), (None, (40, "f")), (False, (None, None))):
        facts = said(**known, consents__profiling__granted=granted)
        assert (read("age", facts), read("profile.gender", facts)) == expected
        assert read("consent", facts, purpose="profiling") is granted
        assert read("profile.culture", facts) == "open"
    assert read("profile.culture", said(**known, consents__sensitive__granted=False)) is None


def test_a_score_holds_until_the_end_of_the_day_on_which_it_expires() -> None:
    def scored(until: int | None) -> Facts:
        return folded(ScoreSet(**head(), name="credit", value=3.5, valid_until=until))

    assert read("score.credit", scored(None)) == 3.5
    assert turn("score.credit", scored(None)) is None
    today = scored(NOW)
    assert read("score.credit", today) == 3.5
    assert turn("score.credit", today) == TODAY + 1
    midnight = scored(ZONE.start(TODAY))
    assert read("score.credit", midnight) is None
    assert turn("score.credit", midnight) is None
    assert read("score.other", today) is None


def test_counts_of_a_crowded_customer_pass_only_without_a_filter() -> None:
    kinds = [engaged(-1, f"kind {n}") for n in range(SERIES_MAX)]
    many = [complaint(-100, f"k{n}", severity="high") for n in range(70)]
    facts = folded(*kinds, *many)
    assert read("complaints", facts) == 70
    assert read("complaints", facts, severity="high") == 64


def test_every_attribute_is_documented_and_unknown_without_data() -> None:
    names = [spec.name for spec in attributes()]
    assert len(set(names)) == len(names)
    assert {"profile.income", "profile.custom.<name>", "score.<name>"} <= set(names)
    for spec in attributes():
        assert len(spec.about) > 20
        assert spec.unknown
        assert spec.read(Facts(), ZONE, TODAY) is None

"""Causes: the events that explanations name are those that the facts were computed from."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models.customer import Facts
from models.events import Complaint, CustomerEvent, Feedback, Profile, ScoreSet
from rules.book import NOTHING_GIVEN
from rules.explanation.causes import CAUSES_MAX, causes
from rules.explanation.explain import explain
from rules.facts import VOCABULARY, lookup
from rules.facts.windows import window
from rules.language.expression import parse_value
from rules.language.tree import Fact
from tests.rules.constructs import book, customer
from tests.rules.histories import NOW, TODAY, ZONE, events
from tests.rules.resolving import resolver
from tests.rules.test_facts import complaint, folded, head, purchase, refund

_FACTS = (
    *("spend({})", "orders({})", "refunds({})", "average_order({})", "return_ratio({})"),
    *("spend(channel='online'{})", "spend(category=['food', 'toys']{})", "quantity({})"),
    *("refunds(channel=['online', 'offline']{})", "margin({})", "largest_order({})"),
    *("quantity_per_order({})", "discount_rate({})", "share('custom'{})", "top_category({})"),
    *("share(category='food'{})", "order_interval_days({})", "order_stability({})"),
    *("quantity_stability({})", "complaints({})", "complaints(severity_from='high'{})"),
    *("complaints(type='delivery'{})", "complaint_amount({})", "repeat_complaints({})"),
    *("feedback_count({})", "feedback_count(polarity='negative', kind='survey'{})"),
    *("feedback_mean(metric='csat'{})", "nps({})", "public_praise({})", "late_deliveries({})"),
    *("activities(kind='page_viewed'{})", "usage(unit='hours'{})", "referrals({})"),
    *("responses({})", "responses(action='call'{})", "days_since_purchase()"),
    *("days_since_first_purchase()", "days_since_complaint()", "open_complaints()"),
    *(
        "open_complaints(severity='low')",
        "days_since_contact()",
        "days_since_contact(kind='visit')",
    ),
    *("relations()", "relations(kind='family')", "last_feedback('polarity')"),
    *("satisfaction(half_life=30, penalty=25)", "consent('marketing')", "age()"),
    *("has(profile.interests, 'golf')", "number(profile.custom.seats)", "score.credit"),
    *("flag(profile.custom.club)", "days_since(profile.hired_on)", "profile.industry"),
    *("profile.custom.club", "share(channel='online'{})"),
)
_WINDOWS = "days=30", "days=365", "period='month'", "period='last_year'", ""


def fact(text: str) -> Fact:
    """Return the fact that a text says, with its arguments by name."""
    found, _ = resolver().value(parse_value(text))
    assert isinstance(found, Fact)
    return found


def windowed(text: str, span: str) -> str:
    """Write a window into a fact's brackets."""
    return text.format(span if "({})" in text or not span else f", {span}")


def behind(fact: Fact, history: list[CustomerEvent]) -> list[CustomerEvent]:
    given = dict(fact.args)
    days, period = given.get("days"), given.get("period")
    assert days is None or isinstance(days, int)
    assert period is None or isinstance(period, str)
    return causes(fact, window(folded(*history), ZONE, TODAY, days, period), ZONE, history)


def read(fact: Fact, facts: Facts) -> object:
    spec = lookup(fact.name)
    assert spec is not None
    return spec.read(facts, ZONE, TODAY, **dict(fact.args))


@given(st.sampled_from(_FACTS), st.sampled_from(_WINDOWS), events(20))
def test_a_fact_is_the_same_without_what_did_not_cause_it(
    text: str, span: str, history: list[CustomerEvent]
) -> None:
    asked = fact(windowed(text, span))
    found = behind(asked, history)
    assert found == sorted(found, key=lambda each: each.occurred_at)
    known, alone = folded(*history), folded(*(each for each in history if each in found))
    alone.currency = known.currency  # what she pays in causes nothing: amounts are told in it
    assert read(asked, alone) == read(asked, known)


def test_a_complaint_is_about_money_of_the_currency_that_she_pays_in() -> None:
    about = Complaint(
        **head(-3, 1), complaint_id="k", action="opened", type="delivery", amount_minor=2_000,
        currency="GBP",
    )  # fmt: skip
    paid = purchase(-9, 0)
    amount = fact("complaint_amount(days=30)")
    assert (read(amount, folded(about)), read(amount, folded(paid, about))) == (0, 2_000)
    assert behind(amount, [paid, about]) == [about]


def test_a_feedback_that_is_given_twice_counts_on_the_first_day() -> None:
    first, again = (
        Feedback(
            **head(-days, n), feedback_id="f", action="given", metric="csat", polarity="positive",
            kind="survey", public=False, score=5,
        )
        for n, days in enumerate((40, 2))
    )  # fmt: skip
    asked = fact("feedback_count(days=30)")
    assert (behind(asked, [first, again]), read(asked, folded(first, again))) == ([], 0)
    assert behind(fact("feedback_count(days=60)"), [first, again]) == [first, again]


def test_every_fact_has_causes() -> None:
    asked = {fact(windowed(text, "")).name for text in _FACTS}
    assert asked >= VOCABULARY.keys() - {"member_days"}


def ids(found: Iterable[CustomerEvent]) -> list[str]:
    return [each.event_id for each in found]


def test_who_joined_by_her_profile_joined_by_that_event() -> None:
    said = Profile(**head(-3, 1), patch={"joined_at": "2024-01-01"})
    bought = purchase(-9, 100)
    assert behind(fact("member_days()"), [said, bought]) == [said]
    assert behind(fact("member_days()"), [bought]) == [bought]


def test_only_a_score_of_the_name_is_a_cause() -> None:
    credit, other = (ScoreSet(**head(0, n), name=name, value=1) for n, name in enumerate("cx"))
    assert behind(fact("score.c"), [credit, other]) == [credit]


def test_explanations_name_the_newest_causes() -> None:
    history: list[CustomerEvent] = [purchase(-days, 100) for days in range(CAUSES_MAX + 4)]
    history += [refund(-1, 50, of=-2), complaint(-1, "k")]
    state = customer(100)
    explained = explain(book(""), state, NOW, None, NOTHING_GIVEN, history)
    (spent,) = explained.tiers[1].keep.evidence
    assert len(spent["events"]) == CAUSES_MAX
    assert spent["events"][-1] == {
        "id": "e0-0", "type": "purchase", "occurred_at": "2026-04-10T12:00:00Z",
        "amount_minor": 100, "currency": "GBP",
    }  # fmt: skip
    assert {"type": "refund", "amount_minor": -50}.items() <= next(
        each for each in spent["events"] if each["type"] == "refund"
    ).items()
    assert "complaint" not in {each["type"] for each in spent["events"]}
    msgspec.json.encode(explained)


def test_without_a_history_no_events_are_named() -> None:
    explained = explain(book(""), customer(100), NOW, None, NOTHING_GIVEN)
    assert all("events" not in each for tier in explained.tiers for each in tier.keep.evidence)

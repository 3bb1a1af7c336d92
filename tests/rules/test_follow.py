"""Policies, actions and moments: what follows from a tier, and what cannot be written."""

from __future__ import annotations

from typing import Any

import pytest

from models.customer import CustomerState
from models.events import Complaint, CustomerEvent, Engagement
from rules.book import NOTHING_GIVEN, Span
from rules.compiler.compile import compile_book
from rules.explanation.explain import evidence, missing
from rules.explanation.needs import missing_for_next
from rules.explanation.view import View
from rules.language.include import standalone
from tests.rules.constructs import HEAD, LADDER, book, customer
from tests.rules.strategies import NOW
from tests.rules.test_check import refused
from tests.rules.test_facts import purchase

ACTIONS = """\
dimensions:
  d: {measure: orders(), levels: [{name: many, from: often}, {name: few}]}
policies:
  desk: {label: {en: Desk}, while: "segment.d == 'few'"}
actions:
  call:
    when: happened('complaint', severity_from='high')
    while: tier != 'base'
    valid_for: 2d
  visit: {every: 90d, while: "segment.d == 'many'", consent: marketing}
  gift: {when: "entered(segment.d, 'many') or left(tier, 'good')", cooldown: 12h,
         on_activation: true, with: {industry: profile.industry, tier: tier, spent: spend()}}
"""


def _complaint(**more: Any) -> Complaint:  # noqa: ANN401  # fields
    fields: dict[str, Any] = {
        "complaint_id": "k",
        "action": "opened",
        "type": "delivery",
        "severity": "high",
    }
    return Complaint(**{"event_id": "c", "source": "t", "occurred_at": NOW, **fields, **more})


@pytest.mark.parametrize(
    ("event", "happened"),
    [
        (_complaint(), True),
        (_complaint(severity="critical"), True),
        (_complaint(severity="low"), False),
        (_complaint(severity=None), False),
        (_complaint(action="resolved"), False),
        (purchase(0, 1), False),
        (None, False),
    ],
)
def test_an_event_happens_once(event: CustomerEvent | None, happened: bool) -> None:  # noqa: FBT001
    assert _follow(customer(1), 1, event)[1] & 0b001 == happened


def test_actions_know_their_moment_their_standing_and_their_condition() -> None:
    acting = book(ACTIONS)
    call, visit, gift = acting.actions
    assert (call.momentary, visit.momentary, gift.momentary) == (True, False, True)
    assert (call.has_when, visit.has_when, visit.every_days) == (True, False, 90)
    assert (call.valid_for, gift.cooldown) == (Span(2), Span(None, 43_200))
    assert (visit.consent, gift.on_activation) == ("marketing", True)
    view = View(acting, customer(500, industry="mines"), NOW, None, NOTHING_GIVEN, 1)
    assert {name: view.value(value) for name, value in gift.parameters} == {
        "industry": "mines", "tier": "good", "spent": 500,
    }  # fmt: skip


def test_policies_and_actions_follow() -> None:
    # policies, whens, standing, whiles; actions: call 1, visit 2, gift 4
    assert _follow(customer(1), 0) == (1, 0b010, 0b111, 0b100)
    agreed = {"consents.marketing.granted": True}
    several = customer(1, 1, 1, **agreed)
    assert _follow(several, 1) == (0, 0b110, 0b111, 0b111)
    several.concluded.categories = [0]
    assert _follow(several, 1) == (0, 0b010, 0b111, 0b111)
    several.concluded.tier = 1
    assert _follow(several, 0) == (0, 0b110, 0b111, 0b110)
    assert _follow(customer(1, 1, 1), 1)[3] == 0b101


def _follow(
    state: CustomerState, tier: int, event: CustomerEvent | None = None
) -> tuple[int, int, int, int]:
    acting = book(ACTIONS)
    assert acting.follow is not None
    matched, _, categories, _ = acting.conclude(state, NOW, None, NOTHING_GIVEN)
    return acting.follow(state, NOW, None, NOTHING_GIVEN, tier, matched, categories, event)


@pytest.mark.parametrize(("kind", "bit"), [("page_viewed", 1), ("inquiry", 0)])
def test_an_engagement_happens_by_its_kind(kind: str, bit: int) -> None:
    text = "actions: {a: {when: \"happened('engagement', kind='page_viewed')\"}}\n"
    acting = book(text)
    assert acting.follow is not None
    event = Engagement(event_id="e", source="t", occurred_at=NOW, kind=kind)
    marks = acting.follow(customer(), NOW, None, NOTHING_GIVEN, 0, 1, [], event)
    assert marks[1] == bit
    view = View(acting, customer(), NOW, None, NOTHING_GIVEN, 0, event)
    assert view.holds(acting.rules.actions[0].when) == bool(bit)


def test_a_book_without_followers_follows_nothing() -> None:
    assert book("").follow is None


def test_what_is_missing_to_stay() -> None:
    view = View(book(""), customer(4_000), NOW, None, NOTHING_GIVEN, 1)
    assert missing(view, 1) == [
        {
            "fact": "spend", "args": {"days": 90}, "have_minor": 4_000, "op": ">=",
            "need_minor": 10_000, "missing_minor": 6_000, "currency": "GBP",
        }
    ]  # fmt: skip
    assert [need["fact"] for need in missing(view, 2)] == ["spend", "orders"]
    assert missing(view, 0) == []
    next_one = missing_for_next(view, 0)
    assert next_one is not None
    assert next_one["needs"] == [
        {"fact": "spend", "days": 90, "missing_minor": 6_000, "currency": "GBP"}
    ]


def test_evidence_of_a_moment_says_whether_it_was() -> None:
    view = View(book(ACTIONS), customer(1), NOW, None, NOTHING_GIVEN, 1, _complaint())
    (said,) = evidence(view, "actions.call.when")
    assert said == {
        "rule": "actions.call.when",
        "holds": True,
        "moment": "happened('complaint', severity_from='high')",
    }
    assert evidence(view, "policies.desk.while")[0]["value"] == "few"


def test_included_constructs_are_the_rulebooks_own() -> None:
    text = HEAD.replace("version: 1\n", "version: 1\ninclude: [retail]\n") + LADDER
    whole = compile_book(text, "shop.yaml")
    assert "buyer_habit" in {dimension.name for dimension in whole.dimensions}
    alone = standalone(text, "shop.yaml")
    assert "include" not in alone
    assert compile_book(alone).dimensions == whole.dimensions
    clash = text + "dimensions:\n  returns: {value_of: profile.city}\n"
    assert "`returns` of dimensions is also in the included retail.yaml" in refused(clash)
    assert "no rulebook `retial` to include" in refused(text.replace("[retail]", "[retial]"))
    twice = refused(text.replace("[retail]", "[retail, retail]"))
    assert twice.endswith("`retail` is included twice\n    hint: once is enough")


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("measures: {a: measure.b, b: measure.a}\n", "names itself", "take one of them out"),
        ("measures: {a: spent()}\n", "no fact `spent`", "did you mean spend?"),
        ("groups: {g: measure.x > 0}\n", "no measure `x`", ""),
        ("groups: {g: \"lookup('x', profile.city) == 'a'\"}\n", "no table `x`", ""),
        ("tables: {t: {entries: {a: 5}}}\n", "the number of `a` in `t` has no unit", "unit: …"),
        ("tables: {t: {unit: GBP, entries: {a: x}}}\n", "'x' of `a` in `t` is not a number", ""),
        ("groups: {g: local}\n", "compares with places that are missing", "sites:"),
        ("groups: {g: lifecycle == 'new'}\n", "has no lifecycle", "lifecycle:"),
        ("groups: {g: rfm.segment == 'new'}\n", "has no RFM segments", "rfm: true"),
        ("groups: {g: churn.risk > 0}\n", "needs a horizon", "churn:"),
        ("groups: {g: group.h}\n", "no group `h`", "known are: g"),
        ("groups: {g: group.g}\n", "dimensions name each other", "without the others"),
        ("groups: {g: \"happened('purchase')\"}\n", "asks what has just happened", "`when`"),
        ("groups: {g: tier == 'god'}\n", "tier is never 'god'", "did you mean good?"),
        ("groups: {g: \"has(tier, 'good')\"}\n", "tier is one category", "tier == 'a_name'"),
        ("policies: {p: {}}\n", "`while` is missing", ""),
        ("actions: {a: {while: orders() > 0}}\n", "a `when` or an `every`", ""),
        ("actions: {a: {when: happened('purchase'), every: 9d}}\n", "write two actions", ""),
        ("actions: {a: {when: \"not happened('purchase')\"}}\n", "true almost always", ""),
        ("actions: {a: {when: \"happened('buy')\"}}\n", "no event 'buy'", ""),
        ("actions: {a: {when: \"happened('refund', kind='x')\"}}\n", "kind='x' is not known", ""),
        ('actions: {a: {when: "entered(lifecycle)"}}\n', "one of its categories", "entered("),
        ("actions: {a: {when: \"entered(tier, 'x')\"}}\n", "tier is never 'x'", ""),
        ("actions: {a: {every: 9, while: orders() > 0}}\n", "`every` must be a text", "90d"),
        ("actions: {a: {every: 9d, consent: all}}\n", "`consent`", "marketing"),
        ("rfm: false\n", "`rfm`", "rfm: true"),
        ("rfm: 1\n", "`rfm` must be true, not 1", "rfm: true"),
        ("rfm: 1.0\n", "`rfm` must be true, not 1.0", "rfm: true"),
        ("lifecycle: {new_for: 30d}\n", "`churned_after` is missing", "180d"),
        ("dimensions: {tier: {value_of: profile.city}}\n", "has a meaning already", ""),
        ("dimensions: {d: {value_of: orders()}}\n", "is no value of its own", "measure"),
        ("dimensions: {d: {value_of: tier}}\n", "is no value of its own", ""),
        ("sites: [{city: Leeds}]\n", "`country` is missing", ""),
    ],
)
def test_what_cannot_be_is_said(text: str, what: str, hint: str) -> None:
    message = refused(HEAD + LADDER + text)
    assert what in message
    assert hint in message


@pytest.mark.parametrize(
    ("qualify", "named"),
    [("tier == 'base'", "tier"), ("segment.d == 'a'", "segment.d"), ("group.g", "group.g")],
)
def test_a_tier_is_not_found_by_the_tier(qualify: str, named: str) -> None:
    text = HEAD + f'tiers: {{ladder: [{{name: base}}, {{name: good, qualify: "{qualify}"}}]}}\n'
    text += "dimensions: {d: {first_match: [{name: a, when: tier == 'good'}, "
    text += "{name: b, otherwise: true}]}}\ngroups: {g: has(tier.matched, 'good')}\n"
    text = text.replace("has(tier.matched, 'good')", "\"has(tier.matched, 'good')\"")
    assert f"asks for {named}, which is found by the tier" in refused(text)


@pytest.mark.parametrize(
    ("timing", "what"),
    [
        ("upgrade: review", "waits for reviews, and there are none"),
        ("review: weekly", "`review` must be 'continuous', 'monthly', "),
    ],
)
def test_timing_that_cannot_be(timing: str, what: str) -> None:
    assert what in refused(HEAD + LADDER.replace("tiers:\n", f"tiers:\n  {timing}\n"))


def test_a_warning_needs_a_review() -> None:
    text = LADDER.replace("grace: 30d", "warn: 30d")
    assert "`warn` of `good` counts back from a review" in refused(HEAD + text)
    lowest = LADDER.replace("{name: base}", "{name: base, grace: 9d}")
    assert "the lowest tier, `base`, is never lost" in refused(HEAD + lowest)

"""Explain, evidence, and what is missing for the next tier."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.customer import CustomerState
from models.fold import fold
from rules.book import NOTHING_GIVEN, Book
from rules.compiler.compile import compile_book
from rules.eras import compiled
from rules.explanation.evidence import arguments
from rules.explanation.explain import evidence, explain, missing_for_next
from rules.explanation.view import View
from rules.language.tree import Fact
from tests.rules.strategies import NOW, TODAY, ZONE, customers, rulebooks
from tests.rules.test_facts import complaint, purchase

BOOK = """
rulebook: shop
version: 1
zone: Europe/London
currency: GBP
parameters:
  much: {value: 100, unit: GBP, why: test}
  stays: {value: 80, unit: GBP, why: test}
  often: {value: 3, unit: orders, why: test}
  third: {value: 0.3, unit: share, why: test}
dimensions:
  worth:
    measure: spend(days=90)
    only_if: orders() > 0
    declared: profile.scale
    levels: [{name: high, from: much, keep: stays}, {name: low}]
tiers:
  ladder:
    - {name: base}
    - name: good
      qualify: spend(days=90) >= much and complaints(days=30) == 0
      keep: spend(days=90) >= stays
    - name: best
      qualify: >-
        (spend(days=90) > 3 * much and segment.worth == 'high' and profile.employees > 1)
        or (orders(days=90) >= often and spend(days=30) / spend(days=90) >= third)
"""


@pytest.fixture
def book() -> Book:
    return compile_book(BOOK)


@pytest.fixture
def customer() -> CustomerState:
    state = CustomerState()
    for event in (purchase(-40, 9_000), complaint(-5, "k")):
        fold(state.facts, event, ZONE, TODAY, 30)
    return state


def test_evidence_names_value_bound_parameter_and_window(
    book: Book, customer: CustomerState
) -> None:
    assert evidence(View(book, customer, NOW, None, NOTHING_GIVEN), "tiers.good.qualify") == [
        {
            "rule": "tiers.good.qualify", "holds": False, "fact": "spend", "args": {"days": 90},
            "value_minor": 9_000, "op": ">=", "bound_minor": 10_000, "currency": "GBP",
            "parameter": "much", "first_day": "2026-01-11", "last_day": "2026-04-10",
        },
        {
            "rule": "tiers.good.qualify", "holds": False, "fact": "complaints",
            "args": {"days": 30}, "value": 1, "op": "==", "bound": 0,
            "first_day": "2026-03-12", "last_day": "2026-04-10",
        },
    ]  # fmt: skip


def test_a_tier_without_keep_is_kept_by_its_qualify(book: Book, customer: CustomerState) -> None:
    kept = evidence(View(book, customer, NOW, None, NOTHING_GIVEN), "tiers.best.keep")
    assert [found["holds"] for found in kept] == [False, False, None, False, False]
    assert kept[-1]["expression"] == "(spend(days=30) / spend(days=90))"
    assert kept[2] == {
        "rule": "tiers.best.keep", "holds": None, "fact": "profile.employees", "args": {},
        "value": None, "op": ">", "bound": 1,
    }  # fmt: skip


def test_the_lowest_tier_needs_no_evidence(book: Book, customer: CustomerState) -> None:
    assert evidence(View(book, customer, NOW, None, NOTHING_GIVEN), "tiers.base.qualify") == []


@pytest.mark.parametrize("rule", ["tiers.top.keep", "tiers.good", "dimensions.x", "", "tiers"])
def test_a_rule_that_does_not_exist(book: Book, customer: CustomerState, rule: str) -> None:
    with pytest.raises(KeyError, match="has no rule"):
        evidence(View(book, customer, NOW, None, NOTHING_GIVEN), rule)


def test_evidence_of_a_dimension_ends_with_what_decided(
    book: Book, customer: CustomerState
) -> None:
    found = evidence(View(book, customer, NOW, None, NOTHING_GIVEN), "dimensions.worth")
    assert [(f["fact"], f["holds"]) for f in found] == [("orders", True), ("spend", False)]
    customer.concluded.categories = [0]
    assert (
        evidence(View(book, customer, NOW, None, NOTHING_GIVEN), "dimensions.worth")[-1][
            "parameter"
        ]
        == "stays"
    )
    customer.facts.profile["scale"] = (NOW, "low")
    (declared,) = evidence(View(book, customer, NOW, None, NOTHING_GIVEN), "dimensions.worth")
    assert (declared["fact"], declared["value"]) == ("profile.scale", "low")


def test_missing_says_the_difference(book: Book, customer: CustomerState) -> None:
    assert missing_for_next(View(book, customer, NOW, None, NOTHING_GIVEN), 0) == {
        "tier": "good",
        "needs": [
            {"fact": "spend", "days": 90, "missing_minor": 1_000, "currency": "GBP"},
            {"fact": "complaints", "days": 30, "excess": 1},
        ],
    }


def test_missing_takes_the_branch_with_the_fewest_needs(
    book: Book, customer: CustomerState
) -> None:
    assert missing_for_next(View(book, customer, NOW, None, NOTHING_GIVEN), 1) == {
        "tier": "best",
        "needs": [
            {"fact": "orders", "days": 90, "missing": 2},
            {"expression": "(spend(days=30) / spend(days=90))", "missing": 0.3},
        ],
    }
    assert missing_for_next(View(book, customer, NOW, None, NOTHING_GIVEN), 2) is None


def test_an_explanation_has_everything(book: Book, customer: CustomerState) -> None:
    explanation = explain(book, customer, NOW, None, NOTHING_GIVEN)
    assert explanation.today == "2026-04-10"
    assert [(d.name, d.category) for d in explanation.dimensions] == [("worth", "low")]
    assert [(t.name, t.qualifies, t.held) for t in explanation.tiers] == [
        ("base", True, True), ("good", False, True), ("best", False, False),
    ]  # fmt: skip
    # The complaint leaves its window 25 days from now, at midnight of British summer time.
    assert explanation.changes_by_itself_at == "2026-05-04T23:00:00Z"


def test_what_is_unknown_keeps_her_own_tier_and_is_unknown_of_another() -> None:
    known = "tiers:\n  ladder: [{name: base}, {name: gold, qualify: profile.employees > 1}]\n"
    book = compile_book(BOOK[: BOOK.index("tiers:")] + known)
    state = CustomerState()
    for tier, held in ((0, [True, None]), (1, [True, True])):
        state.concluded.tier = tier
        explained = explain(book, state, NOW, None, NOTHING_GIVEN).tiers
        assert [each.held for each in explained] == held


@settings(max_examples=8)
@given(rulebooks(), customers(), st.none() | st.integers(0, 2))
def test_whatever_is_explained_is_what_was_concluded_and_fits_json(
    text: str, state: CustomerState, band: int | None
) -> None:
    _is_as_concluded(text, state, band)


@pytest.mark.long
@settings(max_examples=200)
@given(rulebooks(), customers(), st.none() | st.integers(0, 2))
def test_whatever_is_explained_is_what_was_concluded_at_length(
    text: str, state: CustomerState, band: int | None
) -> None:
    _is_as_concluded(text, state, band)


def _is_as_concluded(text: str, state: CustomerState, band: int | None) -> None:
    book = compiled(text)
    qualified, held, categories, _ = book.conclude(state, NOW, band, NOTHING_GIVEN)
    explanation = explain(book, state, NOW, band, NOTHING_GIVEN)
    assert [tier.qualifies for tier in explanation.tiers] == _bits(qualified, len(book.tiers))
    for tier, bit in zip(explanation.tiers, _bits(held, len(book.tiers)), strict=True):
        assert tier.held in {bit, None}
    for dimension, rules, index in zip(
        explanation.dimensions, book.rules.dimensions, categories, strict=True
    ):
        assert dimension.category == (None if index is None else rules.categories[int(index)])
    msgspec.json.encode(explanation)
    for rank in range(len(book.tiers) - 1):
        missing = missing_for_next(View(book, state, NOW, band, NOTHING_GIVEN), rank)
        assert missing is not None
        assert bool(missing["needs"]) == (not qualified >> (rank + 1) & 1)


def _bits(mask: int, count: int) -> list[bool]:
    return [bool(mask >> rank & 1) for rank in range(count)]


def test_equal_numbers_are_told_as_they_were_written() -> None:
    """Whatever came first in this process: a replay must write the same bytes."""
    whole, real = (Fact("satisfaction", (("penalty", number),)) for number in (5, 5.0))
    assert whole == real
    told = [msgspec.json.encode(arguments(fact)) for fact in (whole, real, whole)]
    assert told == [b'{"penalty":5}', b'{"penalty":5.0}', b'{"penalty":5}']

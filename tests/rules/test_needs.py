"""What is missing: categories and scores are seen through to what a customer has to do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from models.customer import CustomerState
from rules.book import NOTHING_GIVEN
from rules.explanation.needs import missing, missing_for_next
from rules.explanation.view import View
from tests.rules.constructs import book, customer
from tests.rules.laws import Pair, pairs
from tests.rules.strategies import NOW

TIERS = 'tiers:\n  ladder:\n    - {name: base}\n    - {name: good, qualify: "%s"}\n'
WORTH = """\
dimensions:
  worth:
    measure: spend(days=90)
    levels: [{name: high, from: much}, {name: fair, from: some}, {name: low}]
"""
CASES = """\
dimensions:
  kind:
    first_match:
      - {name: often, when: orders(days=90) >= often}
      - {name: rich, when: spend(days=90) >= much}
      - {name: rest, otherwise: true}
"""
MANY = """\
dimensions:
  kinds:
    all_matches:
      - {name: often, when: orders(days=90) >= often}
      - {name: rich, when: spend(days=90) >= much}
"""
SCORE = """\
scores:
  worth:
    - {points: 30, if: orders(days=90) >= often}
    - {points: 20, if: spend(days=90) >= some}
    - {points: -5, if: refunds() > 0}
    - {points: 25, if: referrals() > 0}
"""
MUCH = {"fact": "spend", "days": 90, "missing_minor": 5_000, "currency": "GBP"}
OFTEN = {"fact": "orders", "days": 90, "missing": 2}


def needs(text: str, qualify: str, state: CustomerState) -> list[dict[str, Any]]:
    """Return what a customer in the lowest tier needs for the second."""
    found = missing_for_next(
        View(book(text, TIERS % qualify), state, NOW, None, NOTHING_GIVEN, 0), 0
    )
    assert found is not None
    wanted: list[dict[str, Any]] = found["needs"]
    return wanted


@pytest.mark.parametrize(
    ("text", "qualify", "wanted"),
    [
        (WORTH, "segment.worth == 'high'", [MUCH]),
        (WORTH, "segment.worth in ('high', 'fair') and orders(days=90) >= often", [OFTEN]),
        (WORTH, "segment.worth == 'high' and spend(days=90) >= much", [MUCH]),
        (CASES, "segment.kind == 'often'", [OFTEN]),
        (CASES, "segment.kind == 'rich'", [MUCH]),
        (CASES, "segment.kind in ('often', 'rich') and orders() > 0", [OFTEN]),
        (MANY, "has(segment.kinds, 'rich')", [MUCH]),
        ("groups:\n  rich: spend(days=90) >= much\n", "group.rich", [MUCH]),
    ],
)
def test_a_category_is_what_it_takes(text: str, qualify: str, wanted: list[dict[str, Any]]) -> None:
    assert needs(text, qualify, customer(15_000)) == wanted


def test_what_only_some_have_is_missing_too() -> None:
    text = WORTH.replace("    levels", "    only_if: referrals() > 0\n    levels")
    assert needs(text, "segment.worth == 'high'", customer(15_000)) == [
        {"fact": "referrals", "missing": 1},
        MUCH,
    ]


def test_the_lower_category_asks_for_less() -> None:
    assert needs(WORTH, "segment.worth == 'low'", customer(15_000)) == [
        {"fact": "spend", "days": 90, "excess_minor": 5_001, "currency": "GBP"}
    ]


@pytest.mark.parametrize(
    ("text", "qualify", "need"),
    [
        (
            WORTH.replace("    levels", "    declared: profile.scale\n    levels"),
            "segment.worth == 'high'",
            {"fact": "segment.worth", "have": "low", "op": "==", "need": "high"},
        ),
        (
            WORTH,
            "segment.worth != 'fair'",
            {"fact": "segment.worth", "have": "fair", "op": "!=", "need": "fair"},
        ),
        (
            "dimensions:\n  d: {value_of: profile.industry}\n",
            "segment.d == 'mines'",
            {"fact": "profile.industry", "have": None, "op": "==", "need": "mines"},
        ),
        (
            "",
            "profile.annual_revenue >= much",
            {
                "fact": "profile.annual_revenue",
                "have_minor": None,
                "op": ">=",
                "need_minor": 20_000,
                "currency": "GBP",
            },
        ),
    ],
)
def test_what_no_fact_decides_is_said_as_it_is(
    text: str, qualify: str, need: dict[str, Any]
) -> None:
    assert needs(text, qualify, customer(15_000, scale="low")) == [need]


def test_a_score_lists_the_points_that_are_open() -> None:
    qualify = "score.worth >= rich"
    (need,) = needs(SCORE, qualify, customer(15_000))
    assert need == {
        "expression": "score.worth",
        "missing": 20,
        "parts": [
            {"points": 30, "needs": [OFTEN]},
            {"points": 25, "needs": [{"fact": "referrals", "missing": 1}]},
        ],
    }
    view = View(book(SCORE, TIERS % qualify), customer(15_000), NOW, None, NOTHING_GIVEN, 1)
    (lack,) = missing(view, 1)
    assert (lack["have"], lack["need"], lack["parts"]) == (20, 40, need["parts"])


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(pairs())
def test_something_is_missing_exactly_where_the_tier_is(pair: Pair) -> None:
    _is_missing_where_the_tier_is(pair)


@pytest.mark.long
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(pairs())
def test_something_is_missing_exactly_where_the_tier_is_at_length(pair: Pair) -> None:
    _is_missing_where_the_tier_is(pair)


def _is_missing_where_the_tier_is(pair: Pair) -> None:
    state = pair.customer()
    qualified = pair.book.conclude(state, NOW, pair.band, pair.given)[0]
    view = View(pair.book, state, NOW, pair.band, pair.given, 0)
    found = missing_for_next(view, 0)
    assert found is not None
    assert bool(found["needs"]) == (not qualified >> 1 & 1)

"""Every construct of the language: what is compiled is what is interpreted, and due is not late."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.customer import CustomerState
from models.events import CustomerEvent
from rules.book import Book, CategoryValue, Given
from rules.explanation.view import View
from rules.language.tree import Condition
from tests.rules.strategies import NOW, TODAY, ZONE
from tests.rules.whole_books import EVENTS, GIVENS, books, known_customers

BANDS = st.none() | st.integers(0, 2)
TIERS = st.none() | st.integers(0, 1)
_SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
_HORIZON_DAYS = 240


@settings(max_examples=40, suppress_health_check=_SLOW)
@given(books(), known_customers(), BANDS, GIVENS, TIERS, EVENTS)
def test_compiled_equals_explained(
    book: Book,
    state: CustomerState,
    band: int | None,
    era: Given,
    tier: int | None,
    event: CustomerEvent | None,
) -> None:
    _is_as_interpreted(book, state, band, era, tier, event)


@pytest.mark.long
@pytest.mark.timeout(300)
@settings(max_examples=400, suppress_health_check=_SLOW)
@given(books(), known_customers(), BANDS, GIVENS, TIERS, EVENTS)
def test_compiled_equals_explained_at_length(
    book: Book,
    state: CustomerState,
    band: int | None,
    era: Given,
    tier: int | None,
    event: CustomerEvent | None,
) -> None:
    _is_as_interpreted(book, state, band, era, tier, event)


@settings(max_examples=10, suppress_health_check=_SLOW)
@given(books(), known_customers(), GIVENS, TIERS)
def test_until_due_nothing_changes_by_itself(
    book: Book, state: CustomerState, era: Given, tier: int | None
) -> None:
    _stays_until_due(book, state, era, tier)


@pytest.mark.long
@pytest.mark.timeout(300)
@settings(max_examples=80, suppress_health_check=_SLOW)
@given(books(), known_customers(), GIVENS, TIERS)
def test_until_due_nothing_changes_by_itself_at_length(
    book: Book, state: CustomerState, era: Given, tier: int | None
) -> None:
    _stays_until_due(book, state, era, tier)


def _is_as_interpreted(
    book: Book,
    state: CustomerState,
    band: int | None,
    era: Given,
    tier: int | None,
    event: CustomerEvent | None,
) -> None:
    assert book.follow is not None
    qualified, _, categories, _ = book.conclude(state, NOW, band, era)
    masks = book.follow(state, NOW, band, era, tier, qualified, categories, event)
    view = View(book, state, NOW, band, era, tier, event)
    assert categories == [_value(book, view, index) for index in range(len(book.dimensions))]
    rules = book.rules
    assert masks == (
        _mask(view, [policy.condition for policy in rules.policies]),
        _mask(view, [action.when for action in rules.actions]),
        _mask(view, [action.standing for action in rules.actions]),
        _mask(view, [action.condition for action in rules.actions]),
    )


def _value(book: Book, view: View, index: int) -> CategoryValue:
    """Return a category of the interpreter in the form of the compiled functions."""
    dimension = book.dimensions[index]
    found = view.category(dimension.name)
    return dimension.category((found,) if isinstance(found, str) else found)


def _mask(view: View, conditions: list[Condition]) -> int:
    return sum((view.holds(node) is True) << index for index, node in enumerate(conditions))


def _stays_until_due(book: Book, state: CustomerState, era: Given, tier: int | None) -> None:
    """Evaluate on every day: between two dues nothing differs, policies and actions included."""
    _evaluate(book, state, NOW, era, tier)
    concluded, due = _evaluate(book, state, NOW, era, tier)
    for day in range(TODAY + 1, TODAY + _HORIZON_DAYS):
        at = ZONE.start(day)
        if due is not None and at >= due:
            _evaluate(book, state, at, era, tier)
            concluded, due = _evaluate(book, state, at, era, tier)
            assert due is None or due > at
            continue
        assert _evaluate(book, state, at, era, tier)[0] == concluded, f"on {ZONE.date(day)}"


def _evaluate(
    book: Book, state: CustomerState, at: int, era: Given, tier: int | None
) -> tuple[object, int | None]:
    assert book.follow is not None
    qualified, held, categories, due = book.conclude(state, at, None, era)
    masks = book.follow(state, at, None, era, tier, qualified, categories, None)
    state.concluded.categories = categories
    return (qualified, held, categories, masks), due

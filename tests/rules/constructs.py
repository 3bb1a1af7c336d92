"""A small rulebook that constructs are added to, and a customer to conclude about."""

from __future__ import annotations

from models.customer import CustomerState
from models.fold import fold
from rules.book import NOTHING_GIVEN, Book, CategoryValue, Given
from rules.compiler.compile import compile_book
from tests.rules.strategies import NOW, TODAY, ZONE
from tests.rules.test_facts import purchase

HEAD = """\
rulebook: shop
version: 1
zone: Europe/London
currency: GBP
personal: [age]
parameters:
  some: {value: 100, unit: GBP, why: test}
  much: {value: 200, unit: GBP, why: test}
  often: {value: 3, unit: orders, why: test}
  rich: {value: 40, unit: score, why: test}
  fair: {value: 30, unit: score, why: test}
  dear: {value: 6000, unit: GBP, why: test}
"""
LADDER = """\
tiers:
  ladder:
    - {name: base}
    - {name: good, qualify: spend(days=90) >= some, keep: spend(days=90) >= some, grace: 30d}
    - {name: best, qualify: spend(days=90) >= much and orders() > 1}
"""
CHURN = (
    "churn: {horizon: 90d, bands: {medium: {enter: 50, keep: 45}, high: {enter: 75, keep: 68}}}\n"
)


def book(text: str, ladder: str = LADDER) -> Book:
    return compile_book(HEAD + ladder + text, "shop.yaml")


def customer(*amounts: int, **profile: object) -> CustomerState:
    """Return a customer who bought for these amounts, the last of them today."""
    state = CustomerState()
    for days, amount in enumerate(reversed(amounts)):
        fold(state.facts, purchase(-days, amount), ZONE, TODAY, 30)
    state.facts.profile |= {name: (NOW, value) for name, value in profile.items()}
    return state


def found(book: Book, state: CustomerState, given: Given = NOTHING_GIVEN) -> CategoryValue:
    """Return the category of the first dimension."""
    return book.conclude(state, NOW, None, given)[2][0]

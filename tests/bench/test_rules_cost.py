"""The rulebooks whose cost is measured are as large as they say, and all of them work."""

import pytest

from rules.compiler.compile import compile_book
from tests.bench.rules_cost import (
    MANY_DIMENSIONS,
    MANY_RULES,
    RETAIL,
    Extent,
    books,
    rules_cost,
)


@pytest.mark.parametrize(
    ("name", "dimensions", "rules"), [(MANY_DIMENSIONS, 45, 79), (MANY_RULES, 166, 200)]
)
def test_a_generated_rulebook_has_the_size_in_its_name(
    name: str, dimensions: int, rules: int
) -> None:
    book = compile_book(books()[name], name)
    assert (len(book.dimensions), len(book.tiers), len(book.actions)) == (dimensions, 4, 30)
    assert len(book.dimensions) + len(book.tiers) + len(book.actions) == rules
    assert len({dimension.name for dimension in book.dimensions}) == dimensions


def test_all_rulebooks_are_measured_on_the_same_events() -> None:
    said: list[str] = []
    costs = rules_cost(Extent(customers=20, days=4, events_per_day=10, warm_days=2), said.append)
    assert [cost.name for cost in costs] == list(books())
    assert (costs[0].name, costs[0].ratio) == (RETAIL, 1.0)
    assert all(cost.event_us > 0 and cost.compile_s > 0 for cost in costs)
    assert said[-1] == "rules: day 4 of 4"

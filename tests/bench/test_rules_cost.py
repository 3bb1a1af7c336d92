"""The rulebooks whose cost is measured are as large as they say, and all of them work."""

import pytest

from rules.compiler.compile import compile_book
from tests.bench.books import CLUSTERS, JOINED, MANY_DIMENSIONS, MANY_RULES, RETAIL, books
from tests.bench.deployment import BenchFailed
from tests.bench.inmemory import InMemory
from tests.bench.rules_cost import Extent, rules_cost
from tests.bench.workload import FIRST_DAY, ZONE, Shop

pytestmark = pytest.mark.long  # they play whole histories


@pytest.mark.parametrize(
    ("name", "dimensions", "rules"),
    [(JOINED, 46, 80), (MANY_DIMENSIONS, 45, 79), (MANY_RULES, 166, 200)],
)
def test_a_large_rulebook_has_the_size_in_its_name(name: str, dimensions: int, rules: int) -> None:
    book = compile_book(books()[name], name)
    assert (len(book.dimensions), len(book.tiers), len(book.actions)) == (dimensions, 4, 30)
    assert len(book.dimensions) + len(book.tiers) + len(book.actions) == rules
    assert len({dimension.name for dimension in book.dimensions}) == dimensions


def test_joined_rulebooks_keep_all_that_both_have() -> None:
    retail, clusters, joined = (compile_book(books()[n], n) for n in (RETAIL, CLUSTERS, JOINED))
    names = {dimension.name for dimension in joined.dimensions}
    assert {dimension.name for dimension in clusters.dimensions} < names
    for dimension in retail.dimensions:
        assert names & {dimension.name, f"retail_{dimension.name}"}
    assert joined.tiers == retail.tiers
    assert joined.actions[: len(clusters.actions)] == clusters.actions


def test_what_would_be_set_aside_is_not_measured() -> None:
    shop, start = Shop(1, partitions=1), ZONE.start(FIRST_DAY)
    computed = InMemory("yen", books()[RETAIL].replace("GBP", "JPY"))
    computed.tick(start)
    (happening,) = shop.between([0], start, start + 1)
    with pytest.raises(BenchFailed, match="set aside"):
        computed.take([(happening.customer, happening.canonical())], start)


def test_all_rulebooks_are_measured_on_the_same_events() -> None:
    said: list[str] = []
    costs = rules_cost(Extent(customers=20, days=4, events_per_day=10, warm_days=2), said.append)
    assert [cost.name for cost in costs] == list(books())
    assert (costs[0].name, costs[0].ratio) == (RETAIL, 1.0)
    assert all(cost.event_us > 0 and cost.compile_s > 0 for cost in costs)
    assert said[-1] == "rules: day 4 of 4"

"""Flaps: who comes back soon to what she left, found in what was published."""

from __future__ import annotations

from collections import Counter

from models.events import OverrideSet
from streams.flaps import FLAP_DAYS, MOVES_MAX, Flaps, Move, moves
from streams.metrics import Metrics
from tests.rules.driving import Driver, activation, at, book
from tests.streams.test_preview import several

DAY_S = 86_400
HARDER = book(2, gold=(500, 400))


def flaps(customer: Driver) -> Counter[str]:
    return Flaps().take(moves(customer.said))


def shopper(*days: int, text: str | None = None, until: int = 120) -> Driver:
    """Return a customer who buys on some days, and is looked at until another."""
    customer = Driver(text or book(), first_tick=at(-1))
    for day in days:
        customer.pass_to(at(day))
        customer.take(customer.purchase(at(day), minor=100))
    customer.pass_to(at(until))
    return customer


def test_who_comes_back_soon_has_flapped() -> None:
    # She is active for six days from a purchase, and silver for nine days from two.
    assert flaps(shopper(0, 10))["dimensions.buyer"] == 2  # quiet, active, quiet
    once = shopper(0, 0)
    assert once.tiers() == [
        *((None, "basic", "joined"), ("basic", "silver", "qualified")),
        ("silver", "basic", "keep_failed"),
    ]
    assert flaps(once)["tiers.silver"] == 1
    assert flaps(shopper(0, 0, 12, 12))["tiers.silver"] == 3


def test_who_comes_back_late_has_not() -> None:
    late = flaps(shopper(0, 6 + FLAP_DAYS))
    assert late["dimensions.buyer"] == 1  # quiet from the sixth day, and again after the last
    assert flaps(shopper(0, 5 + FLAP_DAYS))["dimensions.buyer"] == 2


def test_a_first_category_is_no_return() -> None:
    assert flaps(shopper(0, until=20)) == Counter()


def test_what_a_rulebook_moves_is_no_flap() -> None:
    customer = Driver(book(), first_tick=at(-1))
    customer.take(customer.purchase(at(0), minor=20_000))
    customer.pass_to(at(1))
    for number, text in ((1, HARDER), (2, book(3))):
        customer.activate(activation(number, text))
        customer.pass_to(at(1 + number))
    assert [to for _, to, _ in customer.tiers()] == ["gold", "basic", "gold"]
    assert flaps(customer) == Counter()


def test_what_a_person_decides_is_no_flap() -> None:
    customer = Driver(book(), first_tick=at(-1))
    customer.take(customer.purchase(at(0), minor=100))
    customer.pass_to(at(1))
    customer.take(
        OverrideSet(
            event_id="e", source="crm", occurred_at=at(1), override_id="o", tier="gold",
            reason="vip", by="kim", until=at(3),
        )
    )  # fmt: skip
    customer.pass_to(at(20))
    assert [to for _, to, _ in customer.tiers()] == ["basic", "gold", "basic"]
    assert flaps(customer)["tiers.gold"] == 0


def test_of_several_categories_each_may_flap() -> None:
    text = several(1, "orders(days=9)")
    found = flaps(shopper(0, 20, text=text))
    # `spends` and `buys` end on the ninth day and come back on the twentieth; `none` does the
    # opposite, and comes back after them.
    assert found["dimensions.more"] == 3


def test_one_process_remembers_a_bounded_number() -> None:
    found = Flaps()
    on, later = "2026-03-01T12:00:00Z", "2026-03-09T12:00:00Z"
    many = [Move(f"{n}", "dimensions.x", "a", "b", on, True) for n in range(MOVES_MAX + 1)]
    assert found.take(many) == Counter()
    back = [Move(who, "dimensions.x", "b", "a", later, True) for who in ("0", f"{MOVES_MAX}")]
    assert found.take(back) == {"dimensions.x": 1}


def test_flaps_are_counted_by_rule() -> None:
    metrics = Metrics()
    metrics.published(shopper(0, 0, 12, 12).said)
    exposed = metrics.exposition().decode()
    assert 'tierstream_flaps_total{rule="tiers.silver"} 3.0' in exposed

"""The home currency: as if it had been known from a customer's first sale on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given

from models import events
from models.customer import Facts
from models.fold import fold
from models.home_currency import count_in
from models.merging import merge
from tests.models.lives import LATENESS_DAYS, TODAY, UTC, folded, lives, pack


def in_dollars(life: Sequence[events.CustomerEvent]) -> list[events.CustomerEvent]:
    return [
        msgspec.structs.replace(event, currency="USD")
        if isinstance(event, events.Purchase | events.Refund)
        else event
        for event in life
    ]


def at_home_in_euros(life: Sequence[events.CustomerEvent]) -> Facts:
    facts = Facts(currency="EUR")
    for event in life:
        fold(facts, event, UTC, TODAY, LATENESS_DAYS)
    return facts


def amounts(facts: Facts) -> tuple[object, ...]:
    named = {
        (name, day): value
        for name, series in facts.series.items()
        if name.startswith(("net:USD", "refund"))
        for day, value in zip(*series, strict=True)
        if value
    }
    return facts.currency, facts.days, facts.net_minor, facts.orders, named


@given(lives, lives)
def test_what_came_before_is_beside_and_what_comes_then_is_at_home(
    before: list[events.CustomerEvent], then: list[events.CustomerEvent]
) -> None:
    facts = folded(in_dollars(before))
    count_in(facts, "EUR")
    for event in then:
        fold(facts, event, UTC, TODAY, LATENESS_DAYS)
    whole = at_home_in_euros([*in_dollars(before), *then])
    assert facts == whole
    assert pack(facts) == pack(whole)


@given(lives)
def test_sales_that_were_counted_beside_come_home(life: list[events.CustomerEvent]) -> None:
    mixed = [*in_dollars(life[::2]), *life[1::2]]
    facts = folded(mixed)
    count_in(facts, "EUR")
    assert amounts(facts) == amounts(at_home_in_euros(mixed))


@given(lives, lives)
def test_of_whom_is_merged_from_another_currency_only_what_has_none_adds_up(
    one: list[events.CustomerEvent], other: list[events.CustomerEvent]
) -> None:
    """Dollars are no euros, in whatever part or share of her trade they stand."""
    facts = at_home_in_euros(one)
    merge(facts, folded(in_dollars(other)), UTC, TODAY, LATENESS_DAYS)
    whole = at_home_in_euros([*one, *in_dollars(other)])
    assert facts == whole
    assert pack(facts) == pack(whole)

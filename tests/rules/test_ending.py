"""How a customer's stream ends: who is erased or merged, whenever it was decided."""

from __future__ import annotations

from random import Random
from string import ascii_letters, digits
from typing import Any

import pytest

from models import events
from models.customer import SEEN_MAX
from models.decisions import SegmentChanged
from models.errors import Reason
from rules.reduce import Reduction
from tests.rules.driving import Driver, at, book

OLD: dict[str, Any] = {"event_id": "x", "source": "crm", "occurred_at": at(0)}
ENDS = (
    events.CustomerErased(**OLD, basis="request"),
    events.CustomersMerged(**OLD, absorbed="anna", survivor="ann", by="crm"),
)


@pytest.mark.parametrize("end", ENDS)
def test_whoever_is_busy_can_be_erased_or_merged(end: events.CustomerEvent) -> None:
    """No event of the time can be told from a repeat, but nobody ends twice."""
    customer = Driver(book(), first_tick=at(0))
    for second in range(SEEN_MAX + 9):
        customer.take(customer.purchase(at(1) + second))
    assert isinstance(customer.take(end), Reduction)


@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_never_too_late(end: events.CustomerEvent) -> None:
    """Laws allow a month and more between a request and its execution."""
    customer = Driver(book(), first_tick=at(0))
    customer.take(customer.purchase(at(0)))
    customer.pass_to(at(95))
    assert isinstance(customer.take(end), Reduction)
    assert customer.known.facts.orders == []


@pytest.mark.parametrize("end", ENDS)
def test_of_groups_only_those_that_were_entered_are_left(end: events.CustomerEvent) -> None:
    """Nobody was told that she is out of the others, and once she is gone she is out of all."""
    groups = "groups: {keen: {when: orders(days=6) > 0}, lost: {when: orders(days=6) == 0}}\n"
    customer = Driver(book() + groups, first_tick=at(0))
    customer.take(customer.purchase(at(0)))
    customer.take(end)
    said = [d for d in customer.said if isinstance(d, SegmentChanged)]
    told = [(d.dimension, d.from_, d.to) for d in said if d.dimension.startswith("group.")]
    assert told == [("group.keen", "out", "in"), ("group.keen", "in", None)]


@pytest.mark.parametrize(
    ("letters", "length", "is_sent"),
    [("x", 900_000, True), ("x", 1_000_000, False), (ascii_letters + digits, 900_000, False)],
    ids=["dense", "long", "both"],
)
def test_a_history_is_sent_where_the_log_and_the_survivor_can_take_it(
    letters: str, length: int, *, is_sent: bool
) -> None:
    customer = Driver(book(), first_tick=at(0))
    customer.take(customer.purchase(at(0)))
    note = "".join(Random(1).choices(letters, k=length))
    customer.known.facts.profile["custom.note"] = (at(0), note)
    if is_sent:
        assert customer.take(ENDS[1]).moved is not None
    else:
        assert customer.refused(ENDS[1]).reason is Reason.TOO_LARGE

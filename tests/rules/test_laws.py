"""The laws of every rulebook and every history, on generated pairs of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from rules import facts
from rules.eras import compiled
from rules.facts.given import GIVEN
from rules.facts.moments import EVENTS
from rules.language.checked import Rules
from rules.language.conclusions import (
    CaseEntry,
    Churn,
    DimensionEntry,
    LevelEntry,
    LifecycleEntry,
    TierEntry,
    Tiers,
)
from rules.language.entries import ActionEntry, PointsEntry, Rulebook
from rules.language.tree import (
    INVERSE,
    And,
    Arithmetic,
    Compare,
    Condition,
    Crossing,
    Fact,
    Happened,
    Lookup,
    Or,
    Points,
    Value,
)
from tests.rules.laws import LAWS, Pair, pairs
from tests.rules.whole_books import texts

_SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
_ENTRIES = (
    *(Rulebook, Tiers, TierEntry, DimensionEntry, LevelEntry, CaseEntry, ActionEntry),
    *(LifecycleEntry, Churn, PointsEntry),
)
_TOLD_ONLY = {"label", "was", "include", "examples"}  # they change no conclusion
_RESULTS = {"tier", "tier.matched", "churn.band", "lifecycle", "rfm.segment", "group.some"}


@settings(max_examples=4, suppress_health_check=_SLOW)
@given(pairs())
def test_the_laws_hold(pair: Pair) -> None:
    _hold(pair)


@pytest.mark.long
@pytest.mark.timeout(400)
@settings(max_examples=120, suppress_health_check=_SLOW)
@given(pairs())
def test_the_laws_hold_at_length(pair: Pair) -> None:
    """Of as many pairs as are wished: `python3 deploy/dev.py laws --pairs 10000`."""
    _hold(pair)


def _hold(pair: Pair) -> None:
    for law in LAWS:
        law(pair)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_generated_rulebooks_use_every_construct() -> None:
    missing = _constructs()

    def is_complete(text: str) -> bool:
        missing.difference_update(_keys(yaml.safe_load(text)))
        for tree in _trees(compiled(text).rules):
            missing.difference_update(*map(_used, _parts(tree)))
        return missing == set()

    gathering = settings(
        max_examples=1_000, derandomize=True, phases=(Phase.generate,), suppress_health_check=_SLOW
    )
    with suppress(NoSuchExample):
        find(texts(), is_complete, settings=gathering)
    assert missing == set()


def _constructs() -> set[str]:
    """Return everything that a rulebook may be made of, by name."""
    fields = {(f.alias or n) for entry in _ENTRIES for n, f in entry.model_fields.items()}
    nodes = (And, Or, Compare, Arithmetic, Lookup, Points, Crossing, Happened)
    return {
        *(fields - _TOLD_ONLY),
        *(node.__name__ for node in nodes),
        *(*INVERSE, "+", "-", "*", "/"),
        *(*facts.VOCABULARY, *GIVEN, *_RESULTS),
        *(f"happened {kind}" for kind in EVENTS),
    }


def _keys(written: Any) -> Iterator[str]:  # noqa: ANN401 - YAML of any form
    if isinstance(written, dict):
        yield from written
        for each in written.values():
            yield from _keys(each)
    elif isinstance(written, list):
        for each in written:
            yield from _keys(each)


def _trees(rules: Rules) -> Iterator[Value | Condition]:
    """Yield every expression of a rulebook."""
    for dimension in rules.dimensions:
        ways = (dimension.measure, dimension.value_of, dimension.only_if, dimension.member)
        yield from (tree for tree in (*ways, *dimension.cases) if tree is not None)
    for tier in rules.tiers:
        yield from (tree for tree in (tier.qualify, tier.keep) if tree is not None)
    yield from (policy.condition for policy in rules.policies)
    for action in rules.actions:
        yield from (action.when, action.condition)


def _parts(node: Value | Condition) -> Iterator[Value | Condition]:
    """Yield a tree and all trees in it."""
    yield node
    inner: tuple[Value | Condition, ...] = ()
    match node:
        case And(parts) | Or(parts):
            inner = parts
        case Compare(left, _, right) | Arithmetic(_, left, right):
            inner = (left, right)
        case Lookup(_, key):
            inner = (key,)
        case Points(_, scored):
            inner = tuple(condition for _, condition in scored)
        case Crossing(fact):
            inner = (fact,)
    for part in inner:
        yield from _parts(part)


def _used(node: Value | Condition) -> set[str]:
    """Return the constructs that one node shows."""
    found = {type(node).__name__}
    match node:
        case Compare(op=op) | Arithmetic(op=op):
            found.add(op)
        case Fact(name):
            found.add(name)
        case Happened(kind):
            found.add(f"happened {kind}")
    return found

"""A customer as a rulebook sees her at an instant: the tree-walking interpreter.

It reads every fact through the vocabulary's own function and evaluates one node at a time. It must
agree with the compiled functions on every input; a test holds it to that.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from models.customer import CustomerState
from models.events import CustomerEvent
from rules.book import Book, CategoryValue, Given
from rules.facts import lookup, rfm
from rules.facts.given import GIVEN
from rules.facts.moments import happened
from rules.language.checked import DimensionRules, Level
from rules.language.tree import (
    And,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Crossing,
    Fact,
    Lookup,
    Or,
    Points,
    Value,
    dimension_of,
)

Truth: TypeAlias = bool | None
Text: TypeAlias = str | tuple[str, ...] | None
"""A category, all categories where there may be many, or None: unknown."""

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda value, values: value in values,
    "not in": lambda value, values: value not in values,
    "has": lambda values, value: value in values,
    "has not": lambda values, value: value not in values,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def compared(op: str, one: Any, other: Any) -> Truth:  # noqa: ANN401  # numbers or texts
    """Return whether a comparison holds; unknown if a side is."""
    return None if one is None or other is None else bool(_OPERATORS[op](one, other))


class View:
    """What one evaluation sees. Reads a fact once.

    The arguments are those of `Book.conclude` and, once the tier is known, of `Book.follow`.
    """

    def __init__(
        self,
        book: Book,
        state: CustomerState,
        now: int,
        band: int | None,
        given: Given,
        tier: int | None = None,
        event: CustomerEvent | None = None,
    ) -> None:
        self.book = book
        self.state = state
        self.now = now
        self.given = given
        self.facts = state.facts
        self.zone = book.zone
        self.today = book.zone.day(now)
        self.band_index = band
        self.band = None if band is None else book.rules.bands[band]
        self.tier = None if tier is None else book.tiers[tier].name
        self.history: Sequence[CustomerEvent] = ()  # her events, for whoever has read them
        self._event = event
        self._before = state.concluded
        self._categories: dict[str, Text] = {}
        # By identity, since what is asked again and again are the rulebook's own nodes; each is
        # held with its result, or a later one might come to have the same.
        self._known: dict[int, tuple[Value | Condition, Any]] = {}
        self._ranges: dict[int, tuple[Points, tuple[float, float]]] = {}

    def value(self, node: Value) -> Any:  # noqa: ANN401  # a number, a text, or None
        """Return a value; None: unknown."""
        if isinstance(node, Constant):
            return node.value
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self._value(node)
        return known[1]

    def _value(self, node: Value) -> Any:  # noqa: ANN401  # a number, a text, or None
        match node:
            case Fact():
                return self._fact(node)
            case Arithmetic(op, left, right):
                one, other = self.value(left), self.value(right)
                if one is None or other is None or (op == "/" and other == 0):
                    return None
                return _OPERATORS[op](one, other)
            case Lookup(_, key, entries):
                return dict(entries).get(self.value(key))
            case Points():
                low, high = self._range(node)
                return low if low == high else None
        message = f"an unchecked tree reached explain: {node}"
        raise TypeError(message)

    def _range(self, score: Points) -> tuple[float, float]:
        """Return between what a score lies, whatever its undecided conditions turn out to be."""
        known = self._ranges.get(id(score))
        if known is None:
            known = self._ranges[id(score)] = score, self._summed(score)
        return known[1]

    def _summed(self, score: Points) -> tuple[float, float]:
        low: float = 0
        high: float = 0
        for points, condition in score.parts:
            truth = self.holds(condition)
            if truth or (truth is None and points < 0):
                low += points
            if truth or (truth is None and points > 0):
                high += points
        return low, high

    def _fact(self, fact: Fact) -> Any:  # noqa: ANN401  # a number, a text, texts, or None
        tiers = self.book.rules.tiers
        match fact.name:
            case "churn.band":
                return self.band
            case "tier":
                return self.tier
            case "tier.matched":
                return tuple(
                    tier.name
                    for tier in tiers
                    if tier.qualify is None or self.holds(tier.qualify) is True
                )
        dimension = dimension_of(fact)
        if dimension is not None:
            return self.category(dimension)
        arguments = dict(fact.args)
        spec = GIVEN.get(fact.name)
        if spec is not None:
            horizon_days = self.book.rules.horizon_days
            return spec.read(
                self.facts, self.zone, self.today, self.given, horizon_days, **arguments
            )
        known = lookup(fact.name)
        assert known is not None
        return known.read(self.facts, self.zone, self.today, **arguments)

    def owed(self, node: Value) -> int:
        """Return how far a value would lie below 0 if it could, as refunds may take it."""
        spec = lookup(node.name) if isinstance(node, Fact) else None
        if spec is None or not isinstance(node, Fact):
            return 0
        return spec.owed(self.facts, self.zone, self.today, **dict(node.args))

    def holds(self, node: Condition) -> Truth:
        """Return whether a condition holds, in Kleene's three-valued logic; None: unknown."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self._holds(node)
        truth: Truth = known[1]
        return truth

    def _holds(self, node: Condition) -> Truth:
        if isinstance(node, Compare):
            return self._compared(node)
        if isinstance(node, And | Or):
            decides, found = isinstance(node, Or), not isinstance(node, Or)
            is_known = True
            for part in node.parts:
                truth = self.holds(part)
                if truth is decides:
                    return decides
                is_known = is_known and truth is not None
            return found if is_known else None
        if isinstance(node, Crossing):
            return self._crossed(node)
        return happened(self._event, node.kind, **{name: str(value) for name, value in node.args})

    def _compared(self, node: Compare) -> Truth:
        if isinstance(node.left, Points):
            return _ranged(node.op, self._range(node.left), self.value(node.right))
        return compared(node.op, self.value(node.left), self.value(node.right))

    def _crossed(self, node: Crossing) -> bool:
        now, was = _texts(self.value(node.fact)), _texts(self._was(node.fact))
        if node.leaves:
            return node.category in (was or ()) and now is not None and node.category not in now
        return node.category in (now or ()) and node.category not in (was or ())

    def _was(self, fact: Fact) -> Text:
        """Return what a result was in the evaluation before."""
        book, before = self.book, self._before
        match fact.name:
            case "churn.band":
                return None if before.band is None else book.rules.bands[before.band]
            case "tier":
                return None if before.tier is None else book.tiers[before.tier].name
        index = next(i for i, d in enumerate(book.dimensions) if d.name == dimension_of(fact))
        return book.dimensions[index].names(self._category_before(index))

    def _category_before(self, index: int) -> CategoryValue:
        known = self._before.categories
        return known[index] if index < len(known) else None

    def category(self, name: str) -> Text:
        """Return the category of a dimension in this evaluation, None: unknown.

        Of a dimension of many categories, all that hold.
        """
        if name not in self._categories:
            index = next(i for i, d in enumerate(self.book.rules.dimensions) if d.name == name)
            self._categories[name] = self._category(index, self.book.rules.dimensions[index])
        return self._categories[name]

    def _category(self, index: int, rules: DimensionRules) -> Text:
        if rules.declared is not None:
            said = self.value(rules.declared)
            if rules.kind == "open" and said is not None:
                return str(said)
            if said in rules.categories:
                return (str(said),) if rules.kind == "many" else str(said)
        if rules.only_if is not None and self.holds(rules.only_if) is not True:
            return None
        if rules.measure is not None:
            return self._level(index, rules, rules.measure)
        if rules.value_of is not None:
            found = self.value(rules.value_of)
            return None if found is None else str(found)
        if rules.member is not None:
            return rules.categories[int(self.holds(rules.member) is True)]
        if rules.rfm is not None:
            segment = rfm.segment(*(self.value(fact) for fact in rules.rfm))
            return None if segment is None else rules.categories[segment]
        return self._all_matches(rules) if rules.kind == "many" else self._first_match(rules)

    def _first_match(self, rules: DimensionRules) -> str | None:
        for name, case in zip(rules.categories, rules.cases, strict=True):
            truth = True if case is None else self.holds(case)
            if truth is None and rules.lenient:
                continue
            if truth is not False:
                return name if truth else None
        return None

    def _all_matches(self, rules: DimensionRules) -> tuple[str, ...] | None:
        cases = list(zip(rules.categories, rules.cases, strict=True))
        truths = {name: self.holds(case) for name, case in cases if case is not None}
        found = tuple(name for name, truth in truths.items() if truth)
        if found or None in truths.values():
            return found or None
        return tuple(name for name, case in cases if case is None)

    def _level(self, index: int, rules: DimensionRules, measure: Value) -> str | None:
        """Return the first level that is reached; unknown while one above it may be."""
        for place, level in enumerate(rules.levels):
            bound = self.bound(index, place, level)
            reached = True if bound is None else self.holds(Compare(measure, ">=", bound))
            if reached is not False:
                return rules.categories[place] if reached else None
        return None

    def bound(self, index: int, place: int, level: Level) -> Constant | None:
        """Return a level's bound: `keep` for whoever was in it or above it, else `from`."""
        before = self._category_before(index)
        if level.keep is not None and isinstance(before, int) and before <= place:
            return level.keep
        return level.enter


def _ranged(op: str, span: tuple[float, float], bound: float | None) -> Truth:
    """Return whether a comparison holds of all that a score may be; unknown if they differ."""
    low, high = span
    if bound is None:
        return None
    if op in {"==", "!="} and low != high:
        return None if low <= bound <= high else op == "!="
    truths = {bool(_OPERATORS[op](each, bound)) for each in span}
    return truths.pop() if len(truths) == 1 else None


def _texts(value: Text) -> tuple[str, ...] | None:
    return (value,) if isinstance(value, str) else value

"""A customer as a rulebook sees her at an instant: the tree-walking interpreter.

It reads every fact through the vocabulary's own function and evaluates one node at a time. It must
agree with the compiled functions on every input; a test holds it to that.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from models.customer import CustomerState
from rules.book import Book, DimensionRules, Level
from rules.facts import lookup
from rules.tree import And, Arithmetic, Compare, Condition, Constant, Fact, Or, Value

Truth: TypeAlias = bool | None

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda value, values: value in values,
    "not in": lambda value, values: value not in values,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def compared(op: str, one: Any, other: Any) -> Truth:  # noqa: ANN401  # numbers or texts
    """Return whether a comparison holds; unknown if a side is."""
    return None if one is None or other is None else bool(_OPERATORS[op](one, other))


class View:
    """What one evaluation sees; the arguments are those of `Book.conclude`. Reads a fact once."""

    def __init__(self, book: Book, state: CustomerState, now: int, band: int | None) -> None:
        self.book = book
        self.facts = state.facts
        self.zone = book.zone
        self.today = book.zone.day(now)
        self.band = None if band is None else book.rules.bands[band]
        self._before = state.concluded.categories
        self._categories: dict[str, str | None] = {}
        self._read: dict[Fact, Any] = {}

    def value(self, node: Value) -> Any:  # noqa: ANN401  # a number, a text, or None
        """Return a value; None: unknown."""
        match node:
            case Constant(value):
                return value
            case Fact():
                if node not in self._read:
                    self._read[node] = self._fact(node)
                return self._read[node]
            case Arithmetic(op, left, right):
                one, other = self.value(left), self.value(right)
                if one is None or other is None or (op == "/" and other == 0):
                    return None
                return _OPERATORS[op](one, other)
        message = f"an unchecked tree reached explain: {node}"
        raise TypeError(message)

    def _fact(self, fact: Fact) -> Any:  # noqa: ANN401  # a number, a text, or None
        if fact.name == "churn.band":
            return self.band
        if fact.name.startswith("segment."):
            return self.category(fact.name.removeprefix("segment."))
        spec = lookup(fact.name)
        assert spec is not None
        return spec.read(self.facts, self.zone, self.today, **dict(fact.args))

    def holds(self, node: Condition) -> Truth:
        """Return whether a condition holds, in Kleene's three-valued logic; None: unknown."""
        match node:
            case Compare(left, op, right):
                return compared(op, self.value(left), self.value(right))
            case And(parts):
                truths = [self.holds(part) for part in parts]
                return False if False in truths else None if None in truths else True
            case Or(parts):
                truths = [self.holds(part) for part in parts]
                return True if True in truths else None if None in truths else False

    def category(self, name: str) -> str | None:
        """Return the category of a dimension in this evaluation, None: unknown."""
        if name not in self._categories:
            index = next(i for i, d in enumerate(self.book.rules.dimensions) if d.name == name)
            self._categories[name] = self._category(index, self.book.rules.dimensions[index])
        return self._categories[name]

    def _category(self, index: int, rules: DimensionRules) -> str | None:
        if rules.declared is not None:
            said = self.value(rules.declared)
            if said in rules.categories:
                return str(said)
        if rules.only_if is not None and self.holds(rules.only_if) is not True:
            return None
        if rules.measure is not None:
            return self._level(index, rules, self.value(rules.measure))
        for name, case in zip(rules.categories, rules.cases, strict=True):
            truth = True if case is None else self.holds(case)
            if truth is not False:
                return name if truth else None
        return None

    def _level(self, index: int, rules: DimensionRules, measure: float | None) -> str | None:
        if measure is None:
            return None
        for place, level in enumerate(rules.levels):
            bound = self.bound(index, place, level)
            if bound is None or measure >= self.value(bound):
                return rules.categories[place]
        return None

    def bound(self, index: int, place: int, level: Level) -> Constant | None:
        """Return a level's bound: `keep` for whoever was in it or above it, else `from`."""
        before = self._before[index] if index < len(self._before) else None
        if level.keep is not None and before is not None and before <= place:
            return level.keep
        return level.enter

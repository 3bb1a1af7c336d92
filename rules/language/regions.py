"""Interval reasoning: which comparisons of single facts leave room for which others.

A condition is seen as some boxes, any of which may hold: a box says, per fact, in which range a
number or among which texts a text must be. What compares facts with facts, and a fact's whole
numbers (`> 2` is `>= 3`), is not seen: it is a box's opaque side, equal only to itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from typing import TypeAlias

from rules.facts import lookup
from rules.facts.given import GIVEN
from rules.facts.vocabulary import Unit
from rules.language.tree import (
    And,
    Compare,
    Condition,
    Constant,
    Crossing,
    Fact,
    Happened,
    Or,
    Points,
    Value,
    comparisons_of,
    render,
    standing,
)

BOXES_MAX = 16  # beyond it nothing is said about a condition
_SIGNED = {Unit.SCORE, Unit.NUMBER, Unit.TEXT, Unit.TRUTH}
_MAY_BE_NEGATIVE = {"margin"}


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers between two ends; `low_in` and `high_in`: whether an end belongs to them."""

    low: float = -inf
    high: float = inf
    low_in: bool = False
    high_in: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it holds no number."""
        return self.low > self.high or (
            self.low == self.high and not (self.low_in and self.high_in)
        )

    def within(self, other: Range) -> bool:
        """Tell whether the other range holds all of this one."""
        low = self.low > other.low or (self.low == other.low and (other.low_in or not self.low_in))
        high = self.high < other.high or (
            self.high == other.high and (other.high_in or not self.high_in)
        )
        return (low and high) or self.is_empty

    def meet(self, other: Range) -> Range:
        """Return what both hold."""
        low, low_in = max((self.low, not self.low_in), (other.low, not other.low_in))
        high, high_in = min((self.high, self.high_in), (other.high, other.high_in))
        return Range(low, high, not low_in, high_in)


@dataclass(frozen=True, slots=True)
class Texts:
    """Some texts or, with `others`, all but these."""

    texts: frozenset[object]
    others: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it holds no text."""
        return not self.texts and not self.others

    def within(self, other: Texts) -> bool:
        """Tell whether the other set holds all of this one."""
        if self.others:
            return other.others and other.texts <= self.texts
        return not self.texts & other.texts if other.others else self.texts <= other.texts

    def meet(self, other: Texts) -> Texts:
        """Return what both hold."""
        if self.others and other.others:
            return Texts(self.texts | other.texts, others=True)
        if self.others or other.others:
            some, rest = (other, self) if self.others else (self, other)
            return Texts(some.texts - rest.texts)
        return Texts(self.texts & other.texts)


Side: TypeAlias = Range | Texts
Box: TypeAlias = Mapping[str, Side]

_TRUE = Texts(frozenset((True,)))


def boxes(node: Condition | None) -> list[Box] | None:
    """Return the boxes of a condition, empty ones left out; None: too many to be looked at.

    No condition (`otherwise`) is one box without sides.
    """
    match node:
        case None:
            return [{}]
        case And(parts):
            several = [boxes(part) for part in parts]
            if any(found is None for found in several):
                return None
            known = [found for found in several if found is not None]
            count = 1
            for found in known:
                count *= len(found)
            if count > BOXES_MAX:
                return None
            joined = (_joined(choice) for choice in product(*known))
            return [box for box in joined if box is not None]
        case Or(parts):
            found_boxes: list[Box] = []
            for part in parts:
                some = boxes(part)
                if some is None or len(found_boxes) + len(some) > BOXES_MAX:
                    return None
                found_boxes += some
            return found_boxes
        case Compare():
            box = _joined([_side(node)])
            return [] if box is None else [box]
        case Crossing():  # she stands there then, and did not before
            return [{**box, render(node): _TRUE} for box in boxes(standing(node)) or ()]
        case Happened(kind, args):  # a look is about one event
            fields = {_field(name, value): Texts(frozenset((value,))) for name, value in args}
            return [{"happened": Texts(frozenset((kind,))), **fields}]


def _field(name: str, value: object) -> str:
    return f"happened {name} {value}" if name == "severity_from" else f"happened {name}"


def always(node: Condition, *, where_known: bool = False) -> bool:
    """Tell whether a condition is true of everybody or, `where_known`, of all with the data."""
    found = boxes(node)
    if found is None or not covers(found, {}):
        return False
    return where_known or all(_is_known(each.left) for each in comparisons_of(node))


def reach(value: Value) -> Range:
    """Return what a value can be at all, as far as is known of it."""
    if not isinstance(value, Points):
        return _whole(render(value))
    given = [points for points, condition in value.parts if boxes(condition) != []]
    low, high = sum(min(0, points) for points in given), sum(max(0, points) for points in given)
    return Range(low, high, low_in=True, high_in=True)


def covers(earlier: Sequence[Box], box: Box) -> bool:
    """Tell whether every customer in a box is also in one of the earlier boxes.

    Either one of them holds all of it, or several do so together along the side of one fact.
    """
    if any(_holds(outer, box) for outer in earlier):
        return True
    names = {name for outer in earlier for name in outer}
    return any(_covers_along(name, earlier, box) for name in names)


def _covers_along(name: str, earlier: Sequence[Box], box: Box) -> bool:
    rest = [
        outer[name]
        for outer in earlier
        if name in outer and _holds({n: s for n, s in outer.items() if n != name}, box)
    ]
    ranges = sorted((s for s in rest if isinstance(s, Range)), key=lambda s: (s.low, not s.low_in))
    whole = box.get(name)
    if ranges and (whole is None or isinstance(whole, Range)):
        return _span(ranges, whole or _whole(name))
    texts = [side for side in rest if isinstance(side, Texts)]
    if not texts:
        return False
    left = whole if isinstance(whole, Texts) else Texts(frozenset(), others=True)
    for side in texts:
        left = left.meet(Texts(side.texts, not side.others))
    return left.is_empty


def _span(ranges: Iterable[Range], whole: Range) -> bool:
    """Tell whether ranges, in order, leave no gap in a whole one."""
    reached, is_in = whole.low, not whole.low_in
    for part in ranges:
        if part.low > reached or (part.low == reached and not part.low_in and not is_in):
            return False
        reached, is_in = max((reached, is_in), (part.high, part.high_in))
    return reached > whole.high or (reached == whole.high and (is_in or not whole.high_in))


def _holds(outer: Box, inner: Box) -> bool:
    """Tell whether a box holds all of another."""
    for name, side in outer.items():
        other = inner.get(name)
        if isinstance(side, Range) and isinstance(other, Range):
            if not other.within(side):
                return False
        elif not (isinstance(side, Texts) and isinstance(other, Texts) and other.within(side)):
            return False
    return True


def _joined(choice: Iterable[Box]) -> Box | None:
    """Return what several boxes have in common, None if that is nothing."""
    box: dict[str, Side] = {}
    for part in choice:
        for name, side in part.items():
            box[name] = _meet(box.get(name, side), side)
            if box[name].is_empty:
                return None
    return box


def _meet(one: Side, other: Side) -> Side:
    if isinstance(one, Range) and isinstance(other, Range):
        return one.meet(other)
    assert isinstance(one, Texts)
    assert isinstance(other, Texts)
    return one.meet(other)


def _side(node: Compare) -> Box:
    """Return a comparison as a box of one side; of none where it is always true."""
    left, op, right = node.left, node.op, node.right
    if not isinstance(right, Constant):
        return {render(node): _TRUE}
    name = render(left)
    if op in {"has", "has not"}:
        return {f"{name} has {right.value!r}": Texts(frozenset((True,)), op == "has not")}
    if isinstance(right.value, int | float) and not isinstance(right.value, bool):
        side = _range(op, right.value)
        return {f"{name} != {right.value!r}": _TRUE} if side is None else _natural_side(left, side)
    values = right.value if isinstance(right.value, tuple) else (right.value,)
    return {name: Texts(frozenset(values), op in {"!=", "not in"})}


def _range(op: str, bound: float) -> Range | None:
    match op:
        case "<":
            return Range(high=bound)
        case "<=":
            return Range(high=bound, high_in=True)
        case ">":
            return Range(low=bound)
        case ">=":
            return Range(low=bound, low_in=True)
        case "==":
            return Range(bound, bound, low_in=True, high_in=True)
    return None  # two ranges: all but one number


def _natural_side(left: Value, side: Range) -> Box:
    """Return the side of a value, within what it can be at all."""
    name = render(left)
    whole = reach(left)
    return {} if _is_known(left) and whole.within(side) else {name: side.meet(whole)}


def _is_known(value: Value) -> bool:
    spec = lookup(value.name) if isinstance(value, Fact) else None
    return spec is not None and not spec.unknown


def _whole(name: str) -> Range:
    """Return what a fact, by its written name, can be at all."""
    fact = name.partition("(")[0]
    spec = GIVEN.get(fact) or lookup(fact)
    if spec is None or spec.unit in _SIGNED or fact in _MAY_BE_NEGATIVE:
        return Range()
    high = 1 if spec.unit is Unit.SHARE else inf
    return Range(0, high, low_in=True, high_in=spec.unit is Unit.SHARE)

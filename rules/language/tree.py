"""The tree of a rule expression, and how to walk and write it.

There is one normal form, so that whoever walks a tree has few cases: `not` is pushed down into the
comparisons (which holds in three-valued logic too), a chain `1 < x < 5` is a conjunction, nested
conjunctions are one, and a fact stands left of a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal[
    "<", "<=", ">", ">=", "==", "!=", "in", "not in", "has", "has not"
]  # fmt: skip
Argument: TypeAlias = int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal or, once checked, the value of a parameter; money is in minor units then."""

    value: int | float | str | bool | tuple[str, ...]
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the rulebook, by name; the check replaces it by its value."""

    name: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of the vocabulary. Arguments without a name have their position as name: '0', '1'."""

    name: str
    args: tuple[tuple[str, Argument], ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.args)))

    def __hash__(self) -> int:
        """Return the hash of name and arguments; facts are keys wherever outputs are made."""
        return self._hash


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A sum, difference, product or quotient; unknown if a part is, or the divisor is 0."""

    op: Literal["+", "-", "*", "/"]
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a table of the rulebook says of a text; unknown if it says nothing.

    `entries` are empty until the check has found the table.
    """

    table: str
    key: Value
    entries: tuple[tuple[str, int | float | str], ...] = ()


@dataclass(frozen=True, slots=True)
class Points:
    """A score of the rulebook: the sum of the points whose condition is true."""

    name: str
    parts: tuple[tuple[int | float, Condition], ...]

    def __hash__(self) -> int:
        """Return the name's hash: a rulebook has one score of a name, and its parts are many."""
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; unknown if a side is. `has`: many categories hold one."""

    left: Value
    op: Operator
    right: Value


@dataclass(frozen=True, slots=True)
class And:
    """True if all parts are, false if one part is, else unknown."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True if one part is, false if all parts are, else unknown."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Crossing:
    """She has just come into a category or, with `leaves`, out of it; never unknown.

    `many`: the fact is a dimension of many categories.
    """

    fact: Fact
    category: str
    leaves: bool
    many: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """The event that is evaluated is one of a kind; never unknown."""

    kind: str
    args: tuple[tuple[str, Argument], ...] = ()


Value: TypeAlias = Constant | Parameter | Fact | Arithmetic | Lookup | Points
Condition: TypeAlias = Compare | And | Or | Crossing | Happened

ALWAYS = And(())
PLACES = ("local", "domestic")
BARE = frozenset(("tier", "lifecycle", *PLACES))  # facts that are written without brackets
_SEGMENT = "segment."

INVERSE: dict[Operator, Operator] = {
    "<": ">=",
    ">=": "<",
    "<=": ">",
    ">": "<=",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
    "has": "has not",
    "has not": "has",
}


def dimension_of(fact: Fact) -> str | None:
    """Return the dimension whose category a fact is, None if it is another fact."""
    if fact.name.startswith(_SEGMENT):
        return fact.name.removeprefix(_SEGMENT)
    if fact.name == "lifecycle" or fact.name.startswith("group."):
        return fact.name
    return "rfm" if fact.name == "rfm.segment" else None


def facts_of(node: Value | Condition) -> Iterator[Fact]:
    """Yield every fact of a tree, in reading order, repeated where it is named repeatedly."""
    match node:
        case Fact():
            yield node
        case Arithmetic(_, left, right) | Compare(left, _, right):
            yield from facts_of(left)
            yield from facts_of(right)
        case And(parts) | Or(parts):
            for part in parts:
                yield from facts_of(part)
        case Lookup(_, key):
            yield from facts_of(key)
        case Points(_, scored):
            for _, condition in scored:
                yield from facts_of(condition)
        case Crossing(fact):
            yield fact


def comparisons_of(node: Condition) -> Iterator[Compare]:
    """Yield every comparison of a condition, in reading order."""
    match node:
        case Compare():
            yield node
        case And(parts) | Or(parts):
            for part in parts:
                yield from comparisons_of(part)


def size(node: Value | Condition) -> int:
    """Return the number of parts of a tree."""
    match node:
        case Arithmetic(_, left, right) | Compare(left, _, right):
            return 1 + size(left) + size(right)
        case And(parts) | Or(parts):
            return 1 + sum(size(part) for part in parts)
        case Points(_, scored):
            return 1 + sum(size(condition) for _, condition in scored)
        case Lookup(_, key):
            return 1 + size(key)
    return 1


def height(node: Value | Condition, heights: Mapping[str, int]) -> int:
    """Return how deep a tree is, through the dimensions that it names, whose `heights` are given.

    A dimension's conclusion takes about as many calls as two steps within a tree.
    """
    match node:
        case Fact():
            return 1 + heights.get(dimension_of(node) or node.name, 0)
        case Arithmetic(_, left, right) | Compare(left, _, right):
            return 1 + max(height(left, heights), height(right, heights))
        case And(parts) | Or(parts):
            return 1 + max((height(part, heights) for part in parts), default=0)
        case Points(_, scored):
            return 1 + max((height(condition, heights) for _, condition in scored), default=0)
        case Lookup(_, key) | Crossing(key):
            return 1 + height(key, heights)
    return 1


def inverse(node: Condition) -> Condition:
    """Return the negation of a condition; moments have none."""
    match node:
        case And(parts):
            return Or(tuple(inverse(part) for part in parts))
        case Or(parts):
            return And(tuple(inverse(part) for part in parts))
        case Compare(left, op, right):
            return Compare(left, INVERSE[op], right)
    message = f"a moment has no negation: {render(node)}"
    raise TypeError(message)


def standing(node: Condition) -> Condition:
    """Return a condition without its moments: what must still be true after them.

    Coming into a category becomes being in it, leaving it not being in it, and what has happened
    stays so.
    """
    match node:
        case Crossing(fact, category, leaves, many):
            inside = Compare(fact, "has" if many else "==", Constant(category))
            return inverse(inside) if leaves else inside
        case Happened():
            return ALWAYS
        case And(parts):
            return And(tuple(standing(part) for part in parts))
        case Or(parts):
            return Or(tuple(standing(part) for part in parts))
        case Compare():
            return node


def is_momentary(node: Condition) -> bool:
    """Tell whether a condition asks what has just happened."""
    match node:
        case Crossing() | Happened():
            return True
        case And(parts) | Or(parts):
            return any(is_momentary(part) for part in parts)
        case Compare():
            return False


def render(node: Value | Condition) -> str:
    """Write a tree as text of the language; reading it again gives the same tree."""
    match node:
        case Compare(left, op, right):
            return _compared(left, op, right)
        case And(parts) | Or(parts):
            word = " and " if isinstance(node, And) else " or "
            return f"({word.join(render(part) for part in parts)})"
        case Crossing(fact, category, leaves):
            return f"{'left' if leaves else 'entered'}({render(fact)}, {category!r})"
        case Happened(kind, args):
            return _called("happened", (("0", kind), *args))
    return _written(node)


def _written(node: Value) -> str:
    match node:
        case Constant(value, parameter):
            return parameter if parameter is not None else repr(value)
        case Parameter(name):
            return name
        case Fact(name, args):
            bare = not args and (name in BARE or "." in name)
            return name if bare else _called(name, args)
        case Arithmetic(op, left, right):
            return f"({render(left)} {op} {render(right)})"
        case Lookup(table, key):
            return f"lookup({table!r}, {render(key)})"
        case Points(name):
            return f"score.{name}"


def _compared(left: Value, op: Operator, right: Value) -> str:
    if op in {"has", "has not"}:
        return f"{'' if op == 'has' else 'not '}has({render(left)}, {render(right)})"
    if isinstance(right, Constant) and right.value is True:
        return render(left) if op == "==" else f"not {render(left)}"
    return f"{render(left)} {op} {render(right)}"


def _called(name: str, args: tuple[tuple[str, Argument], ...]) -> str:
    return f"{name}({', '.join(_argument(key, value) for key, value in args)})"


def _argument(key: str, value: Argument) -> str:
    if key.isdigit():
        return str(value) if isinstance(value, str) and "." in value else repr(value)
    return f"{key}={list(value) if isinstance(value, tuple) else value!r}"

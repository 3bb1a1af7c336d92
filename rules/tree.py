"""The tree of a rule expression, and how to walk and write it.

There is one normal form, so that whoever walks a tree has few cases: `not` is pushed down into the
comparisons (which holds in three-valued logic too), a chain `1 < x < 5` is a conjunction, nested
conjunctions are one, and a fact stands left of a constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!=", "in", "not in"]
Argument: TypeAlias = int | float | str


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


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A sum, difference, product or quotient; unknown if a part is, or the divisor is 0."""

    op: Literal["+", "-", "*", "/"]
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; unknown if a side is."""

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


Value: TypeAlias = Constant | Parameter | Fact | Arithmetic
Condition: TypeAlias = Compare | And | Or

INVERSE: dict[Operator, Operator] = {
    "<": ">=",
    ">=": "<",
    "<=": ">",
    ">": "<=",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
}


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


def comparisons_of(node: Condition) -> Iterator[Compare]:
    """Yield every comparison of a condition, in reading order."""
    if isinstance(node, Compare):
        yield node
    else:
        for part in node.parts:
            yield from comparisons_of(part)


def render(node: Value | Condition) -> str:
    """Write a tree as text of the language; reading it again gives the same tree."""
    match node:
        case Constant(value, parameter):
            return parameter if parameter is not None else repr(value)
        case Parameter(name):
            return name
        case Fact(name, args):
            if not args:
                return name if "." in name else f"{name}()"
            return f"{name}({', '.join(_argument(key, value) for key, value in args)})"
        case Arithmetic(op, left, right):
            return f"({render(left)} {op} {render(right)})"
        case Compare(left, op, right):
            if isinstance(right, Constant) and right.value is True:
                return render(left) if op == "==" else f"not {render(left)}"
            return f"{render(left)} {op} {render(right)}"
        case And(parts) | Or(parts):
            word = " and " if isinstance(node, And) else " or "
            return f"({word.join(render(part) for part in parts)})"


def _argument(key: str, value: Argument) -> str:
    if key.isdigit():
        return str(value) if isinstance(value, str) and "." in value else repr(value)
    return f"{key}={value!r}"

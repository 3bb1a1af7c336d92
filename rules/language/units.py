"""Units of values: what can be compared, added and divided."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from rules.facts.vocabulary import Unit
from rules.language.expression import BadExpression
from rules.language.parameters import NUMBER_MAX
from rules.language.regions import Range, reach
from rules.language.tree import Arithmetic, Constant, Value, render

_PLAIN = {None, Unit.NUMBER, Unit.SHARE}  # units of a factor; None: a bare number

Typed: TypeAlias = tuple[Value, Unit | None]


def computed(node: Arithmetic, left: Typed, right: Typed) -> Typed:
    """Return a computation of two resolved sides, and its unit.

    Raises:
        BadExpression: the units do not fit.
    """
    one, other = left[1], right[1]
    if {one, other} & {Unit.TEXT, Unit.TRUTH}:
        raise BadExpression(f"{render(node)} does not compute with numbers")
    tree = _folded(Arithmetic(node.op, left[0], right[0]))
    if node.op in {"+", "-"}:
        agree(left, right)
        return tree, one if one is not None else other
    if node.op == "*":
        if not isinstance(left[0], Constant) and not isinstance(right[0], Constant):
            raise BadExpression(f"{render(node)} multiplies two facts", "use one factor")
        if one in _PLAIN or other in _PLAIN:
            return tree, other if one in _PLAIN and other is not None else one
    elif other in {None, Unit.NUMBER}:
        return tree, one
    elif one is other:
        return tree, Unit.SHARE
    elif one is Unit.MONEY and other is Unit.ORDERS:
        return tree, Unit.MONEY
    raise BadExpression(
        f"{render(node)} has no meaning in units: {_unit(one)} {node.op} {_unit(other)}",
        "multiply by a number or a share; divide by a number or by the same unit",
    )


def agree(left: Typed, right: Typed) -> None:
    """Refuse two sides of different units; a bare 0 has any unit, a bare 1 any but money.

    (Amounts are in minor units: one of them is a penny.)

    Raises:
        BadExpression: they differ, or a bound is not a parameter.
    """
    (one, unit), (other, partner) = left, right
    if unit is None and partner is not None:
        (one, unit), (other, partner) = right, left
    if unit is None or unit is partner:
        return
    if partner is not None:
        what = f"{render(one)} is in {unit.value}, {render(other)} is in {partner.value}"
        raise BadExpression(what, "only equal units can be compared, added or subtracted")
    bare = {0} if unit is Unit.MONEY else {0, 1}
    if not isinstance(other, Constant) or other.value not in bare:
        hint = f"name it: parameters: {{a_name: {{value: …, unit: {_written(unit)}, why: …}}}}"
        raise BadExpression(f"the bound {render(other)} is not a parameter", hint)


def can_be(value: Value, bound: Value) -> None:
    """Refuse a bound that lies beyond all that a value can be: the comparison would say nothing.

    Raises:
        BadExpression: it does.
    """
    if not isinstance(bound, Constant) or not isinstance(bound.value, int | float):
        return
    span = reach(value)
    if not span.low <= bound.value <= span.high:
        raise BadExpression(f"{render(value)} can never be {render(bound)}", limits(span))


def limits(span: Range) -> str:
    """Return a hint that says how far a value reaches."""
    if span.high == inf:
        return f"it is never below {span.low:g}"
    is_share = (span.low, span.high) == (0, 1)
    return f"it lies between {span.low:g} and {span.high:g}" + ("; 30% is 0.3" * is_share)


def _unit(unit: Unit | None) -> str:
    return "a plain number" if unit is None else unit.value


def _written(unit: Unit) -> str:
    return "a currency code" if unit is Unit.MONEY else unit.value


def _folded(node: Arithmetic) -> Value:
    """Compute what has only constants."""
    left, right = node.left, node.right
    if node.op == "/" and isinstance(right, Constant) and right.value == 0:
        raise BadExpression(f"{render(node)} divides by 0")
    if not isinstance(left, Constant) or not isinstance(right, Constant):
        return node
    a, b = left.value, right.value
    assert isinstance(a, int | float)
    assert isinstance(b, int | float)
    if node.op == "/":
        found = a / b
    else:
        found = a + b if node.op == "+" else a - b if node.op == "-" else a * b
    if abs(found) > NUMBER_MAX:
        raise BadExpression(f"{render(node)} is too large", f"at most {NUMBER_MAX:,}")
    return Constant(found)

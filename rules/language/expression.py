"""The expression language of rulebooks: a small part of Python's expression syntax.

`parse_condition` and `parse_value` read text with Python's own parser, accept only what stands in
this file, and return a small frozen tree (`tree`). Nothing is ever evaluated as Python.

    condition   a and b · a or b · not a · value < <= > >= == != value · text in ('a', 'b') · has(…)
    value       1 · 0.5 · 'text' · a_parameter · spend(days=365) · profile.industry · + - * / ·
                lookup('a_table', text)
"""

from __future__ import annotations

import ast
import re
import tokenize
import warnings
from io import StringIO
from itertools import pairwise
from typing import Literal

from rules.language.hints import lookalike
from rules.language.tree import (
    BARE,
    INVERSE,
    And,
    Argument,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Fact,
    Lookup,
    Operator,
    Or,
    Parameter,
    Value,
)

TEXT_MAX = 2_000  # characters
DEPTH_MAX = 20
NODES_MAX = 200

_MIRRORED: dict[Operator, Operator] = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_COMPARISONS: dict[type[ast.cmpop], Operator] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_ARITHMETIC: dict[type[ast.operator], Literal["+", "-", "*", "/"]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}


class BadExpression(Exception):
    """An expression that is refused: what is wrong, and a hint."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def parse_condition(text: str) -> Condition:
    """Read an expression that is true, false or unknown.

    Raises:
        BadExpression: it is not one, or not in the language.
    """
    return _Reader().condition(_python(text), negated=False, depth=0)


def parse_value(text: str) -> Value:
    """Read an expression that is a number or a text.

    Raises:
        BadExpression: it is not one, or not in the language.
    """
    return _Reader().value(_python(text), depth=0)


def _python(text: str) -> ast.expr:
    if len(text) > TEXT_MAX:
        raise BadExpression(
            f"the expression is {len(text)} characters long; {TEXT_MAX} are allowed",
            "split it: a dimension can be named by others as segment.<dimension>",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = ast.parse(text.strip(), mode="eval").body
            _commas_stand(text.strip())
    except (SyntaxError, Warning) as error:
        detail = error.msg if isinstance(error, SyntaxError) else str(error)
        strange = _LETTER.search(detail)
        hint = lookalike(chr(int(strange[1], 16))) if strange else ""
        raise BadExpression(f"{text.strip()!r} cannot be read: {detail}", hint or _SHAPE) from None
    except (ValueError, MemoryError, RecursionError, tokenize.TokenError):
        raise BadExpression("the expression cannot be read", _SHAPE) from None
    return found


def _commas_stand(text: str) -> None:
    """Refuse two texts side by side, which Python would join into one."""
    ignored = {tokenize.NL, tokenize.COMMENT}
    tokens = [t for t in tokenize.generate_tokens(StringIO(text).readline) if t.type not in ignored]
    for one, other in pairwise(tokens):
        if one.type == other.type == tokenize.STRING:
            what = f"between {one.string} and {other.string} a comma is missing"
            raise BadExpression(what, f"write {one.string}, {other.string}")


_LETTER = re.compile(r"U\+([0-9A-F]{4,6})")  # how Python names one that it does not take
_SHAPE = "an expression looks like: orders(days=180) >= key_orders and complaints(days=90) == 0"


class _Reader:
    """Turns Python's syntax tree into ours, within the limits of size and depth."""

    def __init__(self) -> None:
        self._nodes = 0

    def condition(self, node: ast.expr, *, negated: bool, depth: int) -> Condition:
        self._count(depth)
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.condition(v, negated=negated, depth=depth + 1) for v in values]
                return _join(parts, conjunction=isinstance(op, ast.And) is not negated)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.condition(operand, negated=not negated, depth=depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = [left, *rights]
                parts = [
                    self._comparison(sides[i], op, sides[i + 1], negated=negated, depth=depth)
                    for i, op in enumerate(ops)
                ]
                return _join(parts, conjunction=not negated)
            case ast.Call() | ast.Attribute() | ast.Name(id="local" | "domestic"):
                fact = self.value(node, depth + 1)
                return Compare(fact, "!=" if negated else "==", Constant(value=True))
        raise BadExpression(
            f"{ast.unparse(node)!r} is neither true nor false",
            "compare it with something, such as: orders(days=90) >= some_parameter",
        )

    def value(self, node: ast.expr, depth: int) -> Value:
        self._count(depth)
        match node:
            case ast.Constant(value=bool()):
                raise BadExpression(
                    "True and False cannot be compared with", "write the condition itself, or not"
                )
            case ast.Constant(value=int() | float() | str() as value):
                return Constant(value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return Constant(-value)
            case ast.Name(id=name):
                return Fact(name) if name in BARE else Parameter(name)
            case ast.Attribute():
                return Fact(_dotted(node))
            case ast.Call(func=ast.Name(id="lookup")):
                return self._lookup(node, depth)
            case ast.Call(func=ast.Name() | ast.Attribute() as function):
                positional = [(str(i), _argument_of(arg)) for i, arg in enumerate(node.args)]
                named = [(_keyword(word), _argument_of(word.value)) for word in node.keywords]
                return Fact(_dotted(function), (*positional, *named))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                sides = self.value(left, depth + 1), self.value(right, depth + 1)
                return Arithmetic(_ARITHMETIC[type(op)], *sides)
        raise BadExpression(f"{ast.unparse(node)!r} is not part of the rule language", _SHAPE)

    def _lookup(self, node: ast.Call, depth: int) -> Lookup:
        match node:
            case ast.Call(args=[ast.Constant(value=str() as table), key], keywords=[]):
                return Lookup(table, self.value(key, depth + 1))
        raise BadExpression(
            f"{ast.unparse(node)!r} is no look-up", "write lookup('a_table', profile.city)"
        )

    def _comparison(
        self, left: ast.expr, op: ast.cmpop, right: ast.expr, *, negated: bool, depth: int
    ) -> Compare:
        if type(op) not in _COMPARISONS:
            raise BadExpression("'is' is not part of the rule language", "write == or !=")
        operator = _COMPARISONS[type(op)]
        if negated:
            operator = INVERSE[operator]
        one = self.value(left, depth + 1)
        if operator in {"in", "not in"}:
            return Compare(one, operator, _texts(right))
        other = self.value(right, depth + 1)
        if isinstance(one, Constant | Parameter) and not isinstance(other, Constant | Parameter):
            return Compare(other, _MIRRORED.get(operator, operator), one)
        return Compare(one, operator, other)

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if depth > DEPTH_MAX or self._nodes > NODES_MAX:
            raise BadExpression(
                f"the expression is too large ({NODES_MAX} parts, {DEPTH_MAX} deep are allowed)",
                "split it: a dimension can be named by others as segment.<dimension>",
            )


def _join(parts: list[Condition], *, conjunction: bool) -> Condition:
    if len(parts) == 1:
        return parts[0]
    kind = And if conjunction else Or
    flat: list[Condition] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return kind(tuple(flat))


def _texts(node: ast.expr) -> Constant:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
        texts = tuple(value for value in values if isinstance(value, str))
        if texts and len(texts) == len(node.elts):
            return Constant(texts)
    raise BadExpression(
        f"{ast.unparse(node)!r} is not a list of texts", "write it as: in ('one', 'another')"
    )


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    raise BadExpression(f"{ast.unparse(node)!r} is not a name", _SHAPE)


def _keyword(word: ast.keyword) -> str:
    if word.arg is None:
        raise BadExpression("'**' is not part of the rule language", _SHAPE)
    return word.arg


def _argument_of(node: ast.expr) -> Argument:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Attribute():
            return _dotted(node)
        case ast.Name(id=name) if name in BARE:
            return name
        case ast.List(elts=[_, *_]):
            values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
            texts = tuple(value for value in values if isinstance(value, str))
            if len(texts) == len(node.elts):
                return texts
    raise BadExpression(
        f"{ast.unparse(node)!r} cannot be an argument",
        "arguments are numbers, texts or lists of texts, such as days=90 or type='delivery'",
    )

"""Why: what was compared with what, and what is missing for the next tier.

This walks the trees that the compiler writes out (see `view`), so it can name every value and
bound. It is slower than the compiled functions by an order of magnitude, and runs only when an
output is made or somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from models.calendar import Calendar, rfc3339
from models.customer import CustomerState
from rules.book import Book, DimensionRules
from rules.facts import lookup
from rules.tree import And, Compare, Condition, Constant, Fact, Or, Value, render
from rules.view import Truth, View, compared
from rules.vocabulary import Unit

_DIGITS = 6  # of shares, means and other computed values


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule and the comparisons that decided it, in the form of an output's `evidence`."""

    rule: str
    holds: Truth
    evidence: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ExplainedDimension:
    """A dimension, its category (None: unknown), and what decided it."""

    name: str
    category: str | None
    evidence: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ExplainedTier:
    """A tier: whether its `qualify` is true, whether it is held, and why."""

    name: str
    qualifies: bool
    held: bool
    qualify: Explained
    keep: Explained


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that a rulebook says of a customer at an instant.

    `changes_by_itself_at` is when to look again if nothing happens (RFC 3339); None: never.
    """

    at: str
    today: str
    band: str | None
    dimensions: tuple[ExplainedDimension, ...]
    tiers: tuple[ExplainedTier, ...]
    changes_by_itself_at: str | None


def explain(book: Book, state: CustomerState, now: int, band: int | None) -> Explanation:
    """Explain all conclusions about a customer; the arguments are those of `Book.conclude`."""
    view = View(book, state, now, band)
    due = book.conclude(state, now, band)[3]
    return Explanation(
        at=rfc3339(now),
        today=_date(view.today),
        band=view.band,
        dimensions=tuple(
            ExplainedDimension(
                rules.name,
                view.category(rules.name),
                tuple(_dimension_evidence(view, rules)),
            )
            for rules in book.rules.dimensions
        ),
        tiers=tuple(_tier(view, index) for index in range(len(book.tiers))),
        changes_by_itself_at=None if due is None else rfc3339(due),
    )


def evidence(view: View, rule: str) -> list[dict[str, Any]]:
    """Return the comparisons of one rule, each with its value, bound and window.

    `rule` is `tiers.<tier>.qualify`, `tiers.<tier>.keep` or `dimensions.<dimension>`. A tier
    without `keep` is kept by its `qualify`; the lowest tier has no evidence.

    Raises:
        KeyError: the rulebook has no such rule.
    """
    book = view.book
    kind, _, rest = rule.partition(".")
    if kind == "dimensions":
        found = next((d for d in book.rules.dimensions if d.name == rest), None)
        if found is not None:
            return list(_dimension_evidence(view, found))
    name, _, part = rest.partition(".")
    for tier in book.rules.tiers:
        if kind == "tiers" and tier.name == name and part in {"qualify", "keep"}:
            condition = tier.qualify if part == "qualify" else tier.keep
            return [] if condition is None else list(_evidence(view, rule, condition))
    message = f"the rulebook {book.name!r} has no rule {rule!r}"
    raise KeyError(message)


def missing_for_next(view: View, tier_index: int) -> dict[str, Any] | None:
    """Return what the next higher tier still needs, None for the highest.

    A need is a fact with its arguments and what is `missing`, or the `excess` above an upper bound;
    where that is no difference of numbers, what she has and what it takes. Of an `or`, the branch
    with the fewest needs is given.
    """
    tiers = view.book.rules.tiers
    if tier_index + 1 >= len(tiers):
        return None
    tier = tiers[tier_index + 1]
    needs = [] if tier.qualify is None else _needs(view, tier.qualify)
    return {"tier": tier.name, "needs": needs}


def _tier(view: View, index: int) -> ExplainedTier:
    rules = view.book.rules.tiers[index]
    qualify = _explained(view, f"tiers.{rules.name}.qualify", rules.qualify)
    keep = _explained(view, f"tiers.{rules.name}.keep", rules.keep)
    held = keep.holds is not False or qualify.holds is True
    return ExplainedTier(rules.name, qualify.holds is True, held, qualify, keep)


def _explained(view: View, rule: str, condition: Condition | None) -> Explained:
    if condition is None:
        return Explained(rule, holds=True, evidence=())
    return Explained(rule, view.holds(condition), tuple(_evidence(view, rule, condition)))


def _evidence(view: View, rule: str, node: Condition) -> Iterator[dict[str, Any]]:
    if isinstance(node, Compare):
        yield _compared(view, rule, node)
    else:
        for part in node.parts:
            yield from _evidence(view, rule, part)


def _dimension_evidence(view: View, rules: DimensionRules) -> Iterator[dict[str, Any]]:
    """Yield what decided a dimension, up to the level or case that won."""
    rule = f"dimensions.{rules.name}"
    if rules.declared is not None:
        said = view.value(rules.declared)
        if said is not None:
            yield {
                "rule": rule,
                "holds": said in rules.categories,
                "fact": rules.declared.name,
                "args": {},
                "value": said,
                "op": "in",
                "bound": list(rules.categories),
            }
        if said in rules.categories:
            return
    if rules.only_if is not None:
        yield from _evidence(view, rule, rules.only_if)
        if view.holds(rules.only_if) is not True:
            return
    for condition in _decisive(view, rules):
        yield from _evidence(view, rule, condition)
        if view.holds(condition) is not False:
            return


def _decisive(view: View, rules: DimensionRules) -> Iterator[Condition]:
    index = view.book.rules.dimensions.index(rules)
    for place, level in enumerate(rules.levels):
        bound = view.bound(index, place, level)
        if bound is not None and rules.measure is not None:
            yield Compare(rules.measure, ">=", bound)
    for case in rules.cases:
        if case is not None:
            yield case


def _compared(view: View, rule: str, node: Compare) -> dict[str, Any]:
    left, right = node.left, node.right
    value, bound = view.value(left), view.value(right)
    found: dict[str, Any] = {"rule": rule, "holds": compared(node.op, value, bound)}
    money = _is_money(left)
    args = dict(left.args) if isinstance(left, Fact) else {}
    if isinstance(left, Fact):
        found |= {"fact": left.name, "args": args}
    else:
        found["expression"] = render(left)
    found["value_minor" if money else "value"] = _rounded(value)
    found["op"] = node.op
    found["bound_minor" if money else "bound"] = _rounded(bound)
    if money:
        found["currency"] = view.book.currency
    if isinstance(right, Constant) and right.parameter is not None:
        found["parameter"] = right.parameter
    days = args.get("days")
    if isinstance(days, int):
        found["first_day"] = _date(view.today - days + 1)
        found["last_day"] = _date(view.today)
    return found


def _needs(view: View, node: Condition) -> list[dict[str, Any]]:
    """Return what has to become true for a condition to hold."""
    if view.holds(node) is True:
        return []
    match node:
        case Compare():
            return [_need(view, node)]
        case And(parts):
            return [need for part in parts for need in _needs(view, part)]
        case Or(parts):
            return min((_needs(view, part) for part in parts), key=len)


def _need(view: View, node: Compare) -> dict[str, Any]:
    value, bound = view.value(node.left), view.value(node.right)
    if isinstance(node.left, Fact):
        need: dict[str, Any] = {"fact": node.left.name, **dict(node.left.args)}
    else:
        need = {"expression": render(node.left)}
    side = _side(node.op, value, bound)
    if side is None:
        return need | {"have": _rounded(value), "op": node.op, "need": _rounded(bound)}
    distance = abs(bound - value)
    if node.op in {"<", ">"} and isinstance(distance, int):
        distance += 1
    if _is_money(node.left):
        return need | {f"{side}_minor": _rounded(distance), "currency": view.book.currency}
    return need | {side: _rounded(distance)}


def _side(op: str, value: object, bound: object) -> Literal["missing", "excess"] | None:
    """Tell whether a failed comparison of numbers lacks or exceeds; None: it is not about that."""
    if not _is_number(value) or not _is_number(bound) or op == "!=":
        return None
    if op == "==":
        op = ">=" if value < bound else "<="  # type: ignore[operator]  # both are numbers
    return "missing" if op in {">", ">="} else "excess"


@lru_cache(maxsize=4_096)
def _date(day: int) -> str:
    return Calendar.date(day).isoformat()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_money(node: Value) -> bool:
    if not isinstance(node, Fact):
        return False
    spec = lookup(node.name)
    return spec is not None and spec.unit is Unit.MONEY


def _rounded(value: Any) -> Any:  # noqa: ANN401  # what JSON can hold
    if isinstance(value, tuple):
        return list(value)
    return round(value, _DIGITS) if isinstance(value, float) else value

"""What is missing: for the next tier, and to stay in this one."""

from __future__ import annotations

from typing import Any, Literal, TypeGuard

from rules.explanation.evidence import arguments, is_money, named, rounded
from rules.explanation.through import through
from rules.explanation.view import View
from rules.language.tree import And, Compare, Condition, Fact, Or, Points, render


def missing_for_next(view: View, tier_index: int) -> dict[str, Any] | None:
    """Return what the next higher tier still needs, None for the highest.

    A need is a fact with its arguments and what is `missing`, or the `excess` above an upper bound;
    where that is no difference of numbers, what she has and what it takes. Money is in minor units.
    Of an `or`, the branch with the fewest needs is given.
    """
    tiers = view.book.rules.tiers
    if tier_index + 1 >= len(tiers):
        return None
    tier = tiers[tier_index + 1]
    written = view.book.missing.get(f"tiers.{tier.name}.qualify")
    if written is not None:
        needs = written(view.state, view.now, view.band_index, view.given)
    else:
        needs = [] if tier.qualify is None else needed(view, tier.qualify)
    return {"tier": tier.name, "needs": needs}


def needed(view: View, condition: Condition) -> list[dict[str, Any]]:
    """Return what a condition needs to hold; `rules.compiler.explaining` writes this out."""
    return [_need(view, node) for node in _failing(view, condition)]


def missing(view: View, tier_index: int) -> list[dict[str, Any]]:
    """Return the failing comparisons of a tier's `keep` or, where that holds, of its `qualify`.

    Each with the fact, its arguments, what she has and what it takes, and the difference where it
    is one of numbers; of an `or`, the branch with the fewest. Money is in minor units.
    """
    tier = view.book.rules.tiers[tier_index]
    for condition in (tier.keep, tier.qualify):
        if condition is not None and view.holds(condition) is not True:
            return [_lack(view, node) for node in _failing(view, condition)]
    return []


def _failing(view: View, node: Condition) -> list[Compare]:
    """Return the comparisons that keep a condition from holding; nothing where it holds.

    A category is seen through: what is missing is what it takes to be in it.
    """
    match node:
        case Compare():
            if view.holds(node) is True:
                return []
            inner = through(view, node)
            return ([] if inner is None else _failing(view, inner)) or [node]
        case And(parts):
            found = (failing for part in parts for failing in _failing(view, part))
            return list(dict.fromkeys(found))
        case Or(parts):
            return min((_failing(view, part) for part in parts), key=len)
    return []  # a moment is nothing that could still be done


def _need(view: View, node: Compare) -> dict[str, Any]:
    left, value, bound = node.left, view.value(node.left), view.value(node.right)
    if isinstance(left, Fact):
        need: dict[str, Any] = {"fact": left.name, **arguments(left)}
    else:
        need = {"expression": render(left)}
    apart = _apart(view, node, value, bound)
    sides = {"have": rounded(value), "op": node.op, "need": rounded(bound)}
    return need | _in_money(view, node, apart or sides) | _points(view, node)


def _lack(view: View, node: Compare) -> dict[str, Any]:
    value, bound = view.value(node.left), view.value(node.right)
    numbers = {"have": rounded(value), "op": node.op, "need": rounded(bound)}
    differing = _in_money(view, node, numbers | _apart(view, node, value, bound))
    return named(node.left) | differing | _points(view, node)


def _points(view: View, node: Compare) -> dict[str, Any]:
    """Return the points that a score still lacks, and what each of them takes.

    Nothing for other values, and where there are points too many.
    """
    if not isinstance(node.left, Points) or node.op not in {">", ">="}:
        return {}
    open_parts = [
        {"points": points, "needs": needed(view, condition)}
        for points, condition in node.left.parts
        if points > 0 and view.holds(condition) is not True
    ]
    return {"parts": open_parts} if open_parts else {}


def _in_money(view: View, node: Compare, numbers: dict[str, Any]) -> dict[str, Any]:
    """Return numbers with their unit in their names, where they are money."""
    if not is_money(node.left):
        return numbers
    renamed = {name if name == "op" else f"{name}_minor": n for name, n in numbers.items()}
    return renamed | {"currency": view.book.currency}


def _apart(view: View, node: Compare, value: object, bound: object) -> dict[str, Any]:
    """Return how far a number is from passing; nothing where it is not about that.

    A strict bound takes one more of a whole number, and who owes something has that to make up for.
    """
    if not _is_number(value) or not _is_number(bound):
        return {}
    side = _side(node.op, value, bound)
    if side is None:
        return {}
    distance = abs(bound - value)
    if side == "missing" and not value:  # 0 may hide that something is owed
        distance += view.owed(node.left)
    return {side: rounded(beyond(distance) if node.op in {"<", ">"} else distance)}


def beyond(distance: float) -> float:
    """Return how far it is past a bound that is that far away: one more of a whole number."""
    return distance + 1 if isinstance(distance, int) else distance


def _side(op: str, value: float, bound: float) -> Literal["missing", "excess"] | None:
    """Tell whether a failed comparison of numbers lacks or exceeds; None: neither helps."""
    if op == "!=":
        return None
    if op == "==":
        op = ">=" if value < bound else "<="
    return "missing" if op in {">", ">="} else "excess"


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)

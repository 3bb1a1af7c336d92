"""Through results to facts: what has to be true for a customer to be in a category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.explanation.view import View
from rules.language.checked import DimensionRules
from rules.language.tree import (
    And,
    Compare,
    Condition,
    Constant,
    Fact,
    Or,
    dimension_of,
    inverse,
)


def through(view: View, node: Compare) -> Condition | None:
    """Return what a comparison of a dimension with categories comes down to, in its own terms.

    None where it is no such comparison, or asks for something that no fact decides: a category
    that was declared, an RFM segment, or not to be in a category.
    """
    if not isinstance(node.left, Fact) or not isinstance(node.right, Constant):
        return None
    dimension = dimension_of(node.left)
    if dimension is None:
        return None
    rules = next((each for each in view.book.rules.dimensions if each.name == dimension), None)
    if rules is None or node.op not in {"==", "in", "has"} or _is_declared(view, rules):
        return None
    texts = node.right.value if isinstance(node.right.value, tuple) else (str(node.right.value),)
    if rules.value_of is not None:
        found: list[Condition] = [Compare(rules.value_of, node.op, node.right)]
    else:
        found = [way for text in texts for way in _ways(view, rules, text)]
    if not found:
        return None
    reached = found[0] if len(found) == 1 else Or(tuple(found))
    return reached if rules.only_if is None else And((rules.only_if, reached))


def _is_declared(view: View, rules: DimensionRules) -> bool:
    said = None if rules.declared is None else view.value(rules.declared)
    return said is not None and (rules.kind == "open" or said in rules.categories)


def _ways(view: View, rules: DimensionRules, category: str) -> Iterator[Condition]:
    """Yield the condition of a category, if it has one."""
    if category not in rules.categories:
        return
    place = rules.categories.index(category)
    if rules.member is not None:
        yield rules.member if place else inverse(rules.member)
    elif rules.measure is not None:
        yield _level(view, rules, place)
    elif rules.cases:
        above: Sequence[Condition | None] = rules.cases[:place]
        case = rules.cases[place]
        if rules.kind == "many" and case is not None:
            above = ()
        left = [inverse(each) for each in above if each is not None]
        yield And((*left, *([] if case is None else [case])))


def _level(view: View, rules: DimensionRules, place: int) -> Condition:
    """Return what a level asks of the measure: its own bound, and to be below the level above."""
    assert rules.measure is not None
    index, parts = view.book.rules.dimensions.index(rules), list[Condition]()
    own = view.bound(index, place, rules.levels[place])
    if own is not None:
        parts.append(Compare(rules.measure, ">=", own))
    above = view.bound(index, place - 1, rules.levels[place - 1]) if place else None
    if above is not None:
        parts.append(Compare(rules.measure, "<", above))
    return And(tuple(parts))

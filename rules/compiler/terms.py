"""Generated code of what is no fact of the log: results, moments, tables, scores, what is given.

A category is an index in the generated functions, many categories are a bit mask, and an open one
is its text; so are the constants that they are compared with.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rules.facts.given import GIVEN
from rules.facts.moments import EVENTS, happened
from rules.language.tree import (
    Constant,
    Crossing,
    Fact,
    Happened,
    Lookup,
    Points,
    Value,
    dimension_of,
)

if TYPE_CHECKING:
    from rules.compiler.program import Program
    from rules.language.checked import Rules


class Term(NamedTuple):
    """Generated code of a value or condition. One that can be unknown is always a plain name."""

    code: str
    unknown: bool


RESULTS = frozenset({"churn.band", "tier", "tier.matched"})
"""What is concluded beside the dimensions, by the names that rules have for it."""


def result(program: Program, fact: Fact) -> Term | None:
    """Write a result of the rulebook; None: the fact is none."""
    match fact.name:
        case "churn.band":
            return Term("band", unknown=True)
        case "tier":
            return Term("tier", unknown=True)
        case "tier.matched":
            return Term("matched", unknown=False)
    dimension = dimension_of(fact)
    if dimension is None:
        return None
    return Term(local(dimension), unknown=dimension in program.unknown_dimensions)


def given(program: Program, fact: Fact) -> Term | None:
    """Write a fact that takes what the era gives; None: the fact is none of these."""
    spec = GIVEN.get(fact.name)
    if spec is None:
        return None
    arguments = "".join(f", {name}={value!r}" for name, value in fact.args)
    horizon = program.rules.horizon_days
    call = f"{program.bind(spec.read)}(facts, zone, today, given, {horizon!r}{arguments})"
    return Term(program.let(fact.name, call), unknown=True)


def right_side(program: Program, left: Value, right: Value) -> Term:
    """Write a comparison's right side: a category's index where the left is a result."""
    names = None if not isinstance(left, Fact) else names_of(program.rules, left)
    if not names or not isinstance(right, Constant):
        return program.value(right)
    if isinstance(right.value, tuple):
        return Term(repr(tuple(names.index(name) for name in right.value)), unknown=False)
    return Term(repr(names.index(str(right.value))), unknown=False)


def names_of(rules: Rules, fact: Fact) -> tuple[str, ...]:
    """Return the names of a result's categories, in the order of their indices; () if open."""
    if fact.name == "churn.band":
        return rules.bands
    if fact.name in {"tier", "tier.matched"}:
        return tuple(tier.name for tier in rules.tiers)
    dimension = dimension_of(fact)
    return next((d.categories for d in rules.dimensions if d.name == dimension), ())


def crossing(program: Program, node: Crossing) -> Term:
    """Write whether a category was entered or left since the evaluation before."""
    now = program.value(node.fact).code
    was = _before(program, node.fact)
    names = names_of(program.rules, node.fact)
    wanted = repr(names.index(node.category) if names else node.category)
    if node.many:
        is_in = f"{now} is not None and {now} >> {wanted} & 1 == 1"
        was_in = f"{was} is not None and {was} >> {wanted} & 1 == 1"
        is_out = f"{now} is not None and {now} >> {wanted} & 1 == 0"
    else:
        is_in, was_in = f"{now} == {wanted}", f"{was} == {wanted}"
        is_out = f"{now} is not None and {now} != {wanted}"
    code = f"{was_in} and {is_out}" if node.leaves else f"{is_in} and not ({was_in})"
    return Term(f"({code})", unknown=False)


def moment(program: Program, node: Happened) -> Term:
    """Write whether the event that is evaluated is one of a kind."""
    kind = program.let("kind", "type(event)")
    test = f"{kind} is {program.bind(EVENTS[node.kind])}"
    wanted = "".join(f", {name}={value!r}" for name, value in node.args)
    call = f"{program.bind(happened)}(event, {node.kind!r}{wanted})"
    return Term(f"({test} and {call})", unknown=False)


def lookup(program: Program, node: Lookup) -> Term:
    """Write what a table says; a result is looked up by its index."""
    key = program.value(node.key)
    names = names_of(program.rules, node.key) if isinstance(node.key, Fact) else ()
    entries: tuple[tuple[str | int, int | float | str], ...] = node.entries
    if names:
        known = dict(entries)
        entries = tuple((i, known[name]) for i, name in enumerate(names) if name in known)
    table = program.bind_value(f"table_{node.table}", _mapping(entries))
    return Term(program.let(f"in_{table}", f"{table}.get({key.code})"), unknown=True)


@lru_cache(maxsize=1_024)
def _mapping(
    entries: tuple[tuple[str | int, int | float | str], ...],
) -> dict[str | int, int | float | str]:
    """Return a table's mapping, the same one for equal entries."""
    return dict(entries)


class Range(NamedTuple):
    """Plain names of the least and the most that a score can be; the same where it is known."""

    low: str
    high: str


def points(program: Program, node: Points) -> Term:
    """Write a sum of points; unknown while points that are undecided would change it."""
    low, high = points_range(program, node)
    if low == high:
        return Term(low, unknown=False)
    whole = f"{low} if {low} == {high} else None"
    return Term(program.let(f"score_{node.name}", whole), unknown=True)


def points_range(program: Program, node: Points) -> Range:
    """Write between what a sum of points lies, whatever its undecided conditions turn out to be."""
    low, high, undecided = [], [], []
    for number, condition in node.parts:
        term = program.condition(condition)
        certain = f"({number!r} if {term.code} else 0)"
        possible = f"(0 if {term.code} is False else {number!r})" if term.unknown else certain
        least, most = (certain, possible) if number >= 0 else (possible, certain)
        low.append(least)
        high.append(most)
        if term.unknown:
            undecided.append(f"{term.code} is None")
    hint = f"score_{node.name}"
    least = program.let(f"{hint}_low", " + ".join(low))
    if not undecided:
        return Range(least, least)
    most = f"{' + '.join(high)} if {' or '.join(undecided)} else {least}"
    return Range(least, program.let(f"{hint}_high", most))


def ranged(program: Program, span: Range, op: str, bound: Term) -> Term:
    """Write a comparison of a score that lies in a range: decided where all of the range agrees."""
    low, high = span
    code = f"{low} {op} {bound.code} if ({low} {op} {bound.code}) == ({high} {op} {bound.code})"
    if op in {"==", "!="}:
        is_inside = f"{low} <= {bound.code} <= {high}"
        code = f"{low} {op} {bound.code} if {low} == {high} or not {is_inside}"
    missing = f"None if {bound.code} is None else " if bound.unknown else ""
    return Term(program.let("holds", f"{missing}{code} else None"), unknown=True)


def local(dimension: str) -> str:
    """Return the local that holds a dimension's category. A dot becomes what no name contains."""
    return f"segment_{dimension.replace('.', '_IS_')}"


def _before(program: Program, fact: Fact) -> str:
    """Write what a result was in the evaluation before."""
    match fact.name:
        case "churn.band":
            return program.let("band_before", "state.concluded.band")
        case "tier":
            return program.let("tier_before", "state.concluded.tier")
    known = program.let("known", "state.concluded.categories")
    names = [dimension.name for dimension in program.rules.dimensions]
    index = names.index(dimension_of(fact) or "")
    return program.let(
        f"{fact.name}_before", f"{known}[{index}] if len({known}) > {index} else None"
    )

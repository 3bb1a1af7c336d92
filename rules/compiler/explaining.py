"""The text of functions that explain: what `rules.explanation` does for outputs, written out.

Every output about a tier tells what decided it and what the next tier takes, and to walk the trees
for that cost more than all else about a rulebook of scores. Written is what compares numbers only.
What asks for a category, for a moment, or has an `or` is walked: there what is missing depends on
more than which comparisons hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from rules.compiler.program import WINDOWS, Program
from rules.explanation.evidence import arguments, edges, is_money, named, rounded
from rules.explanation.needs import beyond
from rules.facts import lookup
from rules.facts.given import GIVEN
from rules.facts.vocabulary import Unit
from rules.language.checked import Rules
from rules.language.tree import (
    And,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Fact,
    Points,
    Value,
    comparisons_of,
    render,
)


class Explaining(NamedTuple):
    """A function of `(state, now, band, given)` that returns the `missing` or `evidence` of a rule.

    `name`: its own, in `text`.
    """

    of: Literal["missing", "evidence"]
    rule: str
    name: str
    text: str


def write(rules: Rules, names: dict[str, Any], currency: str) -> Iterator[Explaining]:
    """Yield the functions that explain the tiers, where they can be written."""
    for place, tier in enumerate(rules.tiers):
        for part, condition in (("qualify", tier.qualify), ("keep", tier.keep)):
            if condition is None or not _is_of_numbers(condition):
                continue
            rule, end = f"tiers.{tier.name}.{part}", f"{part}_{place}"
            program = _begun(f"evidence_{end}", rules, names)
            program.line(f"return {_evidence(program, rule, condition, currency)}")
            yield Explaining("evidence", rule, f"evidence_{end}", "\n".join(program.lines))
            if part == "qualify":
                program = _begun(f"missing_{end}", rules, names)
                program.line(f"return {_needs(program, condition, currency)}")
                yield Explaining("missing", rule, f"missing_{end}", "\n".join(program.lines))


def _begun(name: str, rules: Rules, names: dict[str, Any]) -> Program:
    return Program(f"def {name}(state, now, band, given):", rules, names)


def _is_of_numbers(node: Condition | Value) -> bool:
    match node:
        case And(parts):
            return all(_is_of_numbers(part) for part in parts)
        case Compare(left, _, right) | Arithmetic(_, left, right):
            return _is_of_numbers(left) and _is_of_numbers(right)
        case Points(_, scored):
            return all(_is_of_numbers(condition) for _, condition in scored)
        case Constant(value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Fact(name):
            spec = GIVEN.get(name) or lookup(name)
            return spec is not None and spec.unit not in {Unit.TEXT, Unit.TRUTH}
    return False


def _evidence(program: Program, rule: str, condition: Condition, currency: str) -> str:
    """Write a list of a condition's comparisons, each with its sides."""
    said = []
    for node in comparisons_of(condition):
        left, right = node.left, node.right
        value, bound = program.value(left), program.value(right)
        short, minor = program.bind(rounded), "_minor" if is_money(left) else ""
        unknown = [f"{term.code} is None" for term in (value, bound) if term.unknown]
        holds = f"{value.code} {node.op} {bound.code}"
        if unknown:
            holds = f"None if {' or '.join(unknown)} else {holds}"
        found = [f"'rule': {rule!r}, 'holds': {holds}", repr(named(left))[1:-1]]
        found.append(f"'value{minor}': {short}({value.code}), 'op': {node.op!r}")
        found.append(f"'bound{minor}': {short}({bound.code})")
        if minor:
            found.append(f"'currency': {currency!r}")
        if isinstance(right, Constant) and right.parameter is not None:
            found.append(f"'parameter': {right.parameter!r}")
        if (
            isinstance(left, Fact)
            and left.name not in GIVEN
            and dict(left.args).keys() & {*WINDOWS}
        ):
            found.append(f"**{program.bind(edges)}({program.window(left)}, today)")
        said.append(f"{{{', '.join(found)}}}")
    return f"[{', '.join(said)}]"


def _needs(program: Program, node: Condition, currency: str) -> str:
    """Write a list of what keeps a condition from holding, each comparison once."""
    lacking = dict.fromkeys(comparisons_of(node))
    return _unless(program, [(each, _need(program, each, currency)) for each in lacking])


def _unless(program: Program, said: Iterable[tuple[Condition, str]]) -> str:
    """Write a list of what is said of those conditions that do not hold."""
    found = []
    for condition, code in said:
        truth = program.condition(condition)
        holds = f"{truth.code} is True" if truth.unknown else truth.code
        found.append(f"*(() if {holds} else ({code},))")
    return f"[{', '.join(found)}]"


def _need(program: Program, node: Compare, currency: str) -> str:
    """Write a need: how far a comparison is from holding or, where that is no number, its sides."""
    left = node.left
    head: dict[str, Any] = {"expression": render(left)}
    if isinstance(left, Fact):
        head = {"fact": left.name, **arguments(left)}
    said = [repr(head)[1:-1], _numbers(program, node)]
    if is_money(left):
        said.append(f"'currency': {currency!r}")
    if isinstance(left, Points) and node.op in {">", ">="}:
        scored = [(condition, points) for points, condition in left.parts if points > 0]
        parts = _unless(
            program,
            [
                (
                    condition,
                    f"{{'points': {points!r}, 'needs': {_needs(program, condition, currency)}}}",
                )
                for condition, points in scored
            ],
        )
        found = program.let("parts", parts)
        said.append(f"**({{'parts': {found}}} if {found} else {{}})")
    return f"{{{', '.join(said)}}}"


def _numbers(program: Program, node: Compare) -> str:
    """Write what differs between the sides of a comparison, with the names that it has in money."""
    value, bound = program.value(node.left), program.value(node.right)
    short, minor = program.bind(rounded), "_minor" if is_money(node.left) else ""
    sides = [f"'have{minor}': {short}({value.code})", f"'op': {node.op!r}"]
    sides.append(f"'need{minor}': {short}({bound.code})")
    if node.op == "!=":
        return ", ".join(sides)
    lacks, exceeds = f"{bound.code} - {value.code}", f"{value.code} - {bound.code}"
    lacks += _owed(program, node.left, value.code)
    if node.op in {"<", ">"}:
        one_more = program.bind(beyond)
        lacks, exceeds = f"{one_more}({lacks})", f"{one_more}({exceeds})"
    lacks, exceeds = f"'missing{minor}': {short}({lacks})", f"'excess{minor}': {short}({exceeds})"
    apart = lacks if node.op in {">", ">="} else exceeds
    if node.op == "==":
        apart = f"**({{{lacks}}} if {value.code} < {bound.code} else {{{exceeds}}})"
    unknown = [f"{term.code} is None" for term in (value, bound) if term.unknown]
    if not unknown:
        return apart
    return f"**({{{', '.join(sides)}}} if {' or '.join(unknown)} else {{{apart}}})"


def _owed(program: Program, left: Value, value: str) -> str:
    """Write what is to be made up for first, where a value of 0 may hide that."""
    spec = lookup(left.name) if isinstance(left, Fact) else None
    if not isinstance(left, Fact) or spec is None or spec.balance is None:
        return ""
    given = "".join(f", {name}={value!r}" for name, value in left.args)
    owed = program.bind_value(left.name, spec)
    return f" + (0 if {value} else {owed}.owed(facts, zone, today{given}))"

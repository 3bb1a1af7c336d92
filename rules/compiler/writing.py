"""The text of a book's functions: what is concluded in which order, and what follows the tier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rules.compiler import due, terms
from rules.compiler.program import Program, spec_of
from rules.compiler.terms import Term, local, points_range
from rules.facts import rfm
from rules.facts.given import GIVEN
from rules.language.checked import DimensionRules, Rules, facts_in
from rules.language.tree import Condition, Fact, Points, dimension_of, facts_of

_KNOWN = "state.concluded.categories"


def write(rules: Rules, names: dict[str, Any]) -> str:
    """Return the text of `conclude`, `ladder` and, where there is something, `again`, `follow`."""
    conclude = _conclude("conclude", rules, names)
    texts = ["\n".join(conclude.lines), "\n".join(_ladder(rules, names).lines)]
    settled = _settled_by_the_profile(rules)
    if settled:
        again = _conclude("again", rules, names, settled, conclude.unknown_dimensions)
        texts.append("\n".join(again.lines))
    if rules.later or rules.policies or rules.actions:
        texts.append(_follow(rules, names, conclude.unknown_dimensions))
    return "\n\n".join(texts)


def _ladder(rules: Rules, names: dict[str, Any]) -> Program:
    """Write the function that concludes on the tiers alone, unless they build on dimensions."""
    rules = replace(rules, policies=(), actions=())
    conditions = [c for tier in rules.tiers for c in (tier.qualify, tier.keep) if c is not None]
    if not any(dimension_of(fact) for condition in conditions for fact in facts_of(condition)):
        rules = replace(rules, dimensions=(), order=(), later=())
    return _conclude("ladder", rules, names)


def _settled_by_the_profile(rules: Rules) -> set[int]:
    """Return the dimensions that only an event about the profile can change."""
    settled: set[int] = set()
    for index in rules.order:
        dimension = rules.dimensions[index]
        facts = facts_in(dimension)
        if dimension.declared is not None:
            facts.append(dimension.declared)
        if all(_is_of_the_profile(rules, fact, settled) for fact in facts):
            settled.add(index)
    return settled


def _is_of_the_profile(rules: Rules, fact: Fact, settled: set[int]) -> bool:
    name = dimension_of(fact)
    if name is not None:
        return any(rules.dimensions[index].name == name for index in settled)
    if fact.name in terms.RESULTS or fact.name in GIVEN:
        return False
    spec = spec_of(fact)
    return spec.reads == "profile" and spec.motion == "still"


def _conclude(
    name: str,
    rules: Rules,
    names: dict[str, Any],
    settled: Collection[int] = (),
    unknown: Collection[str] = (),
) -> Program:
    """Write the function that concludes; see `Book`. `settled` dimensions are as they were.

    `unknown`: those of them that need not be known.
    """
    program = Program(f"def {name}(state, now, band, given):", rules, names)
    program.unknown_dimensions.update(unknown)
    for index in rules.order:
        dimension = rules.dimensions[index]
        if index in settled:
            known = program.let("known", _KNOWN)
            program.line(f"{local(dimension.name)} = {known}[{index}]")
        else:
            _dimension(program, index, dimension)
    qualified, held = ["1"], ["1"]
    for rank, tier in enumerate(rules.tiers):
        if tier.qualify is None or tier.keep is None:
            continue
        qualify, keep = program.condition(tier.qualify), program.condition(tier.keep)
        kept = f"{keep.code} is not False" if keep.unknown else keep.code
        both = kept if tier.keep == tier.qualify else f"{kept} or {qualify.code}"
        qualified.append(f"({1 << rank} if {qualify.code} else 0)")
        held.append(f"({1 << rank} if {both} else 0)")
    categories = ", ".join(
        "None" if index in rules.later else local(dimension.name)
        for index, dimension in enumerate(rules.dimensions)
    )
    next_change = due.write(program)
    program.line(
        f"return {' | '.join(qualified)}, {' | '.join(held)}, [{categories}], {next_change}"
    )
    return program


def _follow(rules: Rules, names: dict[str, Any], unknown: set[str]) -> str:
    """Write the function that follows the tier; see `Book`."""
    head = "def follow(state, now, band, given, tier, matched, categories, event):"
    program = Program(head, rules, names)
    program.unknown_dimensions |= unknown
    for index in _read_by_followers(rules):
        program.line(f"{local(rules.dimensions[index].name)} = categories[{index}]")
    for index in rules.later:
        dimension = rules.dimensions[index]
        _dimension(program, index, dimension)
        program.line(f"categories[{index}] = {local(dimension.name)}")
    actions = rules.actions
    masks = (
        _mask(program, [policy.condition for policy in rules.policies]),
        _mask(program, [action.when for action in actions]),
        _mask(program, [action.standing for action in actions]),
        _mask(program, [action.condition for action in actions]),
    )
    program.line(f"return {', '.join(masks)}")
    return "\n".join(program.lines)


def _read_by_followers(rules: Rules) -> list[int]:
    """Return the dimensions that are concluded by then, and that what follows reads."""
    trees: list[Condition] = [policy.condition for policy in rules.policies]
    for action in rules.actions:
        trees += [action.when, action.condition]
    facts = [fact for tree in trees for fact in facts_of(tree)]
    for index in rules.later:
        facts += facts_in(rules.dimensions[index])
    wanted = {dimension_of(fact) for fact in facts}
    return [index for index in rules.order if rules.dimensions[index].name in wanted]


def _mask(program: Program, conditions: Sequence[Condition]) -> str:
    """Write a bit mask of the conditions that are true."""
    bits = []
    for index, condition in enumerate(conditions):
        code = program.condition(condition).code
        bits.append(str(1 << index) if code == "True" else f"({1 << index} if {code} else 0)")
    return " | ".join(bits) or "0"


def _dimension(program: Program, index: int, dimension: DimensionRules) -> None:
    """Write what finds a dimension's category, as one chain of cases."""
    chain: list[tuple[str, str]] = []  # (test, result)
    unknown = False
    if dimension.declared is not None:
        declared = _declared(program, dimension)
        chain.append((f"{declared} is not None", declared))
    if dimension.only_if is not None:
        chain.append((f"not {program.condition(dimension.only_if).code}", "None"))
        unknown = True
    found = _ways(program, index, dimension)
    chain += found.chain
    if unknown or found.unknown:
        program.unknown_dimensions.add(dimension.name)
    *cases, (_, last) = chain
    for place, (test, result) in enumerate(cases):
        program.line(f"{'if' if place == 0 else 'elif'} {test}:")
        program.line(f"    {local(dimension.name)} = {result}")
    if cases:
        program.line("else:")
    program.line(f"{'    ' if cases else ''}{local(dimension.name)} = {last}")


class _Chain(NamedTuple):
    """Tests with what follows from each, the last for all others; whether unknown can follow."""

    chain: list[tuple[str, str]]
    unknown: bool


def _ways(program: Program, index: int, dimension: DimensionRules) -> _Chain:
    """Write the one way in which a dimension finds its category."""
    if isinstance(dimension.measure, Points):
        low, high = points_range(program, dimension.measure)
        most = None if low == high else high
        levels = _levels(program, index, dimension, low, most)
        return _Chain(levels, unknown=most is not None)
    if dimension.measure is not None:
        measure = program.value(dimension.measure)
        missing = [(f"{measure.code} is None", "None")] if measure.unknown else []
        return _Chain(
            [*missing, *_levels(program, index, dimension, measure.code)], measure.unknown
        )
    if dimension.value_of is not None:
        value = program.value(dimension.value_of)
        return _Chain([("True", value.code)], value.unknown)
    if dimension.member is not None:
        condition = program.condition(dimension.member)
        return _Chain([("True", f"1 if {condition.code} else 0")], unknown=False)
    if dimension.rfm is not None:
        scores = ", ".join(program.value(fact).code for fact in dimension.rfm)
        return _Chain([("True", f"{program.bind(rfm.segment)}({scores})")], unknown=True)
    if dimension.kind == "many":
        return _all_matches(program, dimension)
    return _first_match(program, dimension)


def _first_match(program: Program, dimension: DimensionRules) -> _Chain:
    chain, unknown = [], False
    for place, case in enumerate(dimension.cases):
        term = Term("True", unknown=False) if case is None else program.condition(case)
        chain.append((term.code, str(place)))
        if term.unknown and not dimension.lenient:
            chain.append((f"{term.code} is None", "None"))
            unknown = True
    return _Chain(chain, unknown)


def _all_matches(program: Program, dimension: DimensionRules) -> _Chain:
    """Write all that hold. With none, unknown if one may hold, else `otherwise`, else none."""
    terms = [program.condition(case) for case in dimension.cases if case is not None]
    bits = " | ".join(f"({1 << i} if {term.code} else 0)" for i, term in enumerate(terms)) or "0"
    mask = program.let(f"all_{dimension.name}", bits)
    chain = [(mask, mask)]
    unknown = [term.code for term in terms if term.unknown]
    if unknown:
        chain.append((" or ".join(f"{code} is None" for code in unknown), "None"))
    rest = 1 << len(terms) if len(terms) < len(dimension.cases) else 0
    return _Chain([*chain, ("True", str(rest))], bool(unknown))


def _declared(program: Program, dimension: DimensionRules) -> str:
    """Write the category that the profile declares, None where it names none."""
    assert dimension.declared is not None
    said = program.value(dimension.declared).code
    if dimension.kind == "open":
        return said
    values = {
        name: 1 << i if dimension.kind == "many" else i
        for i, name in enumerate(dimension.categories)
    }
    return program.let(f"declared_{dimension.name}", f"{values!r}.get({said})")


def _levels(
    program: Program, index: int, dimension: DimensionRules, measure: str, most: str | None = None
) -> list[tuple[str, str]]:
    """Return a test per level. A level's `keep` counts for whoever is in it or above it.

    `most`: what the measure can be at most, where it is not known for certain.
    """
    chain = []
    for place, level in enumerate(dimension.levels):
        if level.enter is None:
            chain.append(("True", str(place)))
            continue
        bound = repr(level.enter.value)
        if level.keep is not None:
            known = program.let("known", _KNOWN)
            current = program.let(
                f"current_{dimension.name}", f"{known}[{index}] if len({known}) > {index} else None"
            )
            lower = f"{current} is not None and {current} <= {place}"
            bound = f"({level.keep.value!r} if {lower} else {bound})"
        chain.append((f"{measure} >= {bound}", str(place)))
        if most is not None:
            chain.append((f"{most} >= {bound}", "None"))
    return chain

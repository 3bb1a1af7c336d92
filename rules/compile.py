"""From a rulebook's text to a `Book`: all its rules together become one generated function.

It concludes, and says when to look again; `program` has how its text is written. The function is
made once per activation and runs for every event. A second one, of the tiers alone, looks ahead.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

from models.buckets import total
from models.calendar import DAY_S, calendar
from rules import due
from rules.book import Band, Book, Category, ChurnRules, Dimension, DimensionRules, Rules, Tier
from rules.cases import EMPTY, folded
from rules.check import check
from rules.program import Program, Term, local
from rules.rulebook import Churn, Rulebook, read
from rules.tree import facts_of

_HOUR_S = 3_600
_STARTS_MAX = 4_096  # day starts remembered: a year of days on each side, for many zones


def compile_book(text: str, file: str = "rulebook.yaml") -> Book:
    """Return the rulebook of `text`, checked and compiled.

    Raises:
        BadRulebook: it is refused; the message has every finding with file, line and hint.
    """
    rulebook, document = read(text, file)
    rules = check(rulebook, document)
    canonical = json.dumps(document.data, ensure_ascii=False, separators=(",", ":"))
    zone = calendar(rulebook.zone)
    names: dict[str, Any] = {
        "__builtins__": {"len": len, "max": max, "min": min, "sum": sum},
        "EMPTY": EMPTY,
        "bisect_right": bisect_right,
        "folded": folded,
        "total": total,
        "zone": zone,
        "day": zone.day,
        "start": lru_cache(_STARTS_MAX)(zone.start),
        **due.NAMES,
    }
    program = _conclude("conclude", rules, names) + "\n\n" + _ladder(rules, names)
    exec(compile(program, f"<rulebook {rulebook.rulebook}>", "exec"), names)  # noqa: S102
    return Book(
        name=rulebook.rulebook,
        version=rulebook.version,
        fingerprint=f"sha256:{sha256(canonical.encode()).hexdigest()}",
        label=_label(rulebook.label, rulebook.rulebook),
        zone=zone,
        currency=rulebook.currency,
        tiers=tuple(Tier(e.name, _label(e.label, e.name)) for e in rulebook.tiers.ladder),
        downgrade=rulebook.tiers.downgrade,
        dimensions=_dimensions(rulebook),
        churn=None if rulebook.churn is None else _churn(rulebook.churn),
        conclude=names["conclude"],
        ladder=names["ladder"],
        rules=rules,
        source=rulebook,
        program=program,
    )


def _label(label: dict[str, str], name: str) -> dict[str, str]:
    return label or {"en": name.replace("_", " ").capitalize()}


def _dimensions(rulebook: Rulebook) -> tuple[Dimension, ...]:
    return tuple(
        Dimension(
            name=name,
            label=_label(entry.label, name),
            kind="single",
            categories=tuple(
                Category(c.name, _label(c.label, c.name)) for c in entry.levels or entry.first_match
            ),
        )
        for name, entry in rulebook.dimensions.items()
    )


def _churn(churn: Churn) -> ChurnRules:
    bands = churn.bands
    return ChurnRules(
        horizon_days=float(churn.horizon.removesuffix("d")),
        bands=(
            Band("medium", bands.medium.enter, bands.medium.keep),
            Band("high", bands.high.enter, bands.high.keep),
        ),
        minimum_stay_s=_seconds(churn.minimum_stay),
        minimum_history_s=_seconds(churn.minimum_history),
    )


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * (DAY_S if duration.endswith("d") else _HOUR_S)


def _ladder(rules: Rules, names: dict[str, Any]) -> str:
    """Write the function that concludes on the tiers alone, unless they build on dimensions."""
    conditions = [c for tier in rules.tiers for c in (tier.qualify, tier.keep) if c is not None]
    facts = [fact.name for condition in conditions for fact in facts_of(condition)]
    if not any(name.startswith("segment.") for name in facts):
        rules = replace(rules, dimensions=(), order=())
    return _conclude("ladder", rules, names)


def _conclude(name: str, rules: Rules, names: dict[str, Any]) -> str:
    """Write the function that concludes; see `Book`."""
    program = Program(f"def {name}(state, now, band):", rules, names)
    for index in rules.order:
        _dimension(program, index, rules.dimensions[index])
    qualified, held = ["1"], ["1"]
    for rank, tier in enumerate(rules.tiers):
        if tier.qualify is None or tier.keep is None:
            continue
        qualify, keep = program.condition(tier.qualify), program.condition(tier.keep)
        kept = f"{keep.code} is not False" if keep.unknown else keep.code
        both = kept if tier.keep == tier.qualify else f"{kept} or {qualify.code}"
        qualified.append(f"({1 << rank} if {qualify.code} else 0)")
        held.append(f"({1 << rank} if {both} else 0)")
    categories = ", ".join(local(dimension.name) for dimension in rules.dimensions)
    next_change = due.write(program)
    program.line(
        f"return {' | '.join(qualified)}, {' | '.join(held)}, [{categories}], {next_change}"
    )
    return "\n".join(program.lines)


def _dimension(program: Program, index: int, dimension: DimensionRules) -> None:
    """Write what finds a dimension's category index, as one chain of cases."""
    chain: list[tuple[str, str]] = []  # (test, result)
    unknown = False
    if dimension.declared is not None:
        said = program.value(dimension.declared).code
        names = repr({name: i for i, name in enumerate(dimension.categories)})
        declared = program.let(f"declared_{dimension.name}", f"{names}.get({said})")
        chain.append((f"{declared} is not None", declared))
    if dimension.only_if is not None:
        chain.append((f"not {program.condition(dimension.only_if).code}", "None"))
        unknown = True
    if dimension.measure is not None:
        measure = program.value(dimension.measure)
        if measure.unknown:
            chain.append((f"{measure.code} is None", "None"))
        chain += _levels(program, index, dimension, measure)
        unknown = unknown or measure.unknown
    for place, case in enumerate(dimension.cases):
        term = Term("True", unknown=False) if case is None else program.condition(case)
        chain.append((term.code, str(place)))
        if term.unknown:
            chain.append((f"{term.code} is None", "None"))
        unknown = unknown or term.unknown
    if unknown:
        program.unknown_dimensions.add(dimension.name)
    *cases, (_, last) = chain
    for place, (test, result) in enumerate(cases):
        program.line(f"{'if' if place == 0 else 'elif'} {test}:")
        program.line(f"    {local(dimension.name)} = {result}")
    if cases:
        program.line("else:")
    program.line(f"{'    ' if cases else ''}{local(dimension.name)} = {last}")


def _levels(
    program: Program, index: int, dimension: DimensionRules, measure: Term
) -> list[tuple[str, str]]:
    """Return a test per level. A level's `keep` counts for whoever is in it or above it."""
    chain = []
    for place, level in enumerate(dimension.levels):
        if level.enter is None:
            chain.append(("True", str(place)))
            continue
        bound = repr(level.enter.value)
        if level.keep is not None:
            known = program.let("known", "state.concluded.categories")
            current = program.let(
                f"current_{dimension.name}", f"{known}[{index}] if len({known}) > {index} else None"
            )
            lower = f"{current} is not None and {current} <= {place}"
            bound = f"({level.keep.value!r} if {lower} else {bound})"
        chain.append((f"{measure.code} >= {bound}", str(place)))
    return chain

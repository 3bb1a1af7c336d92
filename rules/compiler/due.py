"""When to look at a quiet customer again: the last part of a book's generated function.

Without events a comparison changes only because days pass. A whole number compared with a bound is
decided by a threshold, the smallest whole number that passes; so for every fact the thresholds of
all its comparisons are put together, and the next change is the day on which the fact crosses the
next of them. What is computed from several facts is looked at whenever a day leaves one of their
windows, or, where they count days, on the next day.

Truth is not evaluated at all: a day on which a comparison changes that decides nothing is a day on
which a timer finds nothing, which is cheap. Early is allowed, late is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil, floor

from models.buckets import Series, fall_day, next_exit
from rules.compiler.program import IN_PLACE, Program, is_in_place, spec_of, window_days
from rules.facts import lookup, trade
from rules.facts.given import GIVEN
from rules.facts.windows import turn_days
from rules.language.checked import Rules
from rules.language.tree import (
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Fact,
    Lookup,
    Points,
    Value,
    comparisons_of,
)

_MOVING = {"falls", "nets", "rises"}


def crossing_day(
    plus: Series, minus: Series, today: int, window_days: int, low: int | None, high: int | None
) -> int | None:
    """Return the day on which the difference of two windows falls below `low` or reaches `high`.

    Days leave both windows together, so the difference is walked day by day. None: it never does.
    """
    after = today - window_days
    change: dict[int, int] = {}
    for (days, values), sign in ((plus, 1), (minus, -1)):
        for day, value in zip(days, values, strict=True):
            if day > after:
                change[day] = change.get(day, 0) + sign * value
    total = sum(change.values())
    for day in sorted(change):
        total -= change[day]
        if (low is not None and total < low) or (high is not None and total >= high):
            return day + window_days
    return None


def exit_days(windows: Iterable[Series], today: int, window_days: int) -> list[int]:
    """Return the day on which each series next loses a day of its window, where there is one."""
    after = today - window_days
    exits = (next_exit(days, after, window_days) for days, _ in windows)
    return [day for day in exits if day is not None]


NAMES = {"crossing_day": crossing_day, "exit_days": exit_days, "fall_day": fall_day}


def write(program: Program) -> str:
    """Write what finds the next change; return the code of its instant. See `rules.book.Book`."""
    rules = program.rules
    program.line("wakes = []")
    watched = _watched(rules)
    # Whoever looks whenever a purchase leaves a window need not find out which one matters.
    traded = {fact.args for fact in watched if spec_of(fact).source is trade}
    for fact, bounds in watched.items():
        spec = spec_of(fact)
        days = window_days(fact)
        if spec.motion == "rises":
            _rises(program, fact, bounds)
        elif spec.motion == "turns":
            _turns(program, fact)
        elif "period" in dict(fact.args):
            _periods(program, fact)
        elif days is None:
            continue  # a lifetime does not move by itself
        elif spec.source is trade:
            _trade_exits(program, days)
        elif spec.motion == "exits" or bounds is None:
            _exits(program, fact, days)
        elif spec.motion == "nets" and fact.args in traded:
            continue
        elif spec.motion == "nets" and not is_in_place(fact):
            _exits(program, fact, days)
        elif spec.motion == "falls":
            _falls(program, fact, days, bounds)
        else:
            _nets(program, fact, days, bounds)
    _looks(program)
    return "start(min(wakes)) if wakes else None"


def _watched(rules: Rules) -> dict[Fact, tuple[int, ...] | None]:
    """Return every fact that moves by itself with its thresholds; None: every change counts."""
    found: dict[Fact, set[int] | None] = {}
    for fact, thresholds in _readings(rules):
        spec = lookup(fact.name)
        if spec is None or spec.motion == "still":
            continue
        known = found.setdefault(fact, set())
        if thresholds is None or known is None:
            found[fact] = None
        else:
            known |= thresholds
    # A sum, a count or a number of days is at least 0: it never crosses a threshold up to there.
    return {
        fact: None if bounds is None else tuple(sorted(b for b in bounds if b > 0))
        for fact, bounds in found.items()
    }


def _readings(rules: Rules) -> Iterator[tuple[Fact, set[int] | None]]:
    conditions: list[Condition | None] = []
    for dimension in rules.dimensions:
        conditions += [dimension.only_if, dimension.member, *dimension.cases]
        for fact in dimension.rfm or ():
            yield fact, None
        if dimension.value_of is not None:
            yield from _moves(dimension.value_of)
        if dimension.measure is not None:
            bounds = [b for level in dimension.levels for b in (level.enter, level.keep)]
            sides = [(">=", bound) for bound in bounds if bound is not None]
            yield from _sides(dimension.measure, sides)
    for tier in rules.tiers:
        conditions += [tier.qualify, tier.keep]
    conditions += [policy.condition for policy in rules.policies]
    for action in rules.actions:
        conditions += [action.when, action.condition]
    for condition in conditions:
        if condition is not None:
            for comparison in comparisons_of(condition):
                yield from _comparison(comparison)


def _comparison(node: Compare) -> Iterator[tuple[Fact, set[int] | None]]:
    if isinstance(node.right, Constant):
        yield from _sides(node.left, [(node.op, node.right)])
    else:
        yield from _moves(node.left)
        yield from _moves(node.right)


def _sides(
    left: Value, sides: list[tuple[str, Constant]]
) -> Iterator[tuple[Fact, set[int] | None]]:
    spec = lookup(left.name) if isinstance(left, Fact) else None
    if isinstance(left, Fact) and spec is not None and spec.motion in _MOVING:
        yield left, {bound for op, constant in sides for bound in _thresholds(op, constant)}
    else:
        yield from _moves(left)


def _moves(node: Value) -> Iterator[tuple[Fact, set[int] | None]]:
    """Yield what makes a value another one: every change of a fact, or of a score's conditions."""
    match node:
        case Fact():
            yield node, None
        case Arithmetic(_, left, right):
            yield from _moves(left)
            yield from _moves(right)
        case Lookup(_, key):
            yield from _moves(key)
        case Points(_, parts):
            for _, condition in parts:
                for comparison in comparisons_of(condition):
                    yield from _comparison(comparison)


def _thresholds(op: str, constant: Constant) -> set[int]:
    """Return the whole numbers n such that the comparison is decided by which `value >= n` hold."""
    bound = constant.value
    assert isinstance(bound, int | float)
    at_least, above = ceil(bound), floor(bound) + 1
    if op in {">=", "<"}:
        return {at_least}
    if op in {">", "<="}:
        return {above}
    return {at_least, above}


def _looks(program: Program) -> None:
    """Write when to look again at what changes by an era's cuts or by its churn model."""
    specs = (GIVEN.get(fact.name) for fact, _ in _readings(program.rules))
    for look in dict.fromkeys(spec.look for spec in specs if spec is not None):
        if look is not None:
            program.line(f"look = {program.bind(look)}(facts, zone, today, given)")
            program.line("if look is not None:")
            program.line("    wakes.append(look)")


def _rises(program: Program, fact: Fact, bounds: tuple[int, ...] | None) -> None:
    since = program.since(fact)
    program.line(f"if {since} is not None:")
    if bounds is None:
        program.line(f"    wakes.append(max(today, {since}) + 1)")
        return
    value = f"today - {since}"
    program.line(f"    reached = bisect_right({bounds!r}, {value})")
    program.line(f"    if reached < {len(bounds)}:")
    program.line(f"        wakes.append({since} + {bounds!r}[reached])")


def _turns(program: Program, fact: Fact) -> None:
    turn = program.turn(fact)
    program.line(f"if {turn} is not None:")
    program.line(f"    wakes.append({turn})")


def _periods(program: Program, fact: Fact) -> None:
    period = dict(fact.args)["period"]
    given = f"{_several(program, fact)}, facts, zone, today, {period!r}"
    line = f"wakes += {program.bind(turn_days)}({given})"
    if f"    {line}" not in program.lines:
        program.line(line)


def _falls(program: Program, fact: Fact, days: int, bounds: tuple[int, ...]) -> None:
    if not bounds:
        return
    value, buckets = program.fact(fact).code, program.buckets(fact)
    program.line(f"reached = bisect_right({bounds!r}, {value})")
    program.line("if reached:")
    surplus = f"{value} - {bounds!r}[reached - 1]"
    program.line(f"    wakes.append(fall_day(*{buckets}, today - {days}, {days}, {surplus}))")


def _nets(program: Program, fact: Fact, days: int, bounds: tuple[int, ...]) -> None:
    if not bounds:
        return
    value = program.fact(fact).code
    column, taken_off = program.column(fact)
    program.line(f"reached = bisect_right({bounds!r}, {value})")
    program.line(f"if {taken_off} is not None:")
    program.line(
        f"    crossing = crossing_day((days, {column}), {taken_off}, today, {days}, "
        f"{bounds!r}[reached - 1] if reached else None, "
        f"{bounds!r}[reached] if reached < {len(bounds)} else None)"
    )
    program.line("    if crossing is not None:")
    program.line("        wakes.append(crossing)")
    program.line("elif reached:")
    surplus = f"{value} - {bounds!r}[reached - 1]"
    program.line(f"    wakes.append(fall_day(days, {column}, today - {days}, {days}, {surplus}))")


def _trade_exits(program: Program, days: int) -> None:
    """Write when a purchase, a refund or a cancellation leaves a window next."""
    first = program.first(days)
    line = f"if {first} < len(days):"
    if f"    {line}" in program.lines:
        return
    program.line(line)
    program.line(f"    wakes.append(days[{first}] + {days})")
    for fact in (Fact("spend", ()), Fact("orders", ())):
        taken_off = program.column(fact)[1]
        program.line(f"if {taken_off} is not None:")
        program.line(f"    wakes += exit_days(({taken_off},), today, {days})")


def _exits(program: Program, fact: Fact, days: int) -> None:
    line = f"wakes += exit_days({_several(program, fact)}, today, {days})"
    if f"    {line}" not in program.lines:
        program.line(line)


def _several(program: Program, fact: Fact) -> str:
    """Write all series that a windowed fact is computed from."""
    if fact.name in IN_PLACE and is_in_place(fact):
        column, taken_off = program.column(fact)
        return f"((days, {column}), {taken_off} or EMPTY)"
    buckets = program.buckets(fact)
    return f"({buckets},)" if spec_of(fact).motion == "falls" else buckets

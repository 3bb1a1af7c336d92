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
from rules.book import Rules
from rules.facts import lookup, trade
from rules.program import IN_PLACE, Program, spec_of
from rules.tree import Compare, Condition, Constant, Fact, Value, comparisons_of, facts_of

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
        days = dict(fact.args).get("days")
        if spec.motion == "rises":
            _rises(program, fact, bounds)
        elif days is None:
            continue  # a lifetime does not move by itself
        elif spec.source is trade:
            _trade_exits(program, int(days))
        elif spec.motion == "exits" or bounds is None:
            _exits(program, fact, int(days))
        elif spec.motion == "nets" and fact.args in traded:
            continue
        elif spec.motion == "falls":
            _falls(program, fact, int(days), bounds)
        else:
            _nets(program, fact, int(days), bounds)
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
        conditions += [dimension.only_if, *dimension.cases]
        if dimension.measure is not None:
            bounds = [b for level in dimension.levels for b in (level.enter, level.keep)]
            sides = [(">=", bound) for bound in bounds if bound is not None]
            yield from _sides(dimension.measure, sides)
    for tier in rules.tiers:
        conditions += [tier.qualify, tier.keep]
    for condition in conditions:
        if condition is not None:
            for comparison in comparisons_of(condition):
                yield from _comparison(comparison)


def _comparison(node: Compare) -> Iterator[tuple[Fact, set[int] | None]]:
    if isinstance(node.right, Constant):
        yield from _sides(node.left, [(node.op, node.right)])
    else:
        for fact in (*facts_of(node.left), *facts_of(node.right)):
            yield fact, None


def _sides(
    left: Value, sides: list[tuple[str, Constant]]
) -> Iterator[tuple[Fact, set[int] | None]]:
    spec = lookup(left.name) if isinstance(left, Fact) else None
    if isinstance(left, Fact) and spec is not None and spec.motion in _MOVING:
        yield left, {bound for op, constant in sides for bound in _thresholds(op, constant)}
    else:
        for fact in facts_of(left):
            yield fact, None


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
    spec = spec_of(fact)
    if fact.name in IN_PLACE:
        column, taken_off = program.column(fact)
        several = f"((days, {column}), {taken_off} or EMPTY)"
    else:
        several = program.buckets(fact)
        if spec.motion == "falls":
            several = f"({several},)"
    line = f"wakes += exit_days({several}, today, {days})"
    if f"    {line}" not in program.lines:
        program.line(line)

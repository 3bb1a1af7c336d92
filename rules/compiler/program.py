"""The text of a generated function, written line by line from checked trees.

An expression that was written before is not written again, so a window is summed once however many
rules read it. Unknown is None; code that cannot be unknown is written without the tests for it.
Names and texts of a rulebook enter as literals (`repr`), never as code.
"""

from __future__ import annotations

import re
from itertools import count
from keyword import kwlist
from typing import Any

from models.buckets import total_within, within
from models.calendar import Span
from models.customer import Facts
from rules.compiler import terms
from rules.compiler.terms import Term
from rules.facts import lookup
from rules.facts.vocabulary import Cases, FactSpec
from rules.facts.windows import LIFE, window
from rules.language.checked import Rules
from rules.language.tree import (
    And,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Crossing,
    Fact,
    Happened,
    Lookup,
    Or,
    Points,
    Value,
)

WINDOWS = ("days", "period")  # arguments

# Facts that are summed in place: the column of values, the series taken off, what was pruned.
IN_PLACE = {
    "spend": ("net_minor", "refund", "pruned_net_minor"),
    "orders": ("orders", "cancelled", "pruned_orders"),
}


class Program:
    """The text of one function under construction."""

    def __init__(self, head: str, rules: Rules, names: dict[str, Any]) -> None:
        self.rules = rules
        self.lines = [head]
        self._names = names  # the function's globals
        self._written: dict[str, str] = {}  # code → the local that holds its value
        own = "state now band given facts days series today zone tier matched categories event"
        self._locals = {
            *(*kwlist, *names, *names["__builtins__"], *own.split()),
            *(terms.local(dimension.name) for dimension in rules.dimensions),
        }
        self.unknown_dimensions: set[str] = set()
        self.line("facts = state.facts")
        self.line("days = facts.days")
        self.line("series = facts.series")
        self.line("today = day(now)")

    def line(self, code: str) -> None:
        """Add one line of the function's body."""
        self.lines.append(f"    {code}")

    def let(self, hint: str, code: str) -> str:
        """Return the local that holds the value of `code`, written now or before."""
        if code not in self._written:
            # ASCII alone: Python folds other letters, and two names may become one.
            name = base = re.sub(r"[^A-Za-z0-9_]+", "_", hint)[:40].strip("_") or "value"
            for number in count(2):
                if name not in self._locals:
                    break
                name = f"{base}_n{number}"
            self._locals.add(name)
            self.line(f"{name} = {code}")
            self._written[code] = name
        return self._written[code]

    def bind(self, function: Any) -> str:  # noqa: ANN401  # any callable of the vocabulary
        """Return a global name for a function of the vocabulary."""
        return self.bind_value(getattr(function, "__name__", "attribute"), function)

    def bind_value(self, hint: str, value: object) -> str:
        """Return a global name for a value."""
        name = f"{hint}_"
        while self._names.get(name, value) is not value:
            name += "_"
        self._names[name] = value
        return name

    def value(self, node: Value) -> Term:
        """Write a value."""
        match node:
            case Constant(value):
                return Term(repr(value), unknown=False)
            case Fact():
                return self.fact(node)
            case Arithmetic(op, left, right):
                return self._arithmetic(op, self.value(left), self.value(right))
            case Lookup():
                return terms.lookup(self, node)
            case Points():
                return terms.points(self, node)
        message = f"an unchecked tree reached the compiler: {node}"
        raise TypeError(message)

    def condition(self, node: Condition) -> Term:
        """Write a condition: True, False, or None for unknown."""
        match node:
            case And(parts):
                return self._joined([self.condition(part) for part in parts], "and")
            case Or(parts):
                return self._joined([self.condition(part) for part in parts], "or")
            case Crossing():
                return terms.crossing(self, node)
            case Happened():
                return terms.moment(self, node)
            case Compare(Points() as score, op, right):
                span, bound = terms.points_range(self, score), self.value(right)
                if span.low != span.high:
                    return terms.ranged(self, span, op, bound)
                return self._compared(Term(span.low, unknown=False), op, bound)
            case Compare(left, op, right):
                return self._compared(self.value(left), op, terms.right_side(self, left, right))

    def _compared(self, one: Term, op: str, other: Term) -> Term:
        code = f"{one.code} {op} {other.code}"
        if op in {"has", "has not"}:
            code = f"{one.code} >> {other.code} & 1 == {1 if op == 'has' else 0}"
        unknown = [term.code for term in (one, other) if term.unknown]
        if not unknown:
            return Term(f"({code})", unknown=False)
        missing = " or ".join(f"{name} is None" for name in unknown)
        return Term(self.let("holds", f"None if {missing} else {code}"), unknown=True)

    def fact(self, fact: Fact) -> Term:
        """Write a fact's value."""
        term = terms.result(self, fact) or terms.given(self, fact)
        if term is not None:
            return term
        spec = spec_of(fact)
        match fact.name if is_in_place(fact) else "":
            case "spend" | "orders":
                return Term(self._net(fact)[0], unknown=False)
            case "average_order":
                spent = self._net(Fact("spend", fact.args))[0]
                count = self._net(Fact("orders", fact.args))[0]
                code = f"{spent} // {count} if {count} else None"
                return Term(self.let(_hint(fact), code), unknown=True)
            case "return_ratio":
                _, whole, back = self._net(Fact("spend", fact.args))
                code = f"min(1.0, ({back}) / {whole}) if {whole} else None"
                return Term(self.let(_hint(fact), code), unknown=True)
        if spec.motion == "rises":
            since = self.since(fact)
            code = f"None if {since} is None else today - {since} if today > {since} else 0"
        elif spec.motion == "falls" and "period" not in dict(fact.args):
            buckets, days = self.buckets(fact), dict(fact.args).get("days")
            summed = f"sum({buckets}[1])"
            if days is not None:
                summed = f"total({buckets}[0], {buckets}[1], today - {days})"
            code = f"{summed} if {buckets}[0] else 0"
        elif spec.of is not None:
            code = f"{self.bind(spec.of)}({self.buckets(fact)}, {self.window(fact)})"
            code = self.guarded(fact, code)
        elif spec.windowed:
            given, of = self.window(fact), _given(_outside_window(fact))
            code = self.guarded(fact, f"{self.bind(spec.function)}(facts, zone, {given}{of})")
        else:
            function = self.bind(spec.function)
            code = self.guarded(fact, f"{function}(facts, zone, today{_given(fact)})")
        return Term(self.let(_hint(fact), code), unknown=spec.unknown)

    def since(self, fact: Fact) -> str:
        """Write the day since which a rising fact counts, None if unknown."""
        spec = spec_of(fact)
        code = f"{self.bind(spec.source)}(facts, zone{_given(fact)})"
        return self.let(f"{fact.name}_day", self.guarded(fact, code, empty="None"))

    def turn(self, fact: Fact) -> str:
        """Write the day on which a fact changes next, None if it stays."""
        code = f"{self.bind(spec_of(fact).source)}(facts, zone, today{_given(fact)})"
        return self.let(f"{fact.name}_turn", self.guarded(fact, code, empty="None"))

    def window(self, fact: Fact) -> str:
        """Return code of the window that a fact's arguments name; who has no data needs none."""
        days, period = window_days(fact), dict(fact.args).get("period")
        if days is not None:
            return f"{self.bind(Span)}(today - {days - 1}, None)"
        if period is not None:
            return f"{self.bind(window)}(facts, zone, today, None, {period!r})"
        return self.bind_value("LIFE", LIFE)

    def buckets(self, fact: Fact) -> str:
        """Write what a windowed fact is summed from: one series, or several."""
        spec = spec_of(fact)
        given = _given(_outside_window(fact))
        code = f"{self.bind(spec.source)}(facts, zone{given})"
        empty = "EMPTY" if spec.motion == "falls" else "()"
        return self.let(f"{fact.name}_buckets", self.guarded(fact, code, empty=empty))

    def guarded(self, fact: Fact, call: str, empty: str | None = None) -> str:
        """Return a call that is made only for customers with data, else what is without it."""
        spec = spec_of(fact)
        if spec.reads is None:
            return call
        if empty is None:  # what it is of a customer without data
            empty = repr(spec.read(Facts(), self._names["zone"], 0, **dict(fact.args)))
        return f"{call} if {self.cases(spec.reads)} else {empty}"

    def cases(self, name: Cases) -> str:
        """Write what tells whether there is anything to read a fact from."""
        if name in {"days", "series"}:
            return name
        if name not in {"complaints", "feedback"}:
            return self.let(name, f"facts.{name}")
        # Folded ones count too.
        return self.let(f"any_{name}", f"facts.{name} or (series and folded(series, {name!r}))")

    def column(self, fact: Fact) -> tuple[str, str]:
        """Write the values that a sum in place adds up, and the series that it takes off."""
        column, taken_off, _ = IN_PLACE[fact.name]
        return self.let(f"{column}_", f"facts.{column}"), self.let(
            taken_off, f"series.get({taken_off!r})"
        )

    def first(self, days: object) -> str:
        """Write where a window begins among the days of the purchases."""
        return self.let(f"first_{days}", f"bisect_right(days, today - {days})")

    def _net(self, fact: Fact) -> tuple[str, str, str]:
        """Write a sum less what is taken off it; return it, and code of both parts."""
        column, taken_off = self.column(fact)
        given = dict(fact.args)
        days = given.get("days")
        if "period" in given:
            span = self.let(f"{given['period']}_", self.window(fact))
            inside = self.let(f"inside_{span}", f"{self.bind(within)}(days, {span})")
            gross = self.let(f"{column}_{given['period']}", f"sum({column}[{inside}])")
            back = f"{self.bind(total_within)}(*{taken_off}, {span})"
        elif days is None:
            pruned = IN_PLACE[fact.name][2]  # below 0 by refunds of purchases from before the log
            gross = self.let(f"{column}_all", f"max(0, sum({column}) + facts.{pruned})")
            back = f"sum({taken_off}[1])"
        else:
            first = self.first(days)
            gross = self.let(f"{column}_{days}", f"sum({column}[{first}:])")
            back = f"total({taken_off}[0], {taken_off}[1], today - {days})"
        code = f"{gross} if {taken_off} is None else max(0, {gross} - {back})"
        return self.let(_hint(fact), code), gross, f"{back} if {taken_off} else 0"

    def _arithmetic(self, op: str, left: Term, right: Term) -> Term:
        code = f"{left.code} {op} {right.code}"
        tests = [f"{term.code} is None" for term in (left, right) if term.unknown]
        if op == "/" and not _is_number(right.code):
            tests.append(f"{right.code} == 0")
        if tests:
            code = f"None if {' or '.join(tests)} else {code}"
        return Term(self.let("number", code), unknown=bool(tests))

    def _joined(self, parts: list[Term], word: str) -> Term:
        """Write a conjunction or disjunction in Kleene's logic."""
        unknown = [part.code for part in parts if part.unknown]
        if not parts:
            return Term("True", unknown=False)
        if not unknown:
            return Term(f"({f' {word} '.join(part.code for part in parts)})", unknown=False)
        missing = " or ".join(f"{code} is None" for code in unknown)
        if word == "or":
            true = " or ".join(part.code for part in parts)
            return Term(
                self.let("any_holds", f"True if {true} else None if {missing} else False"), True
            )
        false = " or ".join(
            f"{part.code} is False" if part.unknown else f"not {part.code}" for part in parts
        )
        return Term(
            self.let("all_hold", f"False if {false} else None if {missing} else True"), True
        )


def is_in_place(fact: Fact) -> bool:
    """Tell whether a fact is summed in place: without filters."""
    return all(name in WINDOWS for name, _ in fact.args)


def window_days(fact: Fact) -> int | None:
    """Return the length of a fact's rolling window, None without one."""
    days = dict(fact.args).get("days")
    return days if isinstance(days, int) else None


def _outside_window(fact: Fact) -> Fact:
    """Return a fact without the arguments that name its window."""
    return Fact(fact.name, tuple(arg for arg in fact.args if arg[0] not in WINDOWS))


def spec_of(fact: Fact) -> FactSpec:
    """Return the specification of a fact that the check has let through."""
    spec = lookup(fact.name)
    assert spec is not None
    return spec


def _given(fact: Fact) -> str:
    return "".join(f", {name}={value!r}" for name, value in fact.args)


def _hint(fact: Fact) -> str:
    return "_".join([fact.name, *(str(value) for _, value in fact.args)])


def _is_number(code: str) -> bool:
    return code.lstrip("-").replace(".", "").isdigit()

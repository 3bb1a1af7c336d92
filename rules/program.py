"""The text of a generated function, written line by line from checked trees.

An expression that was written before is not written again, so a window is summed once however many
rules read it. Unknown is None; code that cannot be unknown is written without the tests for it.
Names and texts of a rulebook enter as literals (`repr`), never as code.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any, NamedTuple

from rules.book import Rules
from rules.facts import lookup
from rules.tree import And, Arithmetic, Compare, Condition, Constant, Fact, Or, Value
from rules.vocabulary import Cases, FactSpec

# Facts that are summed in place: the column of values, the series taken off, what was pruned.
IN_PLACE = {
    "spend": ("net_minor", "refund", "pruned_net_minor"),
    "orders": ("orders", "cancelled", "pruned_orders"),
}


class Term(NamedTuple):
    """Generated code of a value or condition. One that can be unknown is always a plain name."""

    code: str
    unknown: bool


class Program:
    """The text of one function under construction."""

    def __init__(self, head: str, rules: Rules, names: dict[str, Any]) -> None:
        self.rules = rules
        self.lines = [head]
        self._names = names  # the function's globals
        self._written: dict[str, str] = {}  # code → the local that holds its value
        self._locals = {"state", "now", "band", "facts", "days", "series", "today"}
        self._indices = {d.name: i for i, d in enumerate(rules.dimensions)}
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
            name = base = re.sub(r"\W+", "_", hint)[:40].strip("_")
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
        name = getattr(function, "__name__", "attribute") + "_"
        while self._names.get(name, function) is not function:
            name += "_"
        self._names[name] = function
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
        message = f"an unchecked tree reached the compiler: {node}"
        raise TypeError(message)

    def condition(self, node: Condition) -> Term:
        """Write a condition: True, False, or None for unknown."""
        match node:
            case And(parts):
                return self._joined([self.condition(part) for part in parts], "and")
            case Or(parts):
                return self._joined([self.condition(part) for part in parts], "or")
            case Compare(left, op, right):
                one, other = self.value(left), self._right_side(left, right)
                code = f"{one.code} {op} {other.code}"
                unknown = [term.code for term in (one, other) if term.unknown]
                if not unknown:
                    return Term(f"({code})", unknown=False)
                missing = " or ".join(f"{name} is None" for name in unknown)
                return Term(self.let("holds", f"None if {missing} else {code}"), unknown=True)

    def fact(self, fact: Fact) -> Term:
        """Write a fact's value."""
        if fact.name == "churn.band":
            return Term("band", unknown=True)
        if fact.name.startswith("segment."):
            name = fact.name.removeprefix("segment.")
            return Term(local(name), unknown=name in self.unknown_dimensions)
        spec = spec_of(fact)
        match fact.name:
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
        hint = _hint(fact)
        if spec.motion == "rises":
            since = self.since(fact)
            code = f"None if {since} is None else today - {since} if today > {since} else 0"
        elif spec.motion == "falls":
            buckets, days = self.buckets(fact), dict(fact.args).get("days")
            summed = f"sum({buckets}[1])"
            if days is not None:
                summed = f"total({buckets}[0], {buckets}[1], today - {days})"
            code = f"{summed} if {buckets}[0] else 0"
        else:
            code = self.guarded(fact, f"{self.bind(spec.read)}(facts, zone, today{_given(fact)})")
        return Term(self.let(hint, code), unknown=spec.unknown)

    def since(self, fact: Fact) -> str:
        """Write the day since which a rising fact counts, None if unknown."""
        spec = spec_of(fact)
        code = f"{self.bind(spec.source)}(facts, zone)"
        return self.let(f"{fact.name}_day", self.guarded(fact, code))

    def buckets(self, fact: Fact) -> str:
        """Write what a windowed fact is summed from: one series, or several."""
        spec = spec_of(fact)
        given = _given(Fact(fact.name, tuple(arg for arg in fact.args if arg[0] != "days")))
        code = f"{self.bind(spec.source)}(facts, zone{given})"
        if spec.reads is not None:
            empty = "EMPTY" if spec.motion == "falls" else "()"
            code = f"{code} if {self.cases(spec.reads)} else {empty}"
        return self.let(f"{fact.name}_buckets", code)

    def guarded(self, fact: Fact, call: str) -> str:
        """Return a call that is made only for customers with data."""
        spec = spec_of(fact)
        if spec.reads is None:
            return call
        return f"{call} if {self.cases(spec.reads)} else {None if spec.unknown else 0}"

    def cases(self, name: Cases) -> str:
        """Write what tells whether there is any complaint or feedback, folded ones included."""
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
        days = dict(fact.args).get("days")
        if days is None:
            pruned = IN_PLACE[fact.name][2]
            gross = self.let(f"{column}_all", f"sum({column}) + facts.{pruned}")
            back = f"sum({taken_off}[1])"
        else:
            first = self.first(days)
            gross = self.let(f"{column}_{days}", f"sum({column}[{first}:])")
            back = f"total({taken_off}[0], {taken_off}[1], today - {days})"
        code = f"{gross} if {taken_off} is None else max(0, {gross} - {back})"
        return self.let(_hint(fact), code), gross, f"{back} if {taken_off} else 0"

    def _right_side(self, left: Value, right: Value) -> Term:
        """Write a comparison's right side; categories and bands are compared by their indices."""
        if not isinstance(left, Fact) or not isinstance(right, Constant):
            return self.value(right)
        if left.name == "churn.band":
            names = self.rules.bands
        elif left.name.startswith("segment."):
            dimension = self._indices[left.name.removeprefix("segment.")]
            names = self.rules.dimensions[dimension].categories
        else:
            return self.value(right)
        if isinstance(right.value, tuple):
            return Term(repr(tuple(names.index(name) for name in right.value)), unknown=False)
        return Term(repr(names.index(str(right.value))), unknown=False)

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


def spec_of(fact: Fact) -> FactSpec:
    """Return the specification of a fact that the check has let through."""
    spec = lookup(fact.name)
    assert spec is not None
    return spec


def local(dimension: str) -> str:
    """Return the local that holds a dimension's category index."""
    return f"segment_{dimension}"


def _given(fact: Fact) -> str:
    return "".join(f", {name}={value!r}" for name, value in fact.args)


def _hint(fact: Fact) -> str:
    return "_".join([fact.name, *(str(value) for _, value in fact.args)])


def _is_number(code: str) -> bool:
    return code.lstrip("-").replace(".", "").isdigit()

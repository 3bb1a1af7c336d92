"""Evidence: what was compared with what, in the words of the rulebook.

This walks the trees that the compiler writes out (see `view`), so it can name every value and
bound. It is slower than the compiled functions by an order of magnitude, and runs only when an
output is made or somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from models.calendar import Span, iso_date
from models.events import CustomerEvent
from rules.book import Book
from rules.explanation.causes import CAUSES_MAX, causes, described
from rules.explanation.view import View, compared
from rules.facts import lookup
from rules.facts.given import GIVEN
from rules.facts.vocabulary import Unit
from rules.facts.windows import LIFE, window
from rules.language.checked import DimensionRules
from rules.language.tree import (
    And,
    Compare,
    Condition,
    Constant,
    Crossing,
    Fact,
    Happened,
    Or,
    Value,
    facts_of,
    render,
)

_DIGITS = 6  # of shares, means and other computed values


def evidence(view: View, rule: str) -> list[dict[str, Any]]:
    """Return the comparisons of one rule, each with its value, bound and window.

    `rule` is `tiers.<tier>.qualify`, `tiers.<tier>.keep`, `dimensions.<dimension>`,
    `policies.<policy>.while`, `actions.<action>.when` or `actions.<action>.while`. A tier without
    `keep` is kept by its `qualify`; the lowest tier has no evidence.

    Raises:
        KeyError: the rulebook has no such rule.
    """
    book = view.book
    written = book.evidence.get(rule)
    if written is not None and not view.history:
        return written(view.state, view.now, view.band_index, view.given)
    if rule.startswith("dimensions."):
        name = rule.removeprefix("dimensions.")
        found = next((d for d in book.rules.dimensions if d.name == name), None)
        if found is not None:
            return list(of_dimension(view, found))
    conditions = _conditions(book, rule)
    if rule not in conditions:
        message = f"the rulebook {book.name!r} has no rule {rule!r}"
        raise KeyError(message)
    condition = conditions[rule]
    return [] if condition is None else list(of_condition(view, rule, condition))


def _conditions(book: Book, rule: str) -> dict[str, Condition | None]:
    """Return the conditions of the tier, policy or action that a rule is of, by their rules."""
    kind, _, name = rule.rpartition(".")[0].partition(".")
    found: dict[str, Condition | None] = {}
    match kind:
        case "tiers":
            for tier in book.rules.tiers:
                if tier.name == name:
                    found = {"qualify": tier.qualify, "keep": tier.keep}
        case "policies":
            for policy in book.rules.policies:
                if policy.name == name:
                    found = {"while": policy.condition}
        case "actions":
            for action in book.rules.actions:
                if action.name == name:
                    found = {"when": action.when, "while": action.condition}
    return {f"{kind}.{name}.{part}": condition for part, condition in found.items()}


def of_condition(view: View, rule: str, node: Condition) -> Iterator[dict[str, Any]]:
    """Yield every comparison and moment of a condition."""
    match node:
        case Compare():
            yield _compared(view, rule, node)
        case And(parts) | Or(parts):
            for part in parts:
                yield from of_condition(view, rule, part)
        case Crossing() | Happened():
            yield {"rule": rule, "holds": view.holds(node), "moment": render(node)}


def of_dimension(view: View, rules: DimensionRules) -> Iterator[dict[str, Any]]:
    """Yield what decided a dimension, up to the level or case that won."""
    rule = f"dimensions.{rules.name}"
    if rules.declared is not None:
        said = view.value(rules.declared)
        if said is not None:
            yield _declared(rules, rule, said)
        if said in rules.categories or (said is not None and rules.kind == "open"):
            return
    if rules.only_if is not None:
        yield from of_condition(view, rule, rules.only_if)
        if view.holds(rules.only_if) is not True:
            return
    for value in rules.rfm or (() if rules.value_of is None else (rules.value_of,)):
        yield {"rule": rule, "holds": True, **named(value), "value": rounded(view.value(value))}
    decides_alone = rules.kind != "many" and rules.member is None
    for condition in _decisive(view, rules):
        yield from of_condition(view, rule, condition)
        truth = view.holds(condition)
        if decides_alone and (truth or (truth is None and not rules.lenient)):
            return


def _declared(rules: DimensionRules, rule: str, said: object) -> dict[str, Any]:
    assert rules.declared is not None
    found: dict[str, Any] = {"rule": rule, "holds": True, "fact": rules.declared.name, "args": {}}
    found["value"] = said
    if rules.kind != "open":
        found |= {"holds": said in rules.categories, "op": "in", "bound": list(rules.categories)}
    return found


def _decisive(view: View, rules: DimensionRules) -> Iterator[Condition]:
    index = view.book.rules.dimensions.index(rules)
    for place, level in enumerate(rules.levels):
        bound = view.bound(index, place, level)
        if bound is not None and rules.measure is not None:
            yield Compare(rules.measure, ">=", bound)
    for case in (*rules.cases, rules.member):
        if case is not None:
            yield case


def _compared(view: View, rule: str, node: Compare) -> dict[str, Any]:
    left, right = node.left, node.right
    value, bound = view.value(left), view.value(right)
    minor = "_minor" if is_money(left) else ""
    found: dict[str, Any] = {"rule": rule, "holds": compared(node.op, value, bound), **named(left)}
    found[f"value{minor}"] = rounded(value)
    found["op"] = node.op
    found[f"bound{minor}"] = rounded(bound)
    if minor:
        found["currency"] = view.book.currency
    if isinstance(right, Constant) and right.parameter is not None:
        found["parameter"] = right.parameter
    if isinstance(left, Fact):
        found |= edges(_span(view, left), view.today)
    if view.history:
        found["events"] = [described(event) for event in _causes(view, node)]
    return found


def _causes(view: View, node: Compare) -> list[CustomerEvent]:
    """Return the newest of the events that both sides of a comparison were computed from."""
    facts = dict.fromkeys((*facts_of(node.left), *facts_of(node.right)))
    found = {
        (event.source, event.event_id): event
        for fact in facts
        for event in causes(fact, _span(view, fact), view.zone, view.history)
    }
    return sorted(found.values(), key=lambda event: event.occurred_at)[-CAUSES_MAX:]


def _span(view: View, fact: Fact) -> Span:
    """Return the window of a fact; the whole life where it has none."""
    given = dict(fact.args)
    days, period = given.get("days"), given.get("period")
    if fact.name in GIVEN:  # their days lie ahead
        return LIFE
    return window(
        view.facts,
        view.zone,
        view.today,
        days if isinstance(days, int) else None,
        period if isinstance(period, str) else None,
    )


def edges(span: Span, today: int) -> dict[str, str]:
    """Return the first and last day of a window; none for a lifetime."""
    if span.first is None:
        return {}
    last = today if span.last is None else span.last
    return {"first_day": iso_date(span.first), "last_day": iso_date(last)}


def named(value: Value) -> dict[str, Any]:
    """Return a fact's name and arguments, or the text of an expression."""
    if not isinstance(value, Fact):
        return {"expression": render(value)}
    return {"fact": value.name, "args": arguments(value)}


def arguments(fact: Fact) -> dict[str, Any]:
    """Return a fact's arguments as outputs write them.

    Not remembered: 5 and 5.0 are equal, and an output must not depend on which one came first.
    """
    return {name: rounded(given) for name, given in fact.args}


@lru_cache(maxsize=4_096)
def is_money(value: Value) -> bool:
    """Tell whether a value is a fact in money, so in minor units of the rulebook's currency."""
    if not isinstance(value, Fact):
        return False
    spec = GIVEN.get(value.name) or lookup(value.name)
    return spec is not None and spec.unit is Unit.MONEY


def rounded(value: Any) -> Any:  # noqa: ANN401  # what JSON can hold
    """Return a value as outputs write it."""
    if isinstance(value, tuple):
        return list(value)
    return round(value, _DIGITS) if isinstance(value, float) else value

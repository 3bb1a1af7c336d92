"""What `tierstream rules facts` lists: all that resolves, and nothing that does not."""

from __future__ import annotations

import re

import pytest

from rules import catalog
from rules.compiler.compile import compile_book
from rules.facts import VOCABULARY
from rules.facts.arguments import (
    DATE_ATTRIBUTES,
    LIST_ATTRIBUTES,
    MONEY_ATTRIBUTES,
    NUMBER_ATTRIBUTES,
    TEXT_ATTRIBUTES,
    Argument,
)
from rules.facts.given import GIVEN
from rules.facts.moments import ARGUMENTS
from rules.language.checked import trees_in
from rules.language.expression import BadExpression
from rules.language.nameable import Nameable, nameable
from rules.language.reading import Reader
from rules.language.resolve_facts import MOMENTS
from rules.language.rulebook import read
from rules.language.tree import PLACES, Crossing, Happened, facts_of

LISTED = {each.name for each in nameable()}
WHOLE = """
rulebook: whole
version: 1
zone: UTC
currency: GBP
personal: [age, culture, gender]
rfm: true
churn: {horizon: 90d, bands: {medium: {enter: 50, keep: 45}, high: {enter: 75, keep: 68}}}
lifecycle: {new_for: 30d, churned_after: 180d}
parameters: {some: {value: 2, unit: orders, why: x}}
tables: {t: {entries: {Leeds: north}}}
sites: [{country: UK, city: Leeds}]
measures: {m: orders()}
scores: {s: [{points: 1, if: orders() > 0}]}
dimensions: {d: {value_of: profile.city}}
groups: {g: orders() > 0}
tiers: {ladder: [{name: base}]}
"""
_OWN = {"segment.": "d", "group.": "g", "measure.": "m", "score.": "s"}  # names in `WHOLE`
_VALUES = {
    "text": "'x'", "list": "'profile.interests'", "date": "'profile.hired_on'",
    "custom": "'profile.custom.n'",
}  # fmt: skip
_NAMED = (
    (r"^(segment)\..*", r"\1.<dimension>"),
    (r"^(group|measure|score|profile\.custom)\..*", r"\1.<name>"),
)


def test_every_name_of_the_language_is_listed() -> None:
    assert {*VOCABULARY, *GIVEN, *PLACES, *MOMENTS, "lookup", "tier", "lifecycle"} <= LISTED
    attributes = (*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES, *MONEY_ATTRIBUTES)
    assert {f"profile.{name}" for name in attributes} <= LISTED
    said = " ".join(each.said for one in nameable() for each in one.arguments.values())
    for name in (*LIST_ATTRIBUTES, *DATE_ATTRIBUTES):
        assert f"profile.{name}" in said
    for arguments in ARGUMENTS.values():
        for argument in arguments.values():
            assert all(choice in said for choice in argument.choices)


def test_every_result_of_a_rulebook_is_listed() -> None:
    results = Reader(*read(WHOLE, "x")).resolver.results
    assert results.bands
    assert "churn.band" in LISTED
    for name in results.dimensions:
        named = {"rfm": "rfm.segment", "d": "segment.d"}.get(name, name)
        assert _generic(named) in LISTED


@pytest.mark.parametrize("name", catalog.NAMES)
def test_whatever_a_shipped_rulebook_names_is_listed(name: str) -> None:
    rules = compile_book(catalog.text(name), name).rules
    trees = [tree for dimension in rules.dimensions for tree in trees_in(dimension)]
    trees += [tree for tier in rules.tiers for tree in (tier.qualify, tier.keep) if tree]
    trees += [policy.condition for policy in rules.policies]
    trees += [tree for action in rules.actions for tree in (action.when, action.condition)]
    trees += [value for action in rules.actions for _, value in action.parameters]
    facts = {_generic(fact.name) for tree in trees for fact in facts_of(tree)}
    assert facts
    assert facts <= LISTED


@pytest.mark.parametrize("listed", tuple(nameable()), ids=lambda listed: listed.written)
def test_what_is_listed_resolves(listed: Nameable) -> None:
    resolver = Reader(*read(WHOLE, "x")).resolver
    text = _expression(listed)
    try:
        resolver.read_value(text)
    except BadExpression:  # it is true or false
        found = resolver.read_condition(text, moments=True)
        assert isinstance(found, Crossing | Happened) or list(facts_of(found))


def _expression(listed: Nameable) -> str:
    """Return something listed as a rule may write it, with the arguments that it needs."""
    match listed.name:
        case "entered" | "left":
            return f"{listed.name}(tier, 'base')"
        case "lookup":
            return "lookup('t', profile.city)"
        case "happened":
            return listed.written.partition(",")[0].rstrip(")") + ")"
    spec = VOCABULARY.get(listed.name)
    unnamed = 0 if spec is None else spec.positional
    given = [
        f"{'' if index < unnamed else f'{name}='}{_value(argument)}"
        for index, (name, argument) in enumerate(listed.arguments.items())
        if argument.required or name == "of"
    ]
    if listed.arguments:
        return f"{listed.name}({', '.join(given)})"
    prefix, own, _ = listed.written.partition("<")
    return prefix + _OWN.get(prefix, "n") if own else listed.written


def _value(argument: Argument) -> str:
    return repr(argument.choices[0]) if argument.choices else _VALUES[argument.kind]


def _generic(name: str) -> str:
    for pattern, generic in _NAMED:
        name = re.sub(pattern, generic, name)
    return name

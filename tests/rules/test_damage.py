"""Whatever is written, a rulebook passes or is refused with findings: never another error.

What passes is what the JSON Schema takes, too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models.errors import BadRulebook
from rules.compiler.compile import compile_book
from rules.language.document import load
from rules.language.schema import schema

VALIDATOR = Draft202012Validator(schema())

WHOLE = """\
rulebook: whole
version: 1
zone: Europe/London
currency: GBP
include: []
personal: [age]
parameters:
  some: {value: 100, unit: GBP, why: test}
  few: {value: 3, unit: orders, why: test}
  rich: {value: 40, unit: score, why: test}
tables:
  size: {entries: {Leeds: big, York: small}}
  cost: {unit: GBP, entries: {Leeds: 900, Hull: 0}}
sites: [{country: GB, city: Leeds}]
measures: {monthly: spend(days=365) / 12}
scores:
  own: [{points: 30, if: measure.monthly > some}, {points: 10, if: age() > 1}]
dimensions:
  scale:
    measure: score.own
    only_if: orders() > 0
    declared: profile.scale
    levels: [{name: large, from: rich, was: [big]}, {name: small}]
  place: {first_match: [{name: near, when: local}, {name: far, otherwise: true}]}
  likes: {all_matches: [{name: golf, when: "has(profile.interests, 'golf')"}]}
  trade: {value_of: "lookup('size', profile.city)"}
  care: {first_match: [{name: top, when: tier == 'good'}, {name: usual, otherwise: true}]}
tiers:
  downgrade: one_step
  review: yearly
  ladder: [{name: base}, {name: good, qualify: orders() > few, grace: 9d, warn: 3d}]
lifecycle: {new_for: 30d, churned_after: 90d, loyal: orders() > few}
rfm: true
churn: {horizon: 90d, bands: {medium: {enter: 50, keep: 45}, high: {enter: 75, keep: 68}}}
groups: {vip: {when: "tier == 'good' and has(segment.likes, 'golf')"}, all: churn.risk > 0}
policies: {desk: {while: "group.vip or segment.trade == 'big'"}}
actions:
  call: {when: "happened('complaint', type='delivery')", cooldown: 9d, with: {n: orders()}}
  visit: {every: 90d, while: "lifecycle == 'loyal'", consent: marketing, valid_for: 12h}
  gift: {when: "entered(segment.likes, 'golf') or left(tier, 'good')"}
"""
_SCALARS = st.one_of(
    st.sampled_from(
        (
            *(None, True, False, 0, 1, -1, 9.5, 10**20, "", " ", "x", "é\n", "9d", "0d", "12h"),
            *("orders() > 0", "orders()", "tier == 'good'", "group.vip", "segment.scale == 'x'"),
            *("lookup('cost', segment.care) > some", "lookup('size', tier) == 'big'", "score.own"),
            *("measure.monthly", "not entered(tier, 'good')", "has(tier.matched, 'good')", "a b"),
            *("1 < 2", "not local", "'a' + 1 > few", "(((", "lambda: 0", "x[0] > 1", "tier()"),
            *("few ** 2 > 1", "orders(days=few) > 1", "spend(category=[]) > some", "f'{1}' == 'a'"),
            *("has()", "has(1)", "entered()", "happened()", "lookup()", "consent()", "age(1) > 1"),
            *("happened('complaint', 'x')", "left(5, 6)", "entered(tier, other)", "domestic(1)"),
            *("(1e308 * 1e308) > some", "few / 0 > 1", "tier > 'base'", "-few > 1", "~few > 1"),
        )
    ),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def test_the_whole_rulebook_passes() -> None:
    assert compile_book(WHOLE).follow is not None


@settings(max_examples=20)
@given(st.data())
def test_a_damaged_rulebook_passes_or_is_refused(data: st.DataObject) -> None:
    _passes_or_is_refused(data)


@pytest.mark.long
@settings(max_examples=500)
@given(st.data())
def test_a_damaged_rulebook_passes_or_is_refused_at_length(data: st.DataObject) -> None:
    _passes_or_is_refused(data)


def _passes_or_is_refused(data: st.DataObject) -> None:
    document: dict[str, Any] = yaml.load(WHOLE, yaml.BaseLoader)  # noqa: S506  # texts alone
    document = _typed(document)
    for _ in range(data.draw(st.integers(1, 2))):
        _damage(document, data)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    with suppress(BadRulebook):
        compile_book(text)
        VALIDATOR.validate(load(text, "rulebook.yaml").data)


def _typed(node: Any) -> Any:  # noqa: ANN401  # any YAML value
    """Return the document with its numbers and truths."""
    if isinstance(node, dict):
        return {key: _typed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_typed(value) for value in node]
    return {"true": True}.get(node, int(node) if node.isdigit() else node)


def _damage(node: Any, data: st.DataObject) -> None:  # noqa: ANN401  # any YAML value
    """Change, remove or add something at a place somewhere below."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        child = node[key]
        if isinstance(child, dict | list) and child and data.draw(st.integers(0, 5)):
            node = child
            continue
        match data.draw(st.sampled_from(("change", "remove", "add"))):
            case "remove":
                del node[key]
            case "add" if isinstance(node, dict):
                node[data.draw(st.sampled_from(("keep", "when", "while", "from", "x", "was")))] = (
                    data.draw(_ANYTHING)
                )
            case _:
                node[key] = data.draw(_ANYTHING)
        return

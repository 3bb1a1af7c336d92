"""The JSON Schema of rulebooks: whole, described, and true to what the compiler reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from models.errors import BadRulebook
from rules import catalog
from rules.compiler.compile import compile_book
from rules.language.document import load
from rules.language.entries import MODELS
from rules.language.schema import Schema, schema

ROOT = Path(__file__).parents[2]
SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
RULEBOOKS = sorted(
    path
    for folder in ("rules/catalog", "tests")
    for path in (ROOT / folder).rglob("*.yaml")
    if re.search(r"^rulebook:", path.read_text(encoding="utf-8"), re.MULTILINE)
)


def parts(whole: Schema) -> Iterator[tuple[str, Schema]]:
    yield "the rulebook", whole
    yield from whole["$defs"].items()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_of_every_construct_is_described() -> None:
    known = dict(parts(SCHEMA))
    assert {model.__name__ for model in MODELS} - {"Rulebook"} <= known.keys()
    for name, part in known.items():
        assert part["description"], name
        assert part["additionalProperties"] is False, name
        bare = [key for key, said in part["properties"].items() if not said.get("description")]
        assert not bare, name


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.name)
def test_rulebooks_validate(path: Path) -> None:
    VALIDATOR.validate(load(path.read_text(encoding="utf-8"), path.name).data)


def test_the_catalogue_is_among_them() -> None:
    assert {path.stem for path in RULEBOOKS} >= set(catalog.NAMES)


def test_the_rulebook_of_the_readme_validates() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```yaml\n(rulebook:.*?)```", text, re.DOTALL)
    VALIDATOR.validate(load(written, "README.md").data)


WHOLE = """
rulebook: shop
version: 1
label: {en: Shop, zh: 店}
zone: Europe/Paris
currency: EUR
parameters:
  much: {value: 1000.5, unit: EUR, why: "a tenth spends as much"}
tables:
  size: {unit: number, entries: {Paris: 2, Nice: 1.5}}
sites: [{country: FR}]
scores:
  worth: [{points: 30, if: "orders() > 0"}]
dimensions:
  scale:
    measure: spend(days=365)
    levels: [{name: large, from: much, keep: 0}, {name: small}]
tiers:
  review: yearly
  ladder:
    - {name: basic}
    - {name: gold, qualify: "spend(days=365) >= much", grace: 30d, was: [silver]}
churn: {horizon: 90d, bands: {medium: {enter: 50, keep: 45}, high: {enter: 75, keep: 68}}}
groups:
  large_gold: tier == 'gold' and segment.scale == 'large'
  small: {label: {en: Small}, when: segment.scale == 'small'}
actions:
  call: {every: 90d, while: tier == 'gold', with: {worth: score.worth}}
examples:
  - name: she buys
    story:
      - {at: 2026-01-05, purchase: {amount: 49.90}, times: 2, every: 10d}
      - {at: 2026-03-05, expect: {tier: basic, changes: none, warning: {ends: 2026-04-04}}}
"""


def test_whatever_may_be_written_in_two_ways_validates() -> None:
    compile_book(WHOLE)
    VALIDATOR.validate(load(WHOLE, "shop.yaml").data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "verison: 1"),
        ("version: 1", "version: '1'"),
        ("version: 1\n", ""),
        ("version: 1", "version: 1\ntires: {}"),
        ("currency: EUR", "currency: EURO"),
        ("en: Shop", "English: Shop"),
        ("value: 1000.5", "value: '1000.5'"),
        ("value: 1000.5", "value: true"),
        ("unit: EUR", "unit: euros"),
        (', why: "a tenth spends as much"', ""),
        ("much: {", "Much: {"),
        ("unit: number, entries", "unit: numbers, entries"),
        ("Nice: 1.5", "Nice: [1]"),
        ("country: FR", "land: FR"),
        ("points: 30", "points: many"),
        ("measure: spend(days=365)", "measure: 5"),
        ("keep: 0}", "keep: 2}"),
        ("review: yearly", "review: annually"),
        ("qualify:", "qualifies:"),
        ("grace: 30d", "grace: 30"),
        ("grace: 30d", "grace: 12h"),
        ("was: [silver]", "was: silver"),
        ("enter: 50", "enter: 50.5"),
        ("enter: 75", "enter: 175"),
        ("when: segment", "while: segment"),
        ("every: 90d", "every: 3 months"),
        ("at: 2026-01-05", "at: 5 January"),
        ("times: 2", "times: 0"),
        ("amount: 49.90", "amount: 49 EUR"),
        ("changes: none", "changes: nothing"),
        ("ends: 2026-04-04", "end: 2026-04-04"),
    ],
)
def test_mistakes_do_not_validate(old: str, new: str) -> None:
    text = WHOLE.replace(old, new, 1)
    assert text != WHOLE
    with pytest.raises(BadRulebook):
        compile_book(text)
    assert not VALIDATOR.is_valid(load(text, "shop.yaml").data)

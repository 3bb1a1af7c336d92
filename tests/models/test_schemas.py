"""The committed JSON Schemas: up to date, true to the models, and compatible as they change."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from models.decisions import AnyDecision, TierChanged, TierCurrent, encode
from models.wire.__main__ import all_schemas, write_schemas
from models.wire.compatibility import breaking_changes
from models.wire.outputs import OUTPUT_TYPES, broken_promises, output_schema
from models.wire.schema import FOLDER, SchemaFile, schema_of, schema_text
from models.wire.topics import TOPICS
from rules import catalog
from rules.compiler.compile import compile_book
from rules.examples.rehearsal import Rehearsal
from streams.outputs import current
from tests.models.strategies import WireEvent, topic_of, wire_events
from tests.models.wire_control_examples import CONTROL_EXAMPLES
from tests.models.wire_examples import EXAMPLES, PURCHASE

Schema = dict[str, Any]
WRITTEN = {name: written for name, (written, _) in (EXAMPLES | CONTROL_EXAMPLES).items()}
COMMITTED = {
    name: json.loads(schema_of(topic).path().read_text(encoding="utf-8"))
    for name, topic in TOPICS.items()
}
FILES = [file for file, _ in all_schemas()]
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in COMMITTED.items()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_committed_schemas_are_up_to_date(file: SchemaFile) -> None:
    written = file.path().read_text(encoding="utf-8")
    assert written == schema_text(file.schema), "run: python -m models.wire"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_descriptions_are_the_same_with_every_version_of_python(file: SchemaFile) -> None:
    """Until 3.13 docstrings keep the indents of the code around them."""
    assert r"\n    " not in json.dumps(file.schema)


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{file.name}.json" for file in FILES}


@pytest.mark.parametrize("schema", [f.schema for f in FILES], ids=[f.name for f in FILES])
def test_schemas_are_valid_and_described(schema: Schema) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:tierstream:schema:")
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("event", WRITTEN.values(), ids=WRITTEN)
def test_examples_validate(event: WireEvent) -> None:
    VALIDATORS[topic_of(event).name].validate(event)


@given(wire_events())
def test_schema_takes_what_the_models_take(event: WireEvent) -> None:
    VALIDATORS[topic_of(event).name].validate(event)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "sale"},
        {"order_id": ""},
        {"event_id": "a\nb"},
        {"net_amount_minor": -1},
        {"net_amount_minor": "12"},
        {"currency": "euro"},
        {"channel": "web"},
        {"schema_version": 2},
        {"lines": [{"line_id": "1"}]},
    ],
)
def test_schema_refuses_bad_fields(fields: WireEvent) -> None:
    assert not VALIDATORS["customer.purchase.v1"].is_valid({**PURCHASE, **fields})


OLD: Schema = {
    "$defs": {
        "Line": {"type": "object", "properties": {"sku": {"type": "string"}}},
        "A": {"type": "object", "properties": {"event": {"const": "a"}}, "required": ["event"]},
        "B": {"type": "object", "properties": {"event": {"const": "b"}}, "required": ["event"]},
    },
    "type": "object",
    "properties": {
        "kind": {"enum": ["x", "y"], "type": "string"},
        "amount": {"type": "number", "minimum": 0, "maximum": 10},
        "note": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "maxItems": 5},
        "cuts": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]},
        "any": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
        "event": {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]},
        "when": {"type": "string"},
    },
    "required": ["kind"],
}


def _changed(change: Callable[[Schema, Schema], object]) -> list[str]:
    new = copy.deepcopy(OLD)
    change(new, new["properties"])
    return breaking_changes(OLD, new)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda _, fields: fields.pop("amount"), "amount: the field is gone"),
        (lambda new, _: new["required"].append("note"), "note: is required now"),
        (
            lambda _, fields: fields.update(new={}) or _["required"].append("new"),
            "new: is required now",
        ),
        (lambda _, fields: fields["kind"]["enum"].remove("y"), "kind: no longer takes 'y'"),
        (lambda _, fields: fields["when"].update(const="x"), "when: only certain values"),
        (
            lambda _, fields: fields["amount"].update(type="integer"),
            "amount: no longer takes number",
        ),
        (lambda _, fields: fields["amount"].update(minimum=1), "amount: minimum is 1 now, was 0"),
        (lambda _, fields: fields["amount"].update(maximum=9), "amount: maximum is 9 now"),
        (
            lambda _, fields: fields["when"].update(minLength=1),
            "when: minLength is 1 now, was free",
        ),
        (lambda _, fields: fields["when"].update(pattern="^x"), "when: pattern"),
        (lambda _, fields: fields["when"].update(format="date"), "when: format"),
        (lambda _, fields: fields["note"]["anyOf"].pop(), "note: no longer takes null"),
        (
            lambda _, fields: fields["note"]["anyOf"][0].update(maxLength=8),
            "note: maxLength is 8 now, was 9",
        ),
        (lambda _, fields: fields["lines"].update(maxItems=4), "lines: maxItems"),
        (
            lambda new, _: new["$defs"]["Line"]["properties"].clear(),
            "lines[items].sku: the field is gone",
        ),
        (
            lambda new, _: new["$defs"]["Line"].update(required=["sku"]),
            "lines[items].sku: is required now",
        ),
        (
            lambda _, fields: fields["cuts"]["prefixItems"][1].update(type="integer"),
            "cuts[1]: no longer takes number",
        ),
        (
            lambda _, fields: fields["any"]["additionalProperties"].update(type="string"),
            "any.*: no longer takes integer, number",
        ),
        (lambda _, fields: fields["event"]["oneOf"].pop(), "event.event: no longer takes 'b'"),
        (lambda new, _: new.update(additionalProperties=False), "unknown fields are refused"),
    ],
)
def test_breaking_changes_are_found(
    change: Callable[[Schema, Schema], object], finding: str
) -> None:
    findings = _changed(change)
    assert len(findings) == 1
    assert finding in findings[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda _, fields: fields.update(new={"type": "string"}),
        lambda new, _: new["required"].clear(),
        lambda _, fields: fields["kind"]["enum"].append("z"),
        lambda _, fields: fields["amount"].update(minimum=-1, maximum=11),
        lambda _, fields: fields["amount"].pop("minimum"),
        lambda _, fields: fields["note"]["anyOf"].append({"type": "number"}),
        lambda _, fields: fields.update(when={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda _, fields: fields["event"]["oneOf"].append({"type": "null"}),
        lambda new, _: new.update(description="other words"),
    ],
)
def test_widening_changes_are_compatible(change: Callable[[Schema, Schema], object]) -> None:
    assert _changed(change) == []


@pytest.mark.parametrize("schema", COMMITTED.values(), ids=COMMITTED)
def test_a_schema_is_compatible_with_itself(schema: Schema) -> None:
    assert breaking_changes(schema, schema) == []


def test_a_breaking_change_is_not_written(tmp_path: Path) -> None:
    assert write_schemas(tmp_path) == []
    path = tmp_path / "customer.purchase.v1.json"
    before = json.loads(path.read_text(encoding="utf-8"))
    before["$defs"]["Purchase"]["properties"]["gift"] = {"type": "boolean"}
    path.write_text(schema_text(before), encoding="utf-8")
    assert write_schemas(tmp_path) == ["customer.purchase.v1: gift: the field is gone"]
    assert json.loads(path.read_text(encoding="utf-8")) == before


@pytest.mark.parametrize("name", OUTPUT_TYPES)
def test_what_comes_out_is_what_the_schema_says(name: str) -> None:
    """Of every output that the examples of a rulebook make."""
    validator = Draft202012Validator(output_schema(name).schema)
    made = [json.loads(encode(decision)) for decision in _decisions(OUTPUT_TYPES[name])]
    assert made
    for value in made:
        validator.validate(value)


def _decisions(kind: type[Any]) -> list[Any]:
    said: list[AnyDecision] = []
    for story in compile_book(catalog.text("factory")).source.examples:
        rehearsal = Rehearsal(catalog.text("factory"))
        rehearsal.play(story)
        said += rehearsal.said
    if kind is TierCurrent:
        changes = [decision for decision in said if isinstance(decision, TierChanged)]
        return [msgspec.json.decode(current(c).value or b"", type=TierCurrent) for c in changes]
    return [decision for decision in said if type(decision) is kind]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda new: new["properties"].pop("reason"), ["reason: the field is gone"]),
        (lambda new: new["required"].remove("reason"), ["reason: is required now"]),
        (lambda new: new["properties"].update(more={"type": "string"}), []),
        (
            lambda new: new["properties"].update(revision={"type": "string"}),
            ["revision: no longer takes string"],
        ),
    ],
)
def test_promises_to_subscribers_are_kept(
    change: Callable[[Schema], object], broken: list[str]
) -> None:
    old = output_schema("segment.tier-changed.v1").schema
    new = copy.deepcopy(old)
    change(new)
    assert broken_promises(old, new)[: len(broken) or 1] == broken

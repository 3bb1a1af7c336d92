"""The JSON Schemas (2020-12) of the output topics, generated from the decisions.

What counts as a break is the other way round than for input: whatever subscribers were promised, a
new version has to keep. A field may come, none may go, and none may take another shape.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING

import msgspec

from models.decisions import (
    ActionRequested,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    TierCurrent,
    TierWarning,
)
from models.wire.compatibility import breaking_changes
from models.wire.schema import SchemaFile

if TYPE_CHECKING:
    from models.wire.schema import Schema

OUTPUT_TYPES: dict[str, type[msgspec.Struct]] = {
    "segment.tier-changed.v1": TierChanged,
    "segment.tier-warning.v1": TierWarning,
    "segment.churn-risk.v1": ChurnRiskChanged,
    "segment.changed.v1": SegmentChanged,
    "segment.action-requested.v1": ActionRequested,
    "segment.tier-current.v1": TierCurrent,
}
_GONE = "the field is gone"


def output_schema(name: str) -> SchemaFile:
    """Return the JSON Schema of an output topic's values; every field is always there."""
    (generated,), parts = msgspec.json.schema_components(
        [OUTPUT_TYPES[name]], ref_template="#/$defs/{name}"
    )
    for part in parts.values():
        if "description" in part:
            # A docstring: before Python 3.13 it has the indents of the code around it.
            part["description"] = cleandoc(part["description"])
    own = parts.pop(generated["$ref"].rpartition("/")[2])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tierstream:schema:{name}",
    }
    schema = head | own | {"required": list(own["properties"]), "$defs": parts}
    return SchemaFile(name, schema)


def broken_promises(old: Schema, new: Schema) -> list[str]:
    """Return what subscribers who rely on `old` would miss in `new`; empty if nothing."""
    gone = [text for text in breaking_changes(old, new) if text.endswith(_GONE)]
    return gone + [text for text in breaking_changes(new, old) if not text.endswith(_GONE)]

"""The JSON Schemas (2020-12) of the source topics, generated from the input models.

A schema says all about single fields. What ties fields together (such as "score or polarity") is in
the descriptions and is checked by `accept` alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from models.wire.topics import TopicTypes

FOLDER = Path(__file__).parent.parent / "schemas"

Schema = dict[str, Any]


class SchemaFile(NamedTuple):
    """A topic's schema, and where it is kept."""

    name: str
    schema: Schema

    def path(self, folder: Path = FOLDER) -> Path:
        """Return where it is kept."""
        return folder / f"{self.name}.json"


def schema_of(topic: TopicTypes) -> SchemaFile:
    """Return the JSON Schema of a source topic's values."""
    generated = topic.adapter.json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tierstream:schema:{topic.name}",
        "title": topic.title,
        "description": (
            f"Values of {topic.name}: {', '.join(topic.types)}. Unknown fields are ignored and "
            f"counted. At most {topic.value_bytes_max:,} bytes."
        ),
    }
    schema = head | {name: part for name, part in generated.items() if name not in head}
    return SchemaFile(topic.name, schema)


def schema_text(schema: Schema) -> str:
    """Return a schema as it is written to its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"

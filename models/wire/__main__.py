"""Write the JSON Schemas of the source and output topics: `python -m models.wire`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from models.wire.compatibility import breaking_changes
from models.wire.outputs import OUTPUT_TYPES, broken_promises, output_schema
from models.wire.schema import FOLDER, Schema, SchemaFile, schema_of, schema_text
from models.wire.topics import TOPICS

Breaks = Callable[[Schema, Schema], list[str]]


def all_schemas() -> list[tuple[SchemaFile, Breaks]]:
    """Return every topic's schema, with what tells how a change of it breaks what is there."""
    files: list[tuple[SchemaFile, Breaks]] = []
    files += [(schema_of(topic), breaking_changes) for topic in TOPICS.values()]
    files += [(output_schema(name), broken_promises) for name in OUTPUT_TYPES]
    return files


def write_schemas(folder: Path) -> list[str]:
    """Write every schema that breaks nothing; return the breaks of those left as they were."""
    refused: list[str] = []
    folder.mkdir(exist_ok=True)
    for file, breaks_of in all_schemas():
        path, schema = file.path(folder), file.schema
        old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else schema
        breaks = breaks_of(old, schema)
        if breaks:
            refused.extend(f"{file.name}: {text}" for text in breaks)
        else:
            path.write_text(schema_text(schema), encoding="utf-8")
    return refused


def main() -> int:
    """Write the schemas beside the models; return the exit status."""
    refused = write_schemas(FOLDER)
    if refused:
        advice = (
            "These changes would turn away events that are valid today, or take from subscribers\n"
            "what they rely on. Give the event a new schema_version with an upcast, the output a\n"
            "new topic version, or delete the schema's file if nobody uses it yet."
        )
        sys.stderr.write("\n".join([*refused, "", advice, ""]))
        return 1
    sys.stdout.write(f"wrote {len(all_schemas())} schemas to {FOLDER}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

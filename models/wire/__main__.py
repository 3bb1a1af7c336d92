"""Write the JSON Schemas of the source topics: `python -m models.wire`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from models.wire.compatibility import breaking_changes
from models.wire.schema import FOLDER, schema_of, schema_path, schema_text
from models.wire.topics import TOPICS


def write_schemas(folder: Path) -> list[str]:
    """Write every schema that breaks nothing; return the breaks of those left as they were."""
    refused: list[str] = []
    folder.mkdir(exist_ok=True)
    for topic in TOPICS.values():
        path, schema = schema_path(topic, folder), schema_of(topic)
        old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else schema
        breaks = breaking_changes(old, schema)
        if breaks:
            refused.extend(f"{topic.name}: {text}" for text in breaks)
        else:
            path.write_text(schema_text(schema), encoding="utf-8")
    return refused


def main() -> int:
    """Write the schemas beside the models; return the exit status."""
    refused = write_schemas(FOLDER)
    if refused:
        advice = (
            "These changes would turn away events that are valid today. Give the event a new\n"
            "schema_version with an upcast, or delete the schema's file if nobody uses it yet."
        )
        sys.stderr.write("\n".join([*refused, "", advice, ""]))
        return 1
    sys.stdout.write(f"wrote {len(TOPICS)} schemas to {FOLDER}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

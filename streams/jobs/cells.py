"""Cells of CSV are text; the input models want numbers and truth values where they say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from models.wire import TOPICS
from models.wire.refusal import MINOR_UNITS
from models.wire.topics import home_of

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def typed(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return the cells with the types that the schema of their event asks for.

    Raises:
        ValueError: a cell cannot be read as its type; the message names it.
    """
    types = _types(cells.get("event", ""))
    return {name: _read(name, text, types.get(name, frozenset())) for name, text in cells.items()}


def _read(name: str, text: str, types: frozenset[str]) -> int | float | bool | str:
    try:
        if "integer" in types:
            return int(_plain(text))
        if "boolean" in types:
            return _TRUTH[text.lower()]
        if "number" in types:
            return float(_plain(text))
    except (ValueError, KeyError):
        wanted = " or ".join(sorted(types - {"null"}))
        message = f"{name}: {text!r} is no {wanted}"
        if name.endswith("_minor"):
            message += MINOR_UNITS
        raise ValueError(message) from None
    return text


def _plain(text: str) -> str:
    """Return a number's text; raises ValueError where only Python would take it for one."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


@cache
def _types(event: str) -> dict[str, frozenset[str]]:
    """Return the JSON types of each field of an event type; nothing for an unknown one."""
    topic = home_of(event)
    if topic is None:
        return {}
    schema = TOPICS[topic].adapter.json_schema()
    definitions = schema.get("$defs", {})
    for model in (schema, *definitions.values()):
        fields = model.get("properties", {})
        if fields.get("event", {}).get("const") == event:
            return {name: frozenset(_kinds(each, definitions)) for name, each in fields.items()}
    return {}


def _kinds(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "type" in schema:
        yield schema["type"]
    for part in schema.get("anyOf", ()):
        yield from _kinds(part, definitions)

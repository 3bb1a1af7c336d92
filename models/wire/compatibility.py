"""Compatibility of two JSON Schemas: whatever the old one takes, the new one must take as well.

Understands the keywords that pydantic writes. A field that is gone counts as a break, although it
would be ignored: a producer that sends it expects it to matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

Schema = dict[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_ANYTHING: Schema = {}
_FIXED = ("pattern", "format")
_NESTED = ("items", "propertyNames")
_ALL_TYPES = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what `new` refuses or drops that `old` takes, one text each; empty if nothing."""
    return list(_Comparison(old, new).breaks(old, new, ""))


class _Comparison:
    """Two documents, so that references can be followed in both."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def breaks(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        old_ways, new_ways = _alternatives(old), _alternatives(new)
        if old_ways == [old] and new_ways == [new]:
            yield from self._single(old, new, path)
            return
        for way in old_ways:
            # The nearest of the new alternatives says best what is missing.
            attempts = (list(self.breaks(way, other, path)) for other in new_ways)
            yield from min(attempts, key=len)

    def _single(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        where = path or "the event"
        lost = _types(old) - _types(new)
        if lost:
            yield f"{where}: no longer takes {', '.join(sorted(lost))}"
            return
        yield from _narrowed_values(old, new, where)
        yield from _narrowed_bounds(old, new, where)
        yield from self._fields(old, new, path)
        for keyword in _NESTED:
            if keyword in new:
                yield from self.breaks(old.get(keyword, {}), new[keyword], f"{path}[{keyword}]")
        had: list[Schema] = old.get("prefixItems", [])
        has: list[Schema] = new.get("prefixItems", [])
        for place, (was, now) in enumerate(zip_longest(had, has, fillvalue=_ANYTHING)):
            yield from self.breaks(was, now, f"{path}[{place}]")

    def _fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        prefix = f"{path}." if path else ""
        had, has = old.get("properties", {}), new.get("properties", {})
        for name in had:
            if name in has:
                yield from self.breaks(had[name], has[name], prefix + name)
            else:
                yield f"{prefix}{name}: the field is gone"
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{prefix}{name}: is required now"
        others_old = old.get("additionalProperties", True)
        others_new = new.get("additionalProperties", True)
        if others_new is False and others_old is not False:
            yield f"{path or 'the event'}: unknown fields are refused now"
        elif isinstance(others_new, dict) and others_old is not False:
            values = others_old if isinstance(others_old, dict) else {}
            yield from self.breaks(values, others_new, f"{prefix}*")


def _resolved(document: Schema, schema: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    name = reference.removeprefix("#/$defs/")
    definition: Schema = document["$defs"][name]
    return definition


def _alternatives(schema: Schema) -> list[Schema]:
    ways: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return ways


def _types(schema: Schema) -> frozenset[str]:
    named = schema.get("type", _ALL_TYPES)
    types = frozenset({named} if isinstance(named, str) else named)
    return types | {"integer"} if "number" in types else types


def _narrowed_values(old: Schema, new: Schema, where: str) -> Iterator[str]:
    had, has = _values(old), _values(new)
    if has is None:
        return
    if had is None:
        yield f"{where}: only certain values are taken now"
    elif gone := [value for value in had if value not in has]:
        yield f"{where}: no longer takes {', '.join(map(repr, gone))}"


def _values(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def _narrowed_bounds(old: Schema, new: Schema, where: str) -> Iterator[str]:
    tighter: Callable[[Any, Any], bool]
    for keywords, tighter in (
        (_LOWER_BOUNDS, lambda was, now: now > was),
        (_UPPER_BOUNDS, lambda was, now: now < was),
        (_FIXED, lambda was, now: now != was),
    ):
        for keyword in keywords:
            if keyword in new and (keyword not in old or tighter(old[keyword], new[keyword])):
                yield f"{where}: {keyword} is {new[keyword]} now, was {old.get(keyword, 'free')}"

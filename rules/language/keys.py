"""The keys that a construct of the language has, by its place in a rulebook."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from rules.language.document import Path
from rules.language.entries import Rulebook

_CONDITIONS = ("when", "while", "if", "qualify", "only_if")  # each has its place
_ALIKE = 0.75  # more than by default: a key of another construct is misplaced, not misspelt


def keys(path: Path) -> list[str]:
    """Return the keys of the construct at a path."""
    model = _model_at(path, Rulebook)
    return [] if model is None else [key for key, _ in _fields(model)]


def meant_keys(path: Path) -> list[str]:
    """Return the keys that the last one of a path, which is unknown there, may be meant to be."""
    known, key = keys(path[:-1]), str(path[-1]).partition(":")[0]  # `value:100` lacks a space
    conditions = [name for name in _CONDITIONS if name in known] if key in _CONDITIONS else []
    return conditions or get_close_matches(key, known, n=1, cutoff=_ALIKE)


def about(path: Path) -> str:
    """Return what a construct's key at the end of a path is for, "" where it is no such key."""
    model = _model_at(path[:-1], Rulebook) if path else None
    fields = {} if model is None else model.model_fields
    said = [f.description or "" for name, f in fields.items() if (f.alias or name) == path[-1]]
    return said[0][:1].lower() + said[0][1:].removesuffix(".") if said else ""


def _model_at(path: Path, kind: Any) -> type[BaseModel] | None:  # noqa: ANN401  # an annotation
    """Return the model of what stands at a path within something that is annotated so."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not path:
            return kind
        return _model_at(path[1:], dict(_fields(kind)).get(str(path[0])))
    kinds = get_args(kind)
    if get_origin(kind) is dict:
        return _model_at(path[1:], kinds[1]) if path else None
    if get_origin(kind) is tuple:
        return _model_at(path[1:], kinds[0]) if path else None
    for one in kinds:  # of a union, whose member is a step of the path, too
        is_named = path[:1] == (getattr(one, "__name__", None),)
        found = _model_at(path[1:] if is_named else path, one)
        if found is not None:
            return found
    return None


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.annotation

"""Rulebooks that follow a generated one: some things have other names, and some are gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

_NAMES = ("t0", "t1", "a", "x", "y", "single", "many", "open", "level", "late", "some", "p0", "a1")
_GONE = ("p1", "a2")
_CATEGORIES = ("first_match", "all_matches", "levels")


@st.composite
def successors(draw: st.DrawFn, text: str) -> str:
    """Draw a rulebook to come after one of `whole_books.texts`."""
    names = draw(st.sets(st.sampled_from(_NAMES)))
    for name in sorted(names):
        text = re.sub(rf"\b{name}\b", _new(name), text)
    book = yaml.safe_load(text)
    book["version"] += 1
    book["groups"] = {name: {"when": when} for name, when in book["groups"].items()}
    for name, entry in _named(book):
        entry["was"] = [former for former in names if _new(former) == name]
    for name in draw(st.sets(st.sampled_from(_GONE))):
        book["policies"].pop(name, None)
        book["actions"].pop(name, None)
    return str(yaml.safe_dump(book, sort_keys=False))


def _new(name: str) -> str:
    return f"{name}_new"


def _named(book: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield everything that has a name."""
    for section in ("dimensions", "groups", "policies", "actions"):
        yield from book[section].items()
    lists = [entry.get(key, ()) for entry in book["dimensions"].values() for key in _CATEGORIES]
    for entries in (book["tiers"]["ladder"], *lists):
        yield from ((entry["name"], entry) for entry in entries)

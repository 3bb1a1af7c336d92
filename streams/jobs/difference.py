"""What differs between two rulebooks, in the words of the rulebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from rules.language.conclusions import CaseEntry, DimensionEntry, LevelEntry
from rules.language.construct import Named
from rules.language.entries import ParameterEntry, Rulebook

Kind: TypeAlias = Literal["added", "removed", "renamed", "changed"]
Said: TypeAlias = Mapping[str, str]

_WHOLE = ("zone", "currency", "personal", "sites", "rfm")
_SINGLE = ("lifecycle", "churn")
_MAPPINGS = (*("tables", "measures", "scores", "dimensions", "groups", "policies", "actions"),)
_CATEGORIES = ("levels", "first_match", "all_matches")
_OWN = {"name", "was", "label"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of `name` in a section of the rulebook, what was, and what is.

    `part`: which part of it, empty where it is about the whole. `why`: a parameter's reason.
    """

    section: str
    name: str
    kind: Kind
    part: str = ""
    old: str | None = None
    new: str | None = None
    why: str | None = None


def differences(old: Rulebook, new: Rulebook) -> list[Change]:
    """Return what differs, section by section in the order of a rulebook.

    Labels, the order of what has no order, and the examples' steps are left out.
    """
    found = list(_whole(old, new))
    found += _parameters(old.parameters, new.parameters)
    found += _named("tiers", _by_name(old.tiers.ladder), _by_name(new.tiers.ladder))
    today = {was: tier.name for tier in new.tiers.ladder for was in tier.was}
    found += _parts("tiers", "ladder", _timing(old, today), _timing(new, {}))
    for section in _SINGLE:
        found += _one(section, getattr(old, section), getattr(new, section))
    for section in _MAPPINGS:
        found += _named(section, getattr(old, section), getattr(new, section))
    if len(old.examples) != len(new.examples):
        counts = str(len(old.examples)), str(len(new.examples))
        found.append(Change("examples", "examples", "changed", "number", *counts))
    return found


def unplaced(old: Rulebook, new: Rulebook) -> list[str]:
    """Return, in words, the tiers and categories that the new rulebook neither has nor replaces.

    Customers stand in them, so the new rulebook has to say with `was:` what takes their place. A
    dimension that is dropped altogether needs no place: everybody leaves it.
    """
    ladder = {known for tier in new.tiers.ladder for known in (tier.name, *tier.was)}
    found = [f"the tier `{tier.name}`" for tier in old.tiers.ladder if tier.name not in ladder]
    today = {known: entry for n, entry in new.dimensions.items() for known in (n, *entry.was)}
    for name, entry in old.dimensions.items():
        if name in today:
            kept = {known for c in _ways_in(today[name]) for known in (c.name, *c.was)}
            found += [
                f"the category `{category.name}` of `{name}`"
                for category in _ways_in(entry)
                if category.name not in kept
            ]
    return found


def _ways_in(entry: DimensionEntry) -> Sequence[LevelEntry | CaseEntry]:
    """Return the categories of a dimension; an open one has none of its own."""
    return entry.levels or entry.cases


def _whole(old: Rulebook, new: Rulebook) -> Iterator[Change]:
    for name in _WHOLE:
        before, after = (_written(getattr(book, name)) for book in (old, new))
        if before != after:
            yield Change("rulebook", name, "changed", "", before, after)


def _parameters(
    old: Mapping[str, ParameterEntry], new: Mapping[str, ParameterEntry]
) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before is None and after is not None:
            yield Change("parameters", name, "added", "", None, _amount(after), after.why)
        elif after is None and before is not None:
            yield Change("parameters", name, "removed", "", _amount(before), None, before.why)
        elif before is not None and after is not None and before != after:
            if (before.value, before.unit) == (after.value, after.unit):
                yield Change("parameters", name, "changed", "reason", before.why, after.why)
            else:
                values = _amount(before), _amount(after)
                yield Change("parameters", name, "changed", "", *values, after.why)


def _one(section: str, old: BaseModel | None, new: BaseModel | None) -> Iterator[Change]:
    if old is None and new is not None:
        yield Change(section, section, "added", new=_joined(_said(new)))
    elif new is None and old is not None:
        yield Change(section, section, "removed", old=_joined(_said(old)))
    elif old is not None and new is not None:
        yield from _parts(section, section, _said(old), _said(new))


def _named(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Compare what has names; what was called otherwise before is one thing, renamed."""
    before = dict(old)
    for name, entry in new.items():
        was = next((n for n in (name, *_earlier(entry)) if n in before), None)
        if was is None:
            yield Change(section, name, "added", new=_joined(_said(entry)))
            continue
        if was != name:
            yield Change(section, name, "renamed", old=was, new=name)
        yield from _parts(section, name, _said(before.pop(was)), _said(entry), _renamed(entry))
    for name, entry in before.items():
        yield Change(section, name, "removed", old=_joined(_said(entry)))


def _parts(
    section: str, name: str, old: Said, new: Said, renamed: Mapping[str, str] | None = None
) -> Iterator[Change]:
    """Compare the parts of one thing; `renamed`: a part's name before, by its name now."""
    before = dict(old)
    for part, text in new.items():
        was = (renamed or {}).get(part, part)
        if was in before and part != was:
            yield Change(section, name, "renamed", part, was, part)
        left = before.pop(was, None)
        if left != text:
            yield Change(section, name, "changed", part, left, text)
    for part, text in before.items():
        yield Change(section, name, "changed", part, text, None)


def _said(entry: object) -> dict[str, str]:
    """Return what an entry says, part by part; a category of a dimension is a part."""
    if not isinstance(entry, BaseModel):
        return {"": _written(entry)}
    said = entry.model_dump(by_alias=True, exclude_defaults=True, exclude=_OWN)
    parts = {}
    for name, value in said.items():
        if name not in _CATEGORIES:
            parts[name] = _written(value)
            continue
        for category in value:
            rest = {key: each for key, each in category.items() if key not in _OWN}
            parts[_category(category["name"])] = _written(rest) or "(no bound)"
        if name != "all_matches":
            parts["order"] = ", ".join(category["name"] for category in value)
    return parts


def _renamed(entry: object) -> dict[str, str]:
    """Return, by the part that a category is, the part that it was under an earlier name."""
    categories = [c for name in _CATEGORIES for c in getattr(entry, name, ())]
    return {_category(c.name): _category(was) for c in categories for was in c.was}


def _category(name: str) -> str:
    return f"category {name}"


def _timing(book: Rulebook, today: Mapping[str, str]) -> Said:
    """Return how customers move on the ladder; `today`: names by those before."""
    tiers = book.tiers
    return {
        "order": " < ".join(today.get(tier.name, tier.name) for tier in tiers.ladder),
        "upgrade": tiers.upgrade,
        "downgrade": tiers.downgrade,
        "review": tiers.review,
        "refund": tiers.refund,
    }


def _earlier(entry: object) -> tuple[str, ...]:
    return entry.was if isinstance(entry, Named) else ()


def _by_name(entries: Sequence[Any]) -> dict[str, Any]:
    return {entry.name: entry for entry in entries}


def _amount(entry: ParameterEntry) -> str:
    return f"{entry.value:,} {entry.unit}"


def _joined(said: Said) -> str:
    return "; ".join(f"{name}: {text}" if name else text for name, text in said.items())


def _written(value: object) -> str:
    """Write a value on one line: expressions lose their line breaks, nothing else."""
    match value:
        case None | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return " ".join(value.split())
        case BaseModel():
            return _written(value.model_dump(by_alias=True, exclude_defaults=True, exclude=_OWN))
        case Mapping():
            return ", ".join(f"{name} {_written(each)}" for name, each in value.items())
        case list() | tuple():
            return "; ".join(map(_written, value))
    return f"{value}"

"""Coverage: what the shipped rulebooks show of what is asked for, found by playing their examples.

`catalog/shown.yaml` names, for each row of what is asked for, the things of a rulebook that show it
and an example that reaches them. Nothing is taken on trust: a row counts only if each of its things
came out of the example that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from rules import catalog
from rules.eras import compiled
from rules.examples.rehearsal import Rehearsal, unreached
from rules.language.document import load

_SHOWN = "shown.yaml"

Text: TypeAlias = Annotated[str, Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Showing(_Model):
    """Things of a rulebook that show a row, and the example of it that reaches them.

    A thing is `dimension.<name>`, `group.<name>`, `policy.<name>`, `action.<name>`, `tier` or
    `lifecycle`.
    """

    book: Text
    things: Annotated[tuple[Text, ...], Field(min_length=1)]
    example: Text


Rows: TypeAlias = dict[Text, Annotated[tuple[Showing, ...], Field(min_length=1)]]


class Shown(_Model):
    """The rows: what customers are classified by, and what is done for a class of them."""

    dimensions: Rows
    policies: Rows


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is shown, and what is not: rows by name, and `rulebook: thing=name` for the rest.

    `unshown` says of each row that is not shown what is missing.
    """

    dimensions_shown: int
    dimensions_total: int
    policies_shown: int
    policies_total: int
    unshown: Mapping[str, str]
    categories_unreached: tuple[str, ...]
    actions_unreached: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the figures alone."""
        return {
            "dimensions_shown": self.dimensions_shown,
            "dimensions_total": self.dimensions_total,
            "policies_shown": self.policies_shown,
            "policies_total": self.policies_total,
            "categories_unreached": len(self.categories_unreached),
            "actions_unreached": len(self.actions_unreached),
        }


@dataclass(frozen=True, slots=True)
class _Played:
    """A rulebook whose examples have been played: what each reached, and what none did.

    An example that did not come true shows nothing: it has None.
    """

    reached: Mapping[str, frozenset[str] | None]
    unreached: frozenset[str]


def shown() -> Shown:
    """Return the rows of what is asked for, each with what shows it."""
    text = files(catalog).joinpath(_SHOWN).read_text(encoding="utf-8")
    return Shown.model_validate(load(text, _SHOWN).data)


def coverage() -> Coverage:
    """Play every example of every shipped rulebook, and count what they show.

    Raises:
        BadRulebook: a shipped rulebook is not in order.
    """
    played = {name: _play(name) for name in catalog.NAMES}
    rows = shown()
    unshown = dict(_unshown({**rows.dimensions, **rows.policies}, played))
    left = [(name, thing) for name in played for thing in sorted(played[name].unreached)]
    acting = ("policy=", "action=")
    return Coverage(
        dimensions_shown=len(rows.dimensions.keys() - unshown),
        dimensions_total=len(rows.dimensions),
        policies_shown=len(rows.policies.keys() - unshown),
        policies_total=len(rows.policies),
        unshown=unshown,
        categories_unreached=tuple(f"{n}: {t}" for n, t in left if not t.startswith(acting)),
        actions_unreached=tuple(f"{n}: {t}" for n, t in left if t.startswith(acting)),
    )


def _play(name: str) -> _Played:
    text = catalog.text(name)
    book = compiled(text)
    reached: dict[str, frozenset[str] | None] = {}
    for story in book.source.examples:
        rehearsal = Rehearsal(text)
        rehearsal.play(story)
        reached[story.name] = None if rehearsal.failures else frozenset(rehearsal.reached)
    whole = set[str]().union(*(names for names in reached.values() if names is not None))
    return _Played(reached, frozenset(unreached(book, whole)))


def _unshown(
    rows: Mapping[str, tuple[Showing, ...]], played: Mapping[str, _Played]
) -> Iterator[tuple[str, str]]:
    """Yield the rows of which something is not shown, and what it is."""
    for row, showings in rows.items():
        lacks = [lack for showing in showings for lack in _lacks(showing, played)]
        if lacks:
            yield row, "; ".join(lacks)


def _lacks(showing: Showing, played: Mapping[str, _Played]) -> Iterator[str]:
    book = played.get(showing.book)
    if book is None:
        yield f"there is no rulebook {showing.book}"
        return
    if showing.example not in book.reached:
        yield f"{showing.book} has no example {showing.example!r}"
        return
    reached = book.reached[showing.example]
    if reached is None:
        yield f"{showing.book}: {showing.example!r} does not come true"
        return
    for thing in showing.things:
        if not _is_reached(thing, reached):
            yield f"{showing.book}: {showing.example!r} does not reach {thing}"


def _is_reached(thing: str, reached: frozenset[str]) -> bool:
    """Tell whether an example came to a category, or to what is done, in the rehearsal's names."""
    kind, _, name = thing.partition(".")
    match kind:
        case "policy" | "action":
            return f"{kind}={name}" in reached
        case "group":
            return f"{thing}=in" in reached
        case "dimension":
            return any(found.startswith(f"{name}=") for found in reached)
    return any(found.startswith(f"{thing}=") for found in reached)

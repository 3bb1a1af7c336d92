"""The lint of actions: what is never asked for, at every event, or not as often as it says."""

from __future__ import annotations

from rules.language.checked import ActionRules
from rules.language.document import Path
from rules.language.entries import ActionEntry
from rules.language.reading import Reader
from rules.language.regions import boxes
from rules.language.tree import And, Condition, Happened, Or

_FREQUENT = {"purchase", "engagement"}


def is_asked_for(reader: Reader, rules: ActionRules, entry: ActionEntry) -> None:
    """Note what keeps an action from being asked for when it is meant to be."""
    path: Path = ("actions", rules.name)
    conditions = {"when": rules.when, "while": rules.condition}
    never = [key for key, condition in conditions.items() if boxes(condition) == []]
    for key in never:
        reader.refuse(
            (*path, key),
            "this can never be true",
            "two of its parts exclude each other; a look is about one event and one category",
        )
    if not never and boxes(And((rules.when, rules.condition))) == []:
        reader.refuse(
            (*path, "while"),
            f"`when` and `while` of `{rules.name}` can never be true together",
            "both are asked in the same look: who has just entered a category is in it",
        )
    cooldown = 0 if entry.cooldown is None else _hours(entry.cooldown)
    if cooldown == 0 and _on_every(rules.when):
        reader.refuse(
            (*path, "when"),
            f"`{rules.name}` would be asked for at every event",
            "add a cooldown, such as cooldown: 30d, or say of which kind the event is",
        )
    if entry.every is not None and cooldown > _hours(entry.every):
        reader.advise(
            (*path, "cooldown"),
            f"`{rules.name}` is not asked for every {entry.every}: its cooldown is longer",
            "leave the cooldown out, or let it be asked for less often",
        )


def _hours(duration: str) -> int:
    return int(duration[:-1]) * (24 if duration.endswith("d") else 1)


def _on_every(when: Condition) -> bool:
    """Tell whether a moment is every purchase or every engagement."""
    match when:
        case Happened(kind, args):
            return kind in _FREQUENT and not args
        case Or(parts):
            return any(_on_every(part) for part in parts)
        case And(parts):
            return bool(parts) and all(_on_every(part) for part in parts)
    return False

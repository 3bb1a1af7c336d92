"""The check of a ladder and its timing."""

from __future__ import annotations

from rules.language.checked import TierRules
from rules.language.conclusions import TierEntry
from rules.language.document import Path
from rules.language.reading import Reader

_NONE = "0d"


def tier_rules(reader: Reader) -> tuple[TierRules, ...]:
    """Return the rules of the tiers, low to high; note what is wrong with them."""
    ladder = reader.rulebook.tiers.ladder
    reader.distinct(("tiers", "ladder"), [entry.name for entry in ladder])
    _timing_is_possible(reader)
    tiers = []
    for index, entry in enumerate(ladder):
        path: Path = ("tiers", "ladder", index)
        if index == 0:
            _lowest_is_free(reader, path, entry)
        elif entry.qualify is None:
            reader.refuse(
                path,
                f"the tier `{entry.name}` has no `qualify`",
                "only the lowest tier is for everybody; the ladder stands low to high",
            )
        qualify = reader.condition((*path, "qualify"), entry.qualify)
        keep = reader.condition((*path, "keep"), entry.keep)
        tiers.append(TierRules(entry.name, qualify, keep if entry.keep else qualify))
    return tuple(tiers)


def _lowest_is_free(reader: Reader, path: Path, entry: TierEntry) -> None:
    if entry.qualify is not None or entry.keep is not None:
        reader.refuse(
            path,
            f"the lowest tier, `{entry.name}`, cannot have conditions",
            "everybody begins there; put a tier without conditions below it",
        )
    elif {entry.grace, entry.minimum_stay, entry.warn} != {_NONE}:
        reader.refuse(
            path,
            f"the lowest tier, `{entry.name}`, is never lost",
            "take grace, minimum_stay and warn out; there is no tier below it",
        )


def _timing_is_possible(reader: Reader) -> None:
    tiers = reader.rulebook.tiers
    if tiers.review == "continuous" and tiers.upgrade == "review":
        reader.refuse(
            ("tiers", "upgrade"),
            "`upgrade: review` waits for reviews, and there are none",
            "add a review, such as review: yearly, or write upgrade: immediate",
        )
    for index, entry in enumerate(tiers.ladder):
        path: Path = ("tiers", "ladder", index)
        if tiers.review == "continuous" and entry.warn != _NONE:
            reader.refuse(
                (*path, "warn"),
                f"`warn` of `{entry.name}` counts back from a review, and there are none",
                "add a review, such as review: yearly, or write grace: 30d instead",
            )
        is_middle = 0 < index < len(tiers.ladder) - 1
        no_time = entry.grace == _NONE and entry.minimum_stay == _NONE
        if tiers.downgrade == "one_step" and is_middle and no_time:
            reader.refuse(
                path,
                f"under `one_step`, who falls to `{entry.name}` may fall on in the same instant",
                f"give `{entry.name}` a grace or a minimum_stay, or write downgrade: to_qualified",
            )

"""The lint: what can be written, and is refused or advised against because it is hardly meant.

It reasons about the bounds of single facts (see `regions`). It does not see how facts depend on one
another (who has spent has ordered), nor that counts are whole numbers, and says nothing about
conditions with very many alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rules.language.checked import DimensionRules, Rules
from rules.language.document import Path
from rules.language.entries import ActionEntry, DimensionEntry
from rules.language.reading import Reader
from rules.language.regions import Box, Range, boxes, covers
from rules.language.tree import And, Condition, Fact, Happened, Or, facts_of, render

_SPENDABLE = ("balance", "points", "credit", "miles")
_EARLIER_MAX = 128  # boxes of the cases before; what comes later is not compared with them
_FREQUENT = {"purchase", "engagement"}


def examine(reader: Reader, rules: Rules) -> None:
    """Note what is hardly meant about a rulebook that is otherwise in order."""
    by_name = {dimension.name: dimension for dimension in rules.dimensions}
    for name, entry in reader.rulebook.dimensions.items():
        if entry.cases:
            _cases(reader, ("dimensions", name), entry, by_name[name])
        if entry.only_if is not None and boxes(by_name[name].only_if) == []:
            _never(reader, ("dimensions", name, "only_if"))
    for name in reader.rulebook.groups:
        if boxes(by_name[f"group.{name}"].member) == []:
            _never(reader, ("groups", name))
    for policy in rules.policies:
        if boxes(policy.condition) == []:
            _never(reader, ("policies", policy.name, "while"))
    for action in rules.actions:
        for key, condition in (("when", action.when), ("while", action.condition)):
            if boxes(condition) == []:
                _never(reader, ("actions", action.name, key))
        _fires_too_often(reader, action.name, reader.rulebook.actions[action.name], action.when)
    _ladder(reader, rules)
    _timing(reader)
    _balances(reader, rules)


def _never(reader: Reader, path: Path) -> None:
    reader.refuse(
        path, "this can never be true", "two of its bounds exclude each other; look at their signs"
    )


def _cases(reader: Reader, path: Path, entry: DimensionEntry, rules: DimensionRules) -> None:
    construct = "first_match" if entry.first_match else "all_matches"
    found = [boxes(_under(rules.only_if, case)) for case in rules.cases]
    names = [case.name for case in entry.cases]
    earlier: list[Box] = []
    for index, regions in enumerate(found):
        here: Path = (*path, construct, index)
        if regions is None:
            continue
        if not regions:
            _never(reader, here)
        elif (
            entry.first_match
            and entry.declared is None
            and all(covers(earlier, box) for box in regions)
        ):
            reader.refuse(
                here,
                f"`{names[index]}` can never win: what comes before takes all its customers",
                "the order of the list decides; put the narrower case first",
            )
        if len(earlier) <= _EARLIER_MAX:
            earlier += regions
    if entry.first_match:
        _overlaps(reader, (*path, construct), names, found)
    else:
        _gaps(reader, (*path, construct), names, found, rules)


def _under(only_if: Condition | None, case: Condition | None) -> Condition | None:
    parts = tuple(part for part in (only_if, case) if part is not None)
    return And(parts) if len(parts) > 1 else parts[0] if parts else None


def _overlaps(
    reader: Reader, path: Path, names: Sequence[str], found: Sequence[list[Box] | None]
) -> None:
    """Advise against two cases on one fact of which neither holds the other, but which meet."""
    ranges = list(_single_ranges(found))
    for place, (i, fact, one) in enumerate(ranges):
        for j, other_fact, other in ranges[:place]:
            nested = one.within(other) or other.within(one)
            if fact == other_fact and not nested and not one.meet(other).is_empty:
                reader.advise(
                    (*path, i),
                    f"`{names[i]}` and `{names[j]}` overlap on {fact}; `{names[j]}` wins there",
                    "let one begin where the other ends, if that is not meant",
                )


def _gaps(
    reader: Reader,
    path: Path,
    names: Sequence[str],
    found: Sequence[list[Box] | None],
    rules: DimensionRules,
) -> None:
    """Advise against a hole between neighbouring ranges of one fact, where nothing holds."""
    ranges = sorted(_single_ranges(found), key=lambda single: single[2].low)
    one_fact = len({fact for _, fact, _ in ranges}) == 1 and len(ranges) == len(names)
    if not one_fact or None in rules.cases:
        return
    for (_, fact, lower), (i, _, upper) in pairwise(ranges):
        touches = lower.high == upper.low and (lower.high_in or upper.low_in)
        if lower.high <= upper.low and not touches:
            reader.advise(
                (*path, i),
                f"between {lower.high:g} and {upper.low:g} of {fact} no category holds",
                "let one begin where the other ends, or add a case with `otherwise: true`",
            )


def _single_ranges(found: Sequence[list[Box] | None]) -> Iterator[tuple[int, str, Range]]:
    """Yield the cases that are one range of one fact: their place, the fact, and the range."""
    for index, regions in enumerate(found):
        if regions is not None and len(regions) == 1 and len(regions[0]) == 1:
            ((fact, side),) = regions[0].items()
            if isinstance(side, Range):
                yield index, fact, side


def _ladder(reader: Reader, rules: Rules) -> None:
    """Refuse tiers that cannot be reached, or are easier than a lower one, or hard to keep."""
    regions = [boxes(tier.qualify) for tier in rules.tiers]
    for rank, tier in enumerate(rules.tiers):
        path: Path = ("tiers", "ladder", rank)
        own = regions[rank]
        if rank == 0 or own is None:
            continue
        if not own:
            _never(reader, (*path, "qualify"))
            continue
        for higher in range(rank + 1, len(rules.tiers)):
            above = regions[higher]
            if above and all(covers(above, box) for box in own):
                reader.refuse(
                    (*path, "qualify"),
                    f"whoever reaches `{tier.name}` reaches `{rules.tiers[higher].name}` at once",
                    "the ladder stands low to high; a higher tier asks for more",
                )
        _keeps_easily(reader, path, own, boxes(tier.keep))


def _keeps_easily(reader: Reader, path: Path, qualify: list[Box], keep: list[Box] | None) -> None:
    if keep is None or len(keep) != 1 or len(qualify) != 1:
        return
    for fact, side in keep[0].items():
        entered = qualify[0].get(fact)
        if isinstance(side, Range) and isinstance(entered, Range) and not entered.within(side):
            reader.refuse(
                (*path, "keep"),
                f"`keep` asks for more than `qualify`: {fact}",
                "a tier is easier to keep than to reach; exchange the two bounds",
            )


def _timing(reader: Reader) -> None:
    tiers = reader.rulebook.tiers
    has_time = any(tier.grace != "0d" or tier.minimum_stay != "0d" for tier in tiers.ladder)
    if tiers.refund == "grace" and has_time:
        reader.advise(
            ("tiers", "refund"),
            "`refund: grace` lets her buy, reach a tier, send it back, and keep the tier for the "
            "grace and the minimum stay",
            "leave it out, and a refund that costs the tier costs it at once",
        )


def _balances(reader: Reader, rules: Rules) -> None:
    own = {f"score.{name}" for name in reader.rulebook.scores}
    for rank, tier in enumerate(rules.tiers):
        for key, condition in tier.written:
            for fact in facts_of(condition):
                if _is_spendable(fact) and fact.name not in own:
                    reader.advise(
                        ("tiers", "ladder", rank, key),
                        f"the tier `{tier.name}` rests on {render(fact)}: "
                        "who redeems points would lose it",
                        "use what she earned in a period, which spending does not lower",
                    )


def _is_spendable(fact: Fact) -> bool:
    outside = fact.name.startswith("score.")
    return outside and any(word in fact.name for word in _SPENDABLE)


def _fires_too_often(reader: Reader, name: str, entry: ActionEntry, when: Condition) -> None:
    if entry.cooldown is None and _on_every(when):
        reader.refuse(
            ("actions", name, "when"),
            f"`{name}` would be asked for at every event",
            "add a cooldown, such as cooldown: 30d, or say of which kind the event is",
        )


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

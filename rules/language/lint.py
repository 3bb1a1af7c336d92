"""The lint: what can be written, and is refused or advised against because it is hardly meant.

It reasons about the bounds of single facts (see `regions`). It does not see how facts depend on one
another (who has spent has ordered), nor that counts are whole numbers, and says nothing about
conditions with very many alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from rules.language.checked import DimensionRules, Rules, TierRules
from rules.language.conclusions import DimensionEntry
from rules.language.document import Path
from rules.language.lint_actions import is_asked_for
from rules.language.lint_names import names_are_meant
from rules.language.reading import Reader
from rules.language.regions import Box, Range, always, boxes, covers
from rules.language.tree import And, Condition, Fact, Points, facts_of, render

_SPENDABLE = ("balance", "points", "credit", "miles")
_EARLIER_MAX = 128  # boxes of the cases before; what comes later is not compared with them
_REVIEW_DAYS = {"monthly": 31, "quarterly": 92}  # from one to the next, at most
_YEAR_DAYS = 366  # of all others


def examine(reader: Reader, rules: Rules) -> None:
    """Note what is hardly meant about a rulebook that is otherwise in order."""
    by_name = {dimension.name: dimension for dimension in rules.dimensions}
    for name, entry in reader.rulebook.dimensions.items():
        if entry.cases:
            _cases(reader, ("dimensions", name), entry, by_name[name])
    for path, condition in _conditions(reader, rules, by_name):
        if boxes(condition) == []:
            _never(reader, path)
    for action in rules.actions:
        is_asked_for(reader, action, reader.rulebook.actions[action.name])
    _ladder(reader, rules)
    _timing(reader)
    _balances(reader, rules)
    names_are_meant(reader, rules)


def _conditions(
    reader: Reader, rules: Rules, by_name: Mapping[str, DimensionRules]
) -> Iterator[tuple[Path, Condition | None]]:
    """Yield the conditions whose rule is for nothing if they are never true."""
    book = reader.rulebook
    for name in book.dimensions:
        yield ("dimensions", name, "only_if"), by_name[name].only_if
    for name in book.scores:
        score, _ = reader.resolver.value(Fact(f"score.{name}"))
        assert isinstance(score, Points)
        for index, (_, condition) in enumerate(score.parts):
            yield ("scores", name, index), condition
    if book.lifecycle is not None:
        stages = by_name["lifecycle"]
        for stage, case in zip(stages.categories, stages.cases, strict=True):
            yield ("lifecycle", stage), case
    for name in book.groups:
        yield ("groups", name), by_name[f"group.{name}"].member
    for policy in rules.policies:
        yield ("policies", policy.name, "while"), policy.condition


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
        if tier.qualify is None or own is None:
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
        if reader.rulebook.tiers.upgrade == "immediate" and always(tier.qualify):
            reader.advise(
                (*path, "qualify"),
                f"everybody reaches `{tier.name}` at once: this is always true",
                "let it ask for something, or nobody stays in the tier below",
            )
        _keeps_easily(reader, path, own, boxes(tier.keep))
        if "keep" in dict(tier.written):
            _keep_matters(reader, (*path, "keep"), tier)


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


def _keep_matters(reader: Reader, path: Path, tier: TierRules) -> None:
    """Advise against a `keep` that does nothing, or that is all there is."""
    if boxes(tier.keep) == []:
        reader.advise(
            path,
            f"`keep` of `{tier.name}` can never be true: it keeps nobody",
            "leave it out, and the tier is held while it is qualified for",
        )
    elif tier.keep is not None and always(tier.keep, where_known=True):
        reader.advise(
            path,
            f"`keep` of `{tier.name}` is always true: nobody loses the tier",
            "leave it out if the tier is to be held while it is qualified for",
        )


def _timing(reader: Reader) -> None:
    tiers = reader.rulebook.tiers
    days = _REVIEW_DAYS.get(tiers.review, _YEAR_DAYS)
    for rank, tier in enumerate(tiers.ladder):
        if int(tier.warn.removesuffix("d")) > days:
            reader.advise(
                ("tiers", "ladder", rank, "warn"),
                f"`warn` of `{tier.name}` is longer than from one review to the next",
                f"write at most warn: {days}d",
            )
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

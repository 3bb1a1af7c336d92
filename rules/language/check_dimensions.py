"""The check of one dimension: its way of finding a category, and its categories."""

from __future__ import annotations

from collections.abc import Sequence

from rules.facts.vocabulary import Unit
from rules.language.checked import DimensionRules, Level
from rules.language.conclusions import DimensionEntry, LevelEntry
from rules.language.document import Path
from rules.language.reading import Reader
from rules.language.regions import Range, reach
from rules.language.tree import Condition, Constant, Fact, Lookup, Value, dimension_of
from rules.language.units import limits


def dimension_rules(reader: Reader, name: str, entry: DimensionEntry) -> DimensionRules:
    """Return the rules of a dimension; note what is wrong with it."""
    return _Checker(reader, ("dimensions", name), entry).rules(name)


class _Checker:
    def __init__(self, reader: Reader, path: Path, entry: DimensionEntry) -> None:
        self.reader = reader
        self.path = path
        self.entry = entry

    def rules(self, name: str) -> DimensionRules:
        entry = self.entry
        categories = tuple(category.name for category in entry.levels or entry.cases)
        construct = (
            "levels" if entry.levels else "first_match" if entry.first_match else ("all_matches")
        )
        self.reader.distinct((*self.path, construct), categories)
        if "unknown" in categories:
            self.reader.refuse(
                (*self.path, construct),
                "`unknown` is what a dimension is without data",
                "give the category another name",
            )
        measured = self._measure()
        return DimensionRules(
            name=name,
            categories=categories,
            kind=self.reader.resolver.results.dimensions[name].kind,
            declared=self._declared(),
            only_if=self.reader.condition((*self.path, "only_if"), entry.only_if),
            measure=None if measured is None else measured[0],
            levels=() if measured is None else self._levels(*measured),
            cases=self._cases(construct),
            value_of=self._value_of(),
        )

    def _declared(self) -> Fact | None:
        path: Path = (*self.path, "declared")
        found = self.reader.value(path, self.entry.declared)
        if found is None:
            return None
        value, unit = found
        if isinstance(value, Fact) and unit is Unit.TEXT and value.name.startswith("profile."):
            return value
        hint = "write an attribute of the profile, such as profile.scale"
        self.reader.refuse(path, f"{self.entry.declared!r} cannot declare a category", hint)
        return None

    def _value_of(self) -> Value | None:
        path: Path = (*self.path, "value_of")
        found = self.reader.value(path, self.entry.value_of)
        if found is None:
            return None
        value, unit = found
        is_result = isinstance(value, Fact) and (
            dimension_of(value) is not None or self.reader.resolver.results.find(value) is not None
        )
        if unit is Unit.TEXT and isinstance(value, Fact | Lookup) and not is_result:
            return value
        hint = "write a text such as profile.industry; for numbers write measure and levels"
        self.reader.refuse(path, f"{self.entry.value_of!r} is no value of its own", hint)
        return None

    def _measure(self) -> tuple[Value, Unit | None] | None:
        path: Path = (*self.path, "measure")
        found = self.reader.value(path, self.entry.measure)
        if found is not None and found[1] in {None, Unit.TEXT, Unit.TRUTH}:
            hint = "a measure is a number such as spend(days=365); for texts write first_match"
            self.reader.refuse(path, f"{self.entry.measure!r} measures nothing", hint)
        return found

    def _levels(self, measure: Value, unit: Unit | None) -> tuple[Level, ...]:
        levels = []
        for index, level in enumerate(self.entry.levels):
            here: Path = (*self.path, "levels", index)
            enter = self.reader.bound((*here, "from"), level.enter, unit)
            keep = self.reader.bound((*here, "keep"), level.keep, unit)
            levels.append(Level(enter, keep))
            self._level_is_sound(here, level, levels[-1])
        self._descending(levels)
        if self.entry.declared is None:
            self._can_all_win(reach(measure), levels)
        return tuple(levels)

    def _level_is_sound(self, path: Path, entry: LevelEntry, level: Level) -> None:
        is_last = entry is self.entry.levels[-1]
        if is_last and (entry.enter is not None or entry.keep is not None):
            self.reader.refuse(
                path,
                f"below `{entry.name}` there is a gap",
                "add a last level without `from`, which takes the rest",
            )
        if not is_last and entry.enter is None:
            self.reader.refuse(
                path,
                f"the level `{entry.name}` has no `from`",
                "levels stand highest first; only the last takes the rest",
            )
        enter, keep = level.enter, level.keep
        if enter is not None and keep is not None and _number(keep) > _number(enter):
            self.reader.refuse(
                (*path, "keep"),
                f"`keep` of `{entry.name}` is above its `from`",
                "a level is easier to keep than to reach; exchange the two",
            )

    def _descending(self, levels: Sequence[Level]) -> None:
        bounds = [_number(level.enter) for level in levels if level.enter is not None]
        for index in range(1, len(bounds)):
            if bounds[index] >= bounds[index - 1]:
                self.reader.refuse(
                    (*self.path, "levels", index),
                    "this level can never win",
                    "levels stand highest first; each `from` is below the one before",
                )

    def _can_all_win(self, span: Range, levels: Sequence[Level]) -> None:
        """Refuse a level that what is measured never reaches, and one that it always passes."""
        names = [entry.name for entry in self.entry.levels]
        for index, level in enumerate(levels):
            if level.enter is None:
                continue
            above = Range(low=_number(level.enter), low_in=True)
            what = None
            if above.meet(span).is_empty:
                what = f"`{names[index]}` can never win: the measure does not come to its `from`"
            elif span.within(above) and index + 1 < len(levels):
                what = f"`{names[index + 1]}` can never win: `{names[index]}` takes everybody"
            if what is not None:
                self.reader.refuse((*self.path, "levels", index, "from"), what, limits(span))
                return

    def _cases(self, construct: str) -> tuple[Condition | None, ...]:
        cases = []
        entries = self.entry.cases
        for index, case in enumerate(entries):
            here: Path = (*self.path, construct, index)
            is_last = index == len(entries) - 1
            if is_last and case.otherwise is None and construct == "first_match":
                self.reader.refuse(
                    here,
                    f"after `{case.name}` there is a gap",
                    "add a last case with `otherwise: true`",
                )
            if not is_last and case.otherwise:
                self.reader.refuse(
                    here,
                    f"what follows `{case.name}` can never win",
                    "`otherwise: true` belongs to the last case",
                )
            cases.append(self.reader.condition((*here, "when"), case.when))
        return tuple(cases)


def _number(constant: Constant) -> float:
    assert isinstance(constant.value, int | float)
    return constant.value

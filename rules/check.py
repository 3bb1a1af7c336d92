"""The check: a rulebook passes as a whole or is refused as a whole, with every finding.

It resolves names, types every expression by the units of its parts, replaces parameters by their
values (money in minor units), and orders the dimensions so that each is concluded before those that
name it. What comes out cannot fail when it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter

from rules.book import DimensionRules, Level, Rules, TierRules
from rules.document import Document, Finding, Path, refusal
from rules.expression import BadExpression, parse_condition, parse_value
from rules.resolve import Resolver, parameters_of
from rules.rulebook import DimensionEntry, LevelEntry, Rulebook, nearest
from rules.stories import Expect
from rules.tree import Condition, Constant, Fact, Value, facts_of
from rules.vocabulary import Unit

_SEGMENT = "segment."


def check(rulebook: Rulebook, document: Document) -> Rules:
    """Return the checked rules of a rulebook.

    Raises:
        BadRulebook: with every finding, each with file, line and hint.
    """
    checker = _Checker(rulebook, document)
    rules = checker.rules()
    if checker.findings:
        raise refusal(checker.findings)
    return rules


class _Checker:
    """Walks a rulebook and notes findings; an expression that failed is None from then on."""

    def __init__(self, rulebook: Rulebook, document: Document) -> None:
        self.rulebook = rulebook
        self.document = document
        self.findings: list[Finding] = []
        self.resolver = Resolver(
            parameters=parameters_of(rulebook, self.note),
            categories={name: _names(entry) for name, entry in rulebook.dimensions.items()},
            bands=("low", "medium", "high") if rulebook.churn is not None else (),
        )

    def rules(self) -> Rules:
        entries = self.rulebook.dimensions.items()
        dimensions = tuple(self._dimension(name, entry) for name, entry in entries)
        rules = Rules(
            dimensions=dimensions,
            order=self._order(dimensions),
            tiers=self._tiers(),
            bands=self.resolver.bands,
        )
        self._examples()
        return rules

    def note(self, path: Path, what: str, hint: str = "") -> None:
        self.findings.append(self.document.finding(path, what, hint))

    def _condition(self, path: Path, text: str | None) -> Condition | None:
        if text is None:
            return None
        try:
            return self.resolver.condition(parse_condition(text))
        except BadExpression as error:
            self.note(path, error.what, error.hint)
            return None

    def _value(self, path: Path, text: str) -> tuple[Value, Unit | None] | None:
        try:
            return self.resolver.value(parse_value(text))
        except BadExpression as error:
            self.note(path, error.what, error.hint)
            return None

    def _dimension(self, name: str, entry: DimensionEntry) -> DimensionRules:
        path: Path = ("dimensions", name)
        categories = _names(entry)
        construct = "levels" if entry.levels else "first_match"
        self._distinct((*path, construct), categories)
        if "unknown" in categories:
            self.note(
                (*path, construct),
                "`unknown` is what a dimension is without data",
                "give the category another name",
            )
        return DimensionRules(
            name=name,
            categories=categories,
            declared=self._declared(path, entry.declared),
            only_if=self._condition((*path, "only_if"), entry.only_if),
            measure=self._measure(path, entry),
            levels=self._levels(path, entry),
            cases=self._cases(path, entry),
        )

    def _declared(self, path: Path, text: str | None) -> Fact | None:
        found = None if text is None else self._value((*path, "declared"), text)
        if found is None:
            return None
        value, unit = found
        if isinstance(value, Fact) and unit is Unit.TEXT and value.name.startswith("profile."):
            return value
        hint = "write an attribute of the profile, such as profile.scale"
        self.note((*path, "declared"), f"{text!r} cannot declare a category", hint)
        return None

    def _measure(self, path: Path, entry: DimensionEntry) -> Value | None:
        if entry.measure is None:
            return None
        found = self._value((*path, "measure"), entry.measure)
        if found is None:
            return None
        value, unit = found
        if unit in {None, Unit.TEXT, Unit.TRUTH}:
            hint = "a measure is a number such as spend(days=365); for texts write first_match"
            self.note((*path, "measure"), f"{entry.measure!r} measures nothing", hint)
        return value

    def _levels(self, path: Path, entry: DimensionEntry) -> tuple[Level, ...]:
        unit = None
        if entry.measure is not None:
            try:
                unit = self.resolver.value(parse_value(entry.measure))[1]
            except BadExpression:
                return ()  # noted where the measure stands
        levels = []
        for index, level in enumerate(entry.levels):
            here: Path = (*path, "levels", index)
            enter = self._bound((*here, "from"), level.enter, unit)
            keep = self._bound((*here, "keep"), level.keep, unit)
            levels.append(Level(enter, keep))
            self._level_is_sound(here, level, Level(enter, keep), index == len(entry.levels) - 1)
        self._descending(path, levels)
        return tuple(levels)

    def _level_is_sound(self, path: Path, entry: LevelEntry, level: Level, last: bool) -> None:  # noqa: FBT001
        if last and (entry.enter is not None or entry.keep is not None):
            self.note(
                path,
                f"below `{entry.name}` there is a gap",
                "add a last level without `from`, which takes the rest",
            )
        if not last and entry.enter is None:
            self.note(
                path,
                f"the level `{entry.name}` has no `from`",
                "levels stand highest first; only the last takes the rest",
            )
        enter, keep = level.enter, level.keep
        if enter is not None and keep is not None and _number(keep) > _number(enter):
            self.note(
                (*path, "keep"),
                f"`keep` of `{entry.name}` is above its `from`",
                "a level is easier to keep than to reach; exchange the two",
            )

    def _descending(self, path: Path, levels: Sequence[Level]) -> None:
        bounds = [_number(level.enter) for level in levels if level.enter is not None]
        for index in range(1, len(bounds)):
            if bounds[index] >= bounds[index - 1]:
                self.note(
                    (*path, "levels", index),
                    "this level can never win",
                    "levels stand highest first; each `from` is below the one before",
                )

    def _bound(self, path: Path, bound: str | int | None, unit: Unit | None) -> Constant | None:
        if bound is None:
            return None
        if isinstance(bound, int):
            return Constant(bound)
        try:
            return self.resolver.bound(bound, unit)
        except BadExpression as error:
            self.note(path, error.what, error.hint)
            return None

    def _cases(self, path: Path, entry: DimensionEntry) -> tuple[Condition | None, ...]:
        cases = []
        for index, case in enumerate(entry.first_match):
            here: Path = (*path, "first_match", index)
            last = index == len(entry.first_match) - 1
            if last and case.otherwise is None:
                self.note(
                    here,
                    f"after `{case.name}` there is a gap",
                    "add a last case with `otherwise: true`",
                )
            if not last and case.otherwise:
                self.note(
                    here,
                    f"what follows `{case.name}` can never win",
                    "`otherwise: true` belongs to the last case",
                )
            cases.append(self._condition((*here, "when"), case.when))
        return tuple(cases)

    def _order(self, dimensions: Sequence[DimensionRules]) -> tuple[int, ...]:
        index = {dimension.name: i for i, dimension in enumerate(dimensions)}
        needs = {i: {index[name] for name in _named(d)} for i, d in enumerate(dimensions)}
        try:
            return tuple(TopologicalSorter(needs).static_order())
        except CycleError as error:
            cycle = [dimensions[i].name for i in error.args[1]]
            self.note(
                ("dimensions", cycle[0]),
                f"dimensions name each other: {' → '.join(cycle)}",
                "one of them must be found without the others",
            )
            return ()

    def _tiers(self) -> tuple[TierRules, ...]:
        ladder = self.rulebook.tiers.ladder
        self._distinct(("tiers", "ladder"), [entry.name for entry in ladder])
        tiers = []
        for index, entry in enumerate(ladder):
            path: Path = ("tiers", "ladder", index)
            if index == 0 and (entry.qualify is not None or entry.keep is not None):
                self.note(
                    path,
                    f"the lowest tier, `{entry.name}`, cannot have conditions",
                    "everybody begins there; put a tier without conditions below it",
                )
            if index > 0 and entry.qualify is None:
                self.note(
                    path,
                    f"the tier `{entry.name}` has no `qualify`",
                    "only the lowest tier is for everybody; the ladder stands low to high",
                )
            qualify = self._condition((*path, "qualify"), entry.qualify)
            keep = self._condition((*path, "keep"), entry.keep)
            tiers.append(TierRules(entry.name, qualify, keep if entry.keep else qualify))
        return tuple(tiers)

    def _distinct(self, path: Path, names: Sequence[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self.note((*path, index), f"`{name}` stands twice", "give each its own name")

    def _examples(self) -> None:
        for index, example in enumerate(self.rulebook.examples):
            for line, step in enumerate(example.story):
                if step.expect is not None:
                    self._expect(("examples", index, "story", line, "expect"), step.expect)

    def _expect(self, path: Path, expect: Expect) -> None:
        tiers = [entry.name for entry in self.rulebook.tiers.ladder]
        categories = self.resolver.categories
        if expect.tier is not None:
            self._one_of((*path, "tier"), expect.tier, tiers)
        if expect.band is not None:
            self._one_of((*path, "band"), expect.band, self.resolver.bands)
        for name, category in expect.segment.items():
            if self._one_of((*path, "segment", name), name, categories) and category is not None:
                self._one_of((*path, "segment", name), category, categories[name])
        if isinstance(expect.changes, dict):
            known = {"tier": tiers, "band": self.resolver.bands, **categories}
            for name, change in expect.changes.items():
                here: Path = (*path, "changes", name)
                if self._one_of(here, name, known):
                    for value in change:
                        if value is not None:
                            self._one_of(here, value, known[name])

    def _one_of(self, path: Path, name: str, known: Collection[str]) -> bool:
        if name in known:
            return True
        self.note(path, f"`{name}` is not known here", nearest(name, known))
        return False


def _names(entry: DimensionEntry) -> tuple[str, ...]:
    return tuple(category.name for category in entry.levels or entry.first_match)


def _named(dimension: DimensionRules) -> set[str]:
    """Return the names of the dimensions that this one reads."""
    trees = [dimension.only_if, dimension.measure, *dimension.cases]
    facts = [fact for tree in trees if tree is not None for fact in facts_of(tree)]
    return {f.name.removeprefix(_SEGMENT) for f in facts if f.name.startswith(_SEGMENT)}


def _number(constant: Constant) -> float:
    assert isinstance(constant.value, int | float)
    return constant.value

"""The check: a rulebook passes as a whole or is refused as a whole, with every finding.

It resolves names, types every expression by the units of its parts, replaces parameters by their
values (money in minor units), and orders the dimensions so that each is concluded before those that
name it. What comes out cannot fail when it runs. What is possible but hardly meant is advised
against: the lint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from rules.language import derived, lint
from rules.language.check_dimensions import dimension_rules
from rules.language.check_examples import RESERVED, examples_are_possible
from rules.language.check_tiers import tier_rules
from rules.language.checked import (
    ActionRules,
    DimensionRules,
    PolicyRules,
    Rules,
    TierRules,
    facts_in,
    trees_in,
)
from rules.language.construct import Named
from rules.language.document import Document, Finding, Path, refusal
from rules.language.entries import RULES_MAX, ActionEntry, Rulebook
from rules.language.reading import Reader
from rules.language.tree import (
    ALWAYS,
    And,
    Compare,
    Condition,
    Constant,
    Fact,
    Value,
    dimension_of,
    facts_of,
    height,
    standing,
)

HEIGHT_MAX = 150  # steps into a tree; each takes two or three of the 1,000 calls that Python nests

_TIER = {"tier", "tier.matched"}


def check(rulebook: Rulebook, document: Document) -> tuple[Rules, tuple[Finding, ...]]:
    """Return the checked rules of a rulebook, and what the lint advises against.

    Raises:
        BadRulebook: with every finding, each with file, line and hint.
    """
    reader = Reader(rulebook, document)
    rules = _Checker(reader).rules()
    if not reader.findings:
        lint.examine(reader, rules)
    if reader.findings:
        raise refusal(reader.findings)
    return rules, tuple(sorted(set(reader.warnings), key=lambda warning: warning.line))


class _Checker:
    """Walks the sections of a rulebook."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.rulebook = reader.rulebook

    def rules(self) -> Rules:
        self._is_of_a_size()
        dimensions = (*self._own_dimensions(), *self._derived())
        tiers = tier_rules(self.reader)
        order, later = self._order(dimensions)
        self._tiers_stand_alone(tiers, dimensions, later)
        self._former_names_are_free()
        rules = Rules(
            dimensions=dimensions,
            order=order,
            tiers=tiers,
            bands=self.reader.resolver.results.bands,
            later=later,
            policies=self._policies(),
            actions=self._actions(),
            horizon_days=self.reader.resolver.horizon_days,
        )
        self._is_shallow(rules)
        examples_are_possible(self.reader)
        return rules

    def _is_shallow(self, rules: Rules) -> None:
        """Refuse what would be walked so deep that Python's stack might not do."""
        heights: dict[str, int] = {}
        found: list[tuple[Path, list[Value | Condition]]] = []
        for index in (*rules.order, *rules.later):
            dimension = rules.dimensions[index]
            trees = trees_in(dimension)
            heights[dimension.name] = 2 + max((height(tree, heights) for tree in trees), default=0)
            found.append((self.reader.place(dimension.name), trees))
        for index, tier in enumerate(rules.tiers):
            found.append((("tiers", "ladder", index), [each for _, each in tier.written]))
        found += [(("policies", policy.name), [policy.condition]) for policy in rules.policies]
        for action in rules.actions:
            values = [value for _, value in action.parameters]
            found.append((("actions", action.name), [action.when, action.condition, *values]))
        for path, trees in found:
            if any(height(tree, heights) > HEIGHT_MAX for tree in trees):
                self.reader.refuse(
                    path,
                    "this rests on too long a chain of dimensions, measures or scores",
                    "let it ask for what they are made of",
                )
                return  # what names it is too deep for the same reason

    def _is_of_a_size(self) -> None:
        book = self.rulebook
        sections = (book.dimensions, book.tiers.ladder, book.groups, book.policies)
        count = sum(map(len, (*sections, book.actions, book.scores, book.measures)))
        if count > RULES_MAX:
            self.reader.refuse(
                (),
                f"the rulebook has {count} rules; {RULES_MAX} are allowed",
                "dimensions, tiers, groups, policies, actions, scores and measures count",
            )

    def _former_names_are_free(self) -> None:
        """Refuse a former name that somebody else bears or had: who had it would be either's."""
        book = self.rulebook
        mappings: dict[str, Mapping[str, Named]] = {
            "dimensions": book.dimensions,
            "groups": book.groups,
            "policies": book.policies,
            "actions": book.actions,
        }
        for section, entries in mappings.items():
            self._are_free([(name, (section, name), each) for name, each in entries.items()])
        ladder = enumerate(book.tiers.ladder)
        self._are_free([(each.name, ("tiers", "ladder", i), each) for i, each in ladder])
        for name, entry in book.dimensions.items():
            for key in ("levels", "first_match", "all_matches"):
                cases = enumerate(getattr(entry, key))
                path = "dimensions", name, key
                self._are_free([(each.name, (*path, i), each) for i, each in cases])

    def _are_free(self, entries: Sequence[tuple[str, Path, Named]]) -> None:
        taken = {name: name for name, _, _ in entries}
        for name, path, entry in entries:
            for former in entry.was:
                other = taken.setdefault(former, name)
                if other != name:
                    self.reader.refuse(
                        (*path, "was"),
                        f"`{former}` is, or was, the name of `{other}` too",
                        f"leave it out here, or who had `{former}` could be carried over to either",
                    )

    def _own_dimensions(self) -> list[DimensionRules]:
        sections = {"lifecycle": self.rulebook.lifecycle, "rfm": self.rulebook.rfm}
        for name in self.rulebook.dimensions:
            if name in RESERVED or sections.get(name):
                self.reader.refuse(
                    ("dimensions", name),
                    f"`{name}` has a meaning already",
                    "give the dimension another name",
                )
        entries = self.rulebook.dimensions.items()
        return [dimension_rules(self.reader, name, entry) for name, entry in entries]

    def _derived(self) -> list[DimensionRules]:
        found = []
        entry = self.rulebook.lifecycle
        if entry is not None:
            at_risk = self.reader.condition(("lifecycle", "at_risk"), entry.at_risk)
            loyal = self.reader.condition(("lifecycle", "loyal"), entry.loyal)
            found.append(derived.lifecycle_rules(entry, at_risk, loyal))
        if self.rulebook.rfm:
            found.append(derived.rfm_rules())
        for name, group in self.rulebook.groups.items():
            condition = self.reader.condition(("groups", name, "when"), group.when)
            found.append(derived.group_rules(name, condition or ALWAYS))
        return found

    def _policies(self) -> tuple[PolicyRules, ...]:
        policies = []
        for name, entry in self.rulebook.policies.items():
            condition = self.reader.condition(("policies", name, "while"), entry.condition)
            policies.append(PolicyRules(name, condition or ALWAYS))
        return tuple(policies)

    def _actions(self) -> tuple[ActionRules, ...]:
        return tuple(self._action(name, entry) for name, entry in self.rulebook.actions.items())

    def _action(self, name: str, entry: ActionEntry) -> ActionRules:
        path: Path = ("actions", name)
        when = self.reader.condition((*path, "when"), entry.when, moments=True) or ALWAYS
        parts = [self.reader.condition((*path, "while"), entry.condition)]
        if entry.consent is not None:
            asked = Fact("consent", (("purpose", entry.consent),))
            parts.append(Compare(asked, "==", Constant(value=True)))
        given = tuple(part for part in parts if part is not None)
        parameters: list[tuple[str, Value]] = []
        for key, text in entry.parameters.items():
            found = self.reader.value((*path, "with", key), text)
            if found is not None:
                parameters.append((key, found[0]))
        return ActionRules(
            name,
            when,
            standing(when),
            given[0] if len(given) == 1 else And(given),
            tuple(parameters),
        )

    def _order(
        self, dimensions: Sequence[DimensionRules]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return in which order dimensions are concluded: before the tier is known, and after."""
        index = {dimension.name: i for i, dimension in enumerate(dimensions)}
        needs = {i: {index[n] for n in _named(d) if n in index} for i, d in enumerate(dimensions)}
        try:
            order = tuple(TopologicalSorter(needs).static_order())
        except CycleError as error:
            cycle = [dimensions[i].name for i in error.args[1]]
            self.reader.refuse(
                self.reader.place(cycle[0]),
                f"dimensions name each other: {' → '.join(cycle)}",
                "one of them must be found without the others",
            )
            return (), ()
        later: list[int] = []
        for i in order:
            facts = {fact.name for fact in facts_in(dimensions[i])}
            if facts & _TIER or needs[i] & set(later):
                later.append(i)
        return tuple(i for i in order if i not in later), tuple(later)

    def _tiers_stand_alone(
        self,
        tiers: Sequence[TierRules],
        dimensions: Sequence[DimensionRules],
        later: tuple[int, ...],
    ) -> None:
        """Refuse a tier that is found by what is found by the tier."""
        depends = {dimensions[i].name for i in later}
        for index, tier in enumerate(tiers):
            for key, condition in tier.written:
                for fact in facts_of(condition):
                    if fact.name in _TIER or dimension_of(fact) in depends:
                        self.reader.refuse(
                            ("tiers", "ladder", index, key),
                            f"`{key}` of `{tier.name}` asks for {fact.name}, which is found by the "
                            "tier",
                            "say what she did, not where she stands",
                        )


def _named(dimension: DimensionRules) -> set[str]:
    """Return the names of the dimensions that this one reads."""
    found = (dimension_of(fact) for fact in facts_in(dimension))
    return {name for name in found if name is not None}

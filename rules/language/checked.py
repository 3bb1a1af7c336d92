"""The rules of a rulebook after the check.

Every expression is a tree with parameters replaced by their values, measures and scores written
out, and lifecycle, RFM and groups written as dimensions. `compile` turns it into functions,
`explain` walks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rules.language.tree import Condition, Constant, Fact, Value, facts_of


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a measure: reached from `enter`, held from `keep`. None: it takes the rest."""

    enter: Constant | None
    keep: Constant | None


@dataclass(frozen=True, slots=True)
class DimensionRules:
    """How a dimension's category is found; one of these ways is given.

    levels    the first whose bound the `measure` reaches
    cases     the first that holds (`many`: all that hold); an unknown one makes the dimension
              unknown, unless it is `lenient`
    value_of  the value itself
    member    categories `out` and `in`: whoever it is true of is in
    rfm       the segment of the three RFM scores

    A `declared` category wins; otherwise the dimension is unknown unless `only_if` holds.
    """

    name: str
    categories: tuple[str, ...]
    kind: Literal["single", "many", "open"] = "single"
    declared: Fact | None = None
    only_if: Condition | None = None
    measure: Value | None = None
    levels: tuple[Level, ...] = ()
    cases: tuple[Condition | None, ...] = ()  # None: otherwise
    lenient: bool = False
    value_of: Value | None = None
    member: Condition | None = None
    rfm: tuple[Fact, Fact, Fact] | None = None


@dataclass(frozen=True, slots=True)
class TierRules:
    """When a tier is reached and held. None: the lowest tier, which needs nothing."""

    name: str
    qualify: Condition | None
    keep: Condition | None

    @property
    def written(self) -> Iterator[tuple[str, Condition]]:
        """The conditions by their keys, as the rulebook has them: `keep` where it is its own."""
        if self.qualify is not None:
            yield "qualify", self.qualify
        if self.keep is not None and self.keep is not self.qualify:
            yield "keep", self.keep


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """While what a policy holds."""

    name: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class ActionRules:
    """When an action is due, and what its reason is.

    `standing` is `when` without its moments: what must still be true for the action to make sense.
    `condition` joins `while` and the consent. An empty conjunction is true.
    """

    name: str
    when: Condition
    standing: Condition
    condition: Condition
    parameters: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """A checked rulebook.

    `order`: the dimensions that are concluded with the tiers, each after those it names; `later`:
    those that depend on the tier, likewise.
    """

    dimensions: tuple[DimensionRules, ...]
    order: tuple[int, ...]
    tiers: tuple[TierRules, ...]
    bands: tuple[str, ...]
    later: tuple[int, ...] = ()
    policies: tuple[PolicyRules, ...] = ()
    actions: tuple[ActionRules, ...] = ()
    horizon_days: float = 0.0  # of churn risk


def trees_in(dimension: DimensionRules) -> list[Condition | Value]:
    """Return every expression of a dimension."""
    trees = [
        *(dimension.declared, dimension.only_if, dimension.measure, dimension.value_of),
        *(dimension.member, *dimension.cases, *(dimension.rfm or ())),
    ]
    return [tree for tree in trees if tree is not None]


def facts_in(dimension: DimensionRules) -> list[Fact]:
    """Return every fact that a dimension reads."""
    return [fact for tree in trees_in(dimension) for fact in facts_of(tree)]

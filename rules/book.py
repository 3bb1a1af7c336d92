"""A rulebook in force: what the reducer needs of it, and the checked rules that it came from.

`Rules` is the rulebook after the check: every expression a tree with parameters replaced by their
values. `compile` turns it into the function of a `Book`; `explain` walks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from models.calendar import Calendar
from models.customer import CustomerState
from rules.rulebook import Rulebook
from rules.tree import Condition, Constant, Fact, Value

LOWEST_BAND = "low"

Concluded: TypeAlias = tuple[int, int, list[int | None], int | None]
Conclude: TypeAlias = Callable[[CustomerState, int, int | None], Concluded]


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of the ladder; `label`: language code to text."""

    name: str
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Category:
    """One category of a dimension; `label`: language code to text."""

    name: str
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension with its categories in the rulebook's order (levels: highest first)."""

    name: str
    label: Mapping[str, str]
    kind: Literal["single"]
    categories: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """A churn band above `low`: entered from score `enter`, left below `keep` (0 to 100)."""

    name: str
    enter: int
    keep: int


@dataclass(frozen=True, slots=True)
class ChurnRules:
    """How churn risk is banded. Band 0 is `low`, band i is `bands[i - 1]`."""

    horizon_days: float
    bands: tuple[Band, ...]
    minimum_stay_s: int
    minimum_history_s: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all bands, lowest first: a band's index is its place here."""
        return (LOWEST_BAND, *(band.name for band in self.bands))


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a measure: reached from `enter`, held from `keep`. None: it takes the rest."""

    enter: Constant | None
    keep: Constant | None


@dataclass(frozen=True, slots=True)
class DimensionRules:
    """How a dimension's category is found: by levels of a measure, or the first case that holds.

    A `declared` category wins; otherwise the dimension is unknown unless `only_if` holds.
    """

    name: str
    categories: tuple[str, ...]
    declared: Fact | None = None
    only_if: Condition | None = None
    measure: Value | None = None
    levels: tuple[Level, ...] = ()
    cases: tuple[Condition | None, ...] = ()  # None: otherwise


@dataclass(frozen=True, slots=True)
class TierRules:
    """When a tier is reached and held. None: the lowest tier, which needs nothing."""

    name: str
    qualify: Condition | None
    keep: Condition | None


@dataclass(frozen=True, slots=True)
class Rules:
    """A checked rulebook. `order`: dimensions such that each follows those it names."""

    dimensions: tuple[DimensionRules, ...]
    order: tuple[int, ...]
    tiers: tuple[TierRules, ...]
    bands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A rulebook in force.

    `conclude(state, now, band)` returns the bit mask of the tiers whose `qualify` is true, the bit
    mask of the tiers that are held (`keep` or `qualify`; an unknown `keep` holds), per dimension
    the index of the category (None: unknown), and when to look again: the earliest instant after
    `now` at which, without events, a comparison that the book makes may change, or None: never.
    That instant may be early, never late, and does not look at churn bands. Hysteresis reads
    `state.concluded.categories`.

    `ladder` does the same for the tiers alone (its categories are not to be used): its instants are
    those at which a tier may change, few enough to look ahead.

    `now` is in seconds; `band` is an index into `ChurnRules.names`, None without enough history.
    """

    name: str
    version: int
    fingerprint: str
    label: Mapping[str, str]
    zone: Calendar
    currency: str
    tiers: tuple[Tier, ...]
    downgrade: Literal["one_step", "to_qualified"]
    dimensions: tuple[Dimension, ...]
    churn: ChurnRules | None
    conclude: Conclude = field(repr=False, compare=False)
    ladder: Conclude = field(repr=False, compare=False)
    rules: Rules = field(repr=False)
    source: Rulebook = field(repr=False)
    program: str = field(repr=False)  # the generated Python text, for people who debug it

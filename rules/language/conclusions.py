"""What a rulebook concludes about customers, as it is written: one frozen model per construct.

Dimensions, tiers, the lifecycle, churn risk and groups. What the parts mean together is for
`check`; here stands only what each may contain.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from rules.language.construct import Entry, Named
from rules.language.scalars import (
    Affirmed,
    Bound,
    Days,
    DaysOrNone,
    Duration,
    Expression,
    Label,
    Name,
    Score,
    Whole,
)

CATEGORIES_MAX = 64
TIERS_MAX = 32


class LevelEntry(Named):
    """One level of a measure. Levels stand highest first; the last takes the rest."""

    name: Name
    """What the category is called in outputs and rules."""

    enter: Annotated[Bound | None, Field(alias="from")] = None
    """From which bound on it is reached: a parameter, 0 or 1. Only the last level has none."""

    keep: Bound | None = None
    """From which bound on it is held once it is reached: at most `from`."""


class CaseEntry(Named):
    """One case of `first_match` or `all_matches`: it has either `when` or `otherwise`."""

    name: Name
    """What the category is called in outputs and rules."""

    when: Expression | None = None
    """The condition under which it holds, such as `orders(days=90) > 0`."""

    otherwise: Affirmed | None = None
    """`true` at the last case: it takes the rest."""

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.when is None) == (self.otherwise is None):
            raise ValueError("a case has either `when: …` or `otherwise: true`")
        return self


_Cases: TypeAlias = Annotated[tuple[CaseEntry, ...], Field(max_length=CATEGORIES_MAX)]


class DimensionEntry(Named):
    """A dimension: `measure` and `levels`, or `first_match`, `all_matches`, `value_of`."""

    measure: Expression | None = None
    """A number that `levels` cut into categories, such as `spend(days=365)`."""

    levels: Annotated[tuple[LevelEntry, ...], Field(max_length=CATEGORIES_MAX)] = ()
    """The levels of `measure`, highest first; the last has no `from`."""

    first_match: _Cases = ()
    """The first case that holds is the category; the last case is `otherwise: true`."""

    all_matches: _Cases = ()
    """Every case that holds is a category."""

    value_of: Expression | None = None
    """A text that is the category itself, such as `profile.industry`."""

    only_if: Expression | None = None
    """Where this condition is not true, the dimension is unknown."""

    declared: Expression | None = None
    """An attribute of the profile that wins where it names a category, such as `profile.scale`."""

    @model_validator(mode="after")
    def _one_construct(self) -> Self:
        if (self.measure is None) != (not self.levels):
            raise ValueError("`measure` and `levels` go together")
        ways = (self.measure, self.first_match, self.all_matches, self.value_of)
        if sum(bool(way) for way in ways) != 1:
            raise ValueError(
                "a dimension has either `measure` with `levels`, or one of `first_match`, "
                "`all_matches` and `value_of`"
            )
        return self

    @property
    def cases(self) -> tuple[CaseEntry, ...]:
        """The cases of `first_match` or `all_matches`."""
        return self.first_match or self.all_matches


class TierEntry(Named):
    """One step of the ladder. Without `keep`, a tier is held while it is qualified for."""

    name: Name
    """What the tier is called in outputs and rules."""

    qualify: Expression | None = None
    """The condition under which it is reached; the lowest tier has none."""

    keep: Expression | None = None
    """The condition under which it is held, beside `qualify`: easier than that."""

    grace: DaysOrNone = "0d"
    """How many days are left, after its conditions fail, until it is lost: `30d`."""

    minimum_stay: DaysOrNone = "0d"
    """For how many days from its beginning it is not lost: `90d`."""

    warn: DaysOrNone = "0d"
    """How many days before a review its loss is warned of: `30d`."""


Review: TypeAlias = Literal[
    "continuous", "monthly", "quarterly", "yearly",
    "anniversary of joining", "anniversary of the tier",
]  # fmt: skip


class Tiers(Entry):
    """The ladder, low to high, and how customers move on it."""

    upgrade: Literal["immediate", "review"] = "immediate"
    """When a higher tier is given: at once, or at the next review."""

    downgrade: Literal["one_step", "to_qualified"] = "to_qualified"
    """Where who loses a tier goes: one step down, or to the highest that is held or reached."""

    review: Review = "continuous"
    """When it is decided whether a tier is kept."""

    refund: Literal["immediate", "grace"] = "immediate"
    """Whether a refund that costs the tier costs it at once, or after its grace."""

    ladder: Annotated[tuple[TierEntry, ...], Field(min_length=1, max_length=TIERS_MAX)]
    """The tiers, lowest first; everybody is at least in that one."""


class LifecycleEntry(Entry):
    """From prospect to churned; `loyal` and `at_risk` are left out where they have no rule."""

    label: Label = {}
    """What people read, by language."""

    new_for: Days
    """For how many days from the first purchase a customer is new: `30d`."""

    churned_after: Days
    """After how many days without a purchase she is churned: `180d`."""

    loyal: Expression | None = None
    """The condition under which she is loyal."""

    at_risk: Expression | None = None
    """The condition under which she is at risk, such as `churn.band == 'high'`."""


class BandEntry(Entry):
    """A churn band by score: entered from `enter`, left below `keep`."""

    enter: Score
    """From which score on it is entered, 0 to 100."""

    keep: Score
    """Below which score it is left: at most `enter`."""

    @model_validator(mode="after")
    def _keep_is_lower(self) -> Self:
        if self.keep > self.enter:
            raise ValueError("`keep` is above `enter`: the band would be left as it is entered")
        return self


class Bands(Entry):
    """The bands above `low`."""

    medium: BandEntry
    """The middle band."""

    high: BandEntry
    """The highest band."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.high.enter <= self.medium.enter or self.high.keep <= self.medium.keep:
            raise ValueError("`high` must be entered and left above `medium`")
        return self


class Churn(Entry):
    """How churn risk is scored and banded; `score_step`: told within a band, too, so far apart."""

    horizon: Days
    """In how many days to come a purchase is expected or not: `90d`."""

    bands: Bands
    """The scores, 0 to 100, from which risk is medium and high."""

    minimum_stay: Duration = "0h"
    """How long a band is not left, in days or hours: `24h`."""

    minimum_history: Duration = "0d"
    """How long after the first purchase there is no band yet, in days or hours: `14d`."""

    score_step: Annotated[Whole, Field(ge=1, le=100)] | None = None
    """How far the score has to move to be told within a band; without it, only bands are told."""


class GroupEntry(Named):
    """A named composite: whoever its condition is true of is in it."""

    when: Expression
    """The condition, such as `tier == 'vip' and churn.band == 'high'`."""

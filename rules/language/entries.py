"""A rulebook as it is written: one frozen model per construct of the language.

What the parts mean together is for `check`; here stands only what each may contain.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.calendar import Calendar
from models.money import MINOR_DIGITS
from rules.examples.stories import STEP_MODELS, Step, Story
from rules.language.scalars import (
    Asked,
    Bound,
    Days,
    DaysOrNone,
    Duration,
    Expression,
    Label,
    Lasting,
    Name,
    Number,
    Score,
    Text,
    TextOrNumber,
)

RULES_MAX = 200  # dimensions, tiers, groups, policies, actions, scores and measures together
CATEGORIES_MAX = 64
TIERS_MAX = 32
PARAMETERS_MAX = 1_000
TABLE_MAX = 5_000  # entries of one table
SITES_MAX = 200
INCLUDES_MAX = 16


class Entry(BaseModel):
    """A construct: what it does not know is refused, and what was read stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class Named(Entry):
    """A construct with labels for people, and the names that it had in earlier versions."""

    label: Label = {}
    was: tuple[Name, ...] = ()


class ParameterEntry(Entry):
    """A bound with its unit (a currency code, or a unit of facts) and the reason for its value."""

    value: Number
    unit: Annotated[str, Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]


class TableEntry(Entry):
    """A look-up: texts to texts or, with a unit, to numbers."""

    label: Label = {}
    unit: str | None = None
    entries: Annotated[dict[Text, TextOrNumber], Field(min_length=1, max_length=TABLE_MAX)]


class SiteEntry(Entry):
    """A place of the business, for `local` and `domestic`."""

    label: Label = {}
    country: Text
    province: Text | None = None
    city: Text | None = None


class PointsEntry(Entry):
    """Points of a score, and when they are given."""

    points: Number
    condition: Annotated[Expression, Field(alias="if")]


class LevelEntry(Named):
    """One level of a measure."""

    name: Name
    enter: Annotated[Bound | None, Field(alias="from")] = None
    keep: Bound | None = None


class CaseEntry(Named):
    """One case of `first_match` or `all_matches`."""

    name: Name
    when: Expression | None = None
    otherwise: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.when is None) == (self.otherwise is None):
            raise ValueError("a case has either `when: …` or `otherwise: true`")
        return self


_Cases: TypeAlias = Annotated[tuple[CaseEntry, ...], Field(max_length=CATEGORIES_MAX)]


class DimensionEntry(Named):
    """A dimension: `measure` and `levels`, or `first_match`, `all_matches`, `value_of`."""

    measure: Expression | None = None
    levels: Annotated[tuple[LevelEntry, ...], Field(max_length=CATEGORIES_MAX)] = ()
    first_match: _Cases = ()
    all_matches: _Cases = ()
    value_of: Expression | None = None
    only_if: Expression | None = None
    declared: Expression | None = None

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
    qualify: Expression | None = None
    keep: Expression | None = None
    grace: DaysOrNone = "0d"
    minimum_stay: DaysOrNone = "0d"
    warn: DaysOrNone = "0d"


Review: TypeAlias = Literal[
    "continuous", "monthly", "quarterly", "yearly",
    "anniversary of joining", "anniversary of the tier",
]  # fmt: skip


class Tiers(Entry):
    """The ladder, low to high, and how customers move on it."""

    upgrade: Literal["immediate", "review"] = "immediate"
    downgrade: Literal["one_step", "to_qualified"] = "to_qualified"
    review: Review = "continuous"
    refund: Literal["immediate", "grace"] = "immediate"
    ladder: Annotated[tuple[TierEntry, ...], Field(min_length=1, max_length=TIERS_MAX)]


class LifecycleEntry(Entry):
    """From prospect to churned; `loyal` and `at_risk` are left out where they have no rule."""

    label: Label = {}
    new_for: Days
    churned_after: Days
    loyal: Expression | None = None
    at_risk: Expression | None = None


class BandEntry(Entry):
    """A churn band by score: entered from `enter`, left below `keep`."""

    enter: Score
    keep: Score

    @model_validator(mode="after")
    def _keep_is_lower(self) -> Self:
        if self.keep > self.enter:
            raise ValueError("`keep` is above `enter`: the band would be left as it is entered")
        return self


class Bands(Entry):
    """The bands above `low`."""

    medium: BandEntry
    high: BandEntry

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.high.enter <= self.medium.enter or self.high.keep <= self.medium.keep:
            raise ValueError("`high` must be entered and left above `medium`")
        return self


class Churn(Entry):
    """How churn risk is scored and banded; `score_step`: told within a band, too, so far apart."""

    horizon: Days
    bands: Bands
    minimum_stay: Duration = "0h"
    minimum_history: Duration = "0d"
    score_step: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None


class GroupEntry(Named):
    """A named composite: whoever its condition is true of is in it."""

    when: Expression


class PolicyEntry(Named):
    """Something that holds while its condition is true."""

    condition: Annotated[Expression, Field(alias="while")]


class ActionEntry(Named):
    """Something to be done at a moment (`when`), or again and again (`every`)."""

    when: Expression | None = None
    condition: Annotated[Expression | None, Field(alias="while")] = None
    every: Days | None = None
    cooldown: Duration | None = None
    valid_for: Lasting | None = None
    consent: Literal["profiling", "sensitive", "marketing"] | None = None
    on_activation: Annotated[bool, Field(strict=True)] = False
    parameters: Annotated[dict[Name, Expression], Field(alias="with", max_length=32)] = {}

    @model_validator(mode="after")
    def _has_an_occasion(self) -> Self:
        if self.when is None and self.every is None:
            raise ValueError("an action has a `when` or an `every`")
        if self.when is not None and self.every is not None:
            raise ValueError("an action has a `when` or an `every`, not both: write two actions")
        return self


class Rulebook(Entry):
    """A rulebook, as its author wrote it."""

    rulebook: Name
    version: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
    label: Label = {}
    zone: str
    currency: str
    include: Annotated[tuple[Name, ...], Field(max_length=INCLUDES_MAX)] = ()
    personal: tuple[Name, ...] = ()
    parameters: Annotated[dict[Asked, ParameterEntry], Field(max_length=PARAMETERS_MAX)] = {}
    tables: dict[Name, TableEntry] = {}
    sites: Annotated[tuple[SiteEntry, ...], Field(max_length=SITES_MAX)] = ()
    measures: dict[Asked, Expression] = {}
    scores: dict[Asked, Annotated[tuple[PointsEntry, ...], Field(min_length=1)]] = {}
    dimensions: dict[Asked, DimensionEntry] = {}
    tiers: Tiers
    lifecycle: LifecycleEntry | None = None
    rfm: Literal[True] | None = None
    churn: Churn | None = None
    groups: dict[Asked, GroupEntry] = {}
    policies: dict[Name, PolicyEntry] = {}
    actions: dict[Name, ActionEntry] = {}
    examples: tuple[Story, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        Calendar(zone)
        return zone

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, currency: str) -> str:
        if currency not in MINOR_DIGITS:
            raise ValueError(f"{currency!r} is not an ISO 4217 currency code, such as GBP")
        return currency

    @field_validator("groups", mode="before")
    @classmethod
    def _bare_conditions(cls, groups: Any) -> Any:  # noqa: ANN401  # as written, not checked yet
        """Read `a_group: condition` as `a_group: {when: condition}`."""
        if not isinstance(groups, dict):
            return groups
        return {n: {"when": g} if isinstance(g, str) else g for n, g in groups.items()}


MODELS: tuple[type[BaseModel], ...] = (
    *(Rulebook, ParameterEntry, TableEntry, SiteEntry, PointsEntry, DimensionEntry, LevelEntry),
    *(CaseEntry, Tiers, TierEntry, LifecycleEntry, Churn, Bands, BandEntry, GroupEntry),
    *(PolicyEntry, ActionEntry, Story, Step, *STEP_MODELS),
)

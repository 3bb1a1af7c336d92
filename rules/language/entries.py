"""A rulebook as it is written: one frozen model per construct of the language.

What the parts mean together is for `check`; here stands only what each may contain. The docstrings
of keys are what editors show of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, WithJsonSchema, field_validator, model_validator

from models.calendar import Calendar
from models.money import MINOR_DIGITS
from rules.examples.steps import STEP_MODELS
from rules.examples.stories import STORY_MODELS, Story
from rules.language.conclusions import (
    BandEntry,
    Bands,
    CaseEntry,
    Churn,
    DimensionEntry,
    GroupEntry,
    LevelEntry,
    LifecycleEntry,
    TierEntry,
    Tiers,
)
from rules.language.construct import Entry, Named
from rules.language.scalars import (
    Affirmed,
    Asked,
    Days,
    Duration,
    Expression,
    Label,
    Lasting,
    Measured,
    Name,
    Number,
    Text,
    TextOrNumber,
    Truth,
    Whole,
)

RULES_MAX = 200  # dimensions, tiers, groups, policies, actions, scores and measures together
PARAMETERS_MAX = 1_000
TABLE_MAX = 5_000  # entries of one table
SITES_MAX = 200
INCLUDES_MAX = 16


class ParameterEntry(Entry):
    """A bound with its unit (a currency code, or a unit of facts) and the reason for its value."""

    value: Number
    """The number, in `unit`: money in whole units such as `49.90`, shares from 0 to 1."""

    unit: Measured
    """The rulebook's currency, or the unit of a fact as `tierstream rules facts` lists it."""

    why: Annotated[str, Field(min_length=1)]
    """Why the bound has this value, for who reads it in a year."""


class TableEntry(Entry):
    """A look-up: texts to texts or, with a unit, to numbers."""

    label: Label = {}
    """What people read, by language."""

    unit: Measured | None = None
    """What its numbers are counted in; a table of texts has none."""

    entries: Annotated[dict[Text, TextOrNumber], Field(min_length=1, max_length=TABLE_MAX)]
    """What is looked up, and what is found: `{Shanghai: big, Ningbo: small}`."""


class SiteEntry(Entry):
    """A place of the business, for `local` and `domestic`."""

    label: Label = {}
    """What people read, by language."""

    country: Text
    """The country, written as profiles have it."""

    province: Text | None = None
    """The province, written as profiles have it."""

    city: Text | None = None
    """The city, written as profiles have it."""


class PointsEntry(Entry):
    """Points of a score, and when they are given."""

    points: Number
    """How many, such as `30` or `-10`."""

    condition: Annotated[Expression, Field(alias="if")]
    """The condition under which they are given."""


class PolicyEntry(Named):
    """Something that holds while its condition is true."""

    condition: Annotated[Expression, Field(alias="while")]
    """The condition; there is an output when it begins to be true, and when it ends."""


class ActionEntry(Named):
    """Something to be done at a moment (`when`), or again and again (`every`)."""

    when: Expression | None = None
    """The moment: what becomes true, such as `entered(lifecycle, 'churned')`."""

    condition: Annotated[Expression | None, Field(alias="while")] = None
    """It is asked for only while this is true, and called off when that ends."""

    every: Days | None = None
    """After how many days it is asked for again: `90d`."""

    cooldown: Duration | None = None
    """For how long after one request there is no other, in days or hours: `60d`."""

    valid_for: Lasting | None = None
    """How long a request may be carried out or called off, in days or hours: `14d`."""

    consent: Literal["profiling", "sensitive", "marketing"] | None = None
    """The consent without which it is not asked for."""

    on_activation: Truth = False
    """Whether it is asked for where only a new rulebook made its moment come true."""

    parameters: Annotated[dict[Name, Expression], Field(alias="with", max_length=32)] = {}
    """What a request tells beside its name: values such as `{open: open_complaints()}`."""

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
    """Its name, the same in every version."""

    version: Annotated[Whole, Field(ge=1, le=2**31 - 1)]
    """A whole number; raise it with every change that is activated."""

    label: Label = {}
    """What people read, by language."""

    zone: str
    """The IANA time zone in which days begin and end, such as `Asia/Shanghai`."""

    currency: Annotated[str, WithJsonSchema({"type": "string", "enum": [*MINOR_DIGITS]})]
    """The ISO 4217 currency of all its amounts; others are converted as they come."""

    include: Annotated[tuple[Name, ...], Field(max_length=INCLUDES_MAX)] = ()
    """Shipped rulebooks whose constructs are taken over, but for their ladders and examples."""

    personal: tuple[Name, ...] = ()
    """The personal attributes that its rules may read, such as `age`."""

    parameters: Annotated[dict[Asked, ParameterEntry], Field(max_length=PARAMETERS_MAX)] = {}
    """Every bound that rules name: its value, its unit, and why."""

    tables: dict[Name, TableEntry] = {}
    """Look-ups for `lookup('city_size', profile.city)`."""

    sites: Annotated[tuple[SiteEntry, ...], Field(max_length=SITES_MAX)] = ()
    """The places of the business, for `local` and `domestic`."""

    measures: dict[Asked, Expression] = {}
    """Formulas that rules name as `measure.<name>`."""

    scores: dict[Asked, Annotated[tuple[PointsEntry, ...], Field(min_length=1)]] = {}
    """Sums of points that rules name as `score.<name>`."""

    dimensions: dict[Asked, DimensionEntry] = {}
    """What customers are classified by; rules name them as `segment.<name>`."""

    tiers: Tiers
    """The ladder of tiers, and how customers move on it."""

    lifecycle: LifecycleEntry | None = None
    """The stages from prospect to churned; rules name the stage as `lifecycle`."""

    rfm: Affirmed | None = None
    """`true`: customers have an RFM segment, once RFM cuts are activated."""

    churn: Churn | None = None
    """Churn risk and its bands; rules name the band as `churn.band`."""

    groups: dict[Asked, GroupEntry] = {}
    """Named composites of what else is concluded: `a_group: condition`, or with a label."""

    policies: dict[Name, PolicyEntry] = {}
    """What holds for a customer while something is true."""

    actions: dict[Name, ActionEntry] = {}
    """What is to be done for a customer, at a moment or again and again."""

    examples: tuple[Story, ...] = ()
    """Stories of one customer, played as tests by `tierstream rules test`."""

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

    @field_validator(
        "groups", mode="before", json_schema_input_type=dict[Asked, Expression | GroupEntry]
    )
    @classmethod
    def _bare_conditions(cls, groups: Any) -> Any:  # noqa: ANN401  # as written, not checked yet
        """Read `a_group: condition` as `a_group: {when: condition}`."""
        if not isinstance(groups, dict):
            return groups
        return {n: {"when": g} if isinstance(g, str) else g for n, g in groups.items()}


MODELS: tuple[type[BaseModel], ...] = (
    *(Rulebook, ParameterEntry, TableEntry, SiteEntry, PointsEntry, DimensionEntry, LevelEntry),
    *(CaseEntry, Tiers, TierEntry, LifecycleEntry, Churn, Bands, BandEntry, GroupEntry),
    *(PolicyEntry, ActionEntry),
    *STEP_MODELS,
    *STORY_MODELS,
)

"""Examples of a rulebook: short stories of one customer, with what must come out of each step.

Examples are documentation that runs. These are their models; `timeline` makes canonical events of
them, and `rehearsal` plays those through the production reducer. A date is noon in the rulebook's
zone, and the clock ticks at every day start and just before each line.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from models.calendar import day_number
from rules.examples.steps import (
    LAST,
    ActivityStep,
    ComplaintStep,
    Day,
    FeedbackStep,
    HoldStep,
    OverrideStep,
    PurchaseStep,
    RefundStep,
    ScoreStep,
    Text,
)
from rules.language.construct import Entry
from rules.language.scalars import Affirmed, Whole

STEPS_MAX = 200
TIMES_MAX = 400

Four: TypeAlias = tuple[Decimal, Decimal, Decimal, Decimal]
Change: TypeAlias = tuple[Text | None, Text | None]  # from, to; null: unknown or not yet


class ExpectWarning(Entry):
    """The warning that runs. `missing`: by fact, in whole units of the currency or as a number.

    Null of `missing` is nothing.
    """

    ends: Day | None = None
    """The day at whose beginning the tier is lost."""

    reason: Literal["keep_failed", "review", "override_ending"] | None = None
    """Why it is warned of."""

    revision: Whole | None = None
    """How many times the warning has been told, the first time included."""

    missing: dict[Text, Decimal] | None = None
    """By fact, what is still needed as of its end."""

    missing_now: dict[Text, Decimal] | None = None
    """By fact, what is still needed as of now."""


class Expect(Entry):
    """What holds after a step; null is unknown, or none. What is left out may be anything.

    `changes` names a subset of the tier, band and dimensions that changed because of it, or none.
    `policies` are all that are held. What is asked for because of the step (and the timers since
    the step before, where the step has no event) stands in `actions`, what is called off in
    `cancelled`; each lists all of them.
    """

    tier: Text | None = None
    """The tier she is in."""

    band: Text | None = None
    """Her churn band: low, medium or high."""

    segment: dict[Text, Text | tuple[Text, ...] | None] = {}
    """By dimension, the category she is in: `{scale: large, group.vips: in}`."""

    changes: dict[Text, Change] | Literal["none"] | None = None
    """What changed because of this step: `{tier: [key, vip]}`, or `none`."""

    reason: Text | None = None
    """The reason that was told with the tier, such as `qualified`."""

    warning: ExpectWarning | Literal["none"] | None = None
    """The warning that runs, or `none`."""

    policies: tuple[Text, ...] | None = None
    """All policies that are held."""

    actions: tuple[Text, ...] | None = None
    """All actions that are asked for because of this step."""

    cancelled: tuple[Text, ...] | None = None
    """All actions that are called off because of this step."""


class Step(Entry):
    """One line of a story: at most one event, repeated `times` every so many days.

    `happened` is when its event happened, where that is earlier than it is heard of.
    """

    at: Day
    """The date, such as `2026-01-05`: noon in the rulebook's zone."""

    happened: Day | None = None
    """When the event happened, where that is earlier than `at`."""

    purchase: PurchaseStep | None = None
    """She buys."""

    refund: RefundStep | None = None
    """Money is given back for an earlier order."""

    complaint: ComplaintStep | None = None
    """She complains, or a complaint goes on."""

    feedback: FeedbackStep | None = None
    """She gives her opinion."""

    profile: dict[Text, Any] | None = None
    """Attributes that become known: `{city: Ningbo}`; null deletes one."""

    activity: ActivityStep | None = None
    """She does something else."""

    override: OverrideStep | None = None
    """Somebody decides her tier."""

    override_cleared: Text | None = None
    """The id of an override that ends."""

    hold: HoldStep | None = None
    """Nothing is to be taken from her or asked of her for a time."""

    hold_cleared: Affirmed | None = None
    """`true`: the hold ends."""

    score: ScoreStep | None = None
    """A score comes from outside."""

    erased: Text | None = None
    """Why she is forgotten, such as `request`."""

    times: Annotated[Whole, Field(ge=1, le=TIMES_MAX)] = 1
    """How many times the event happens."""

    every: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}d$")] = "1d"
    """How many days lie between the times: `10d`."""

    expect: Expect | None = None
    """What holds after it, after the last of its times."""

    @model_validator(mode="after")
    def _one_event(self) -> Self:
        said = self.model_fields_set - {"at", "happened", "times", "every", "expect"}
        if len(said) > 1:
            raise ValueError("a step has one event; write two steps with the same date")
        if self.happened is not None and (not said or self.happened > self.at):
            raise ValueError("`happened` is the day of an event, `at` or earlier")
        return self

    @model_validator(mode="after")
    def _ends_in_time(self) -> Self:
        if day_number(self.at) + (self.times - 1) * int(self.every[:-1]) > day_number(LAST):
            what = f"`times` and `every` lead beyond {LAST}, and no event is later"
            raise ValueError(f"{what}; write fewer, or closer together")
        return self


class CutsStep(Entry):
    """RFM cuts: four each, rising, between the five grades; `monetary` in whole units of money."""

    recency: Four
    """In days since the last purchase."""

    frequency: Four
    """In orders."""

    monetary: Four
    """In whole units of the currency."""


class Story(Entry):
    """An example: its name, and its steps in the order of time.

    `cuts` are in force from its beginning. Without any, RFM grades and segments are unknown, as
    they are until the first cuts are activated.
    """

    name: Annotated[str, Field(min_length=1)]
    """What it shows, in a sentence."""

    cuts: CutsStep | None = None
    """The RFM cuts that are in force from its beginning."""

    story: Annotated[tuple[Step, ...], Field(min_length=1, max_length=STEPS_MAX)]
    """What happens to one customer, in the order of time."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for step, following in pairwise(self.story):
            if following.at < step.at:
                what = f"{following.at} stands behind {step.at}"
                raise ValueError(f"the steps of a story stand in the order of time: {what}")
        return self


STORY_MODELS: tuple[type[Entry], ...] = (Story, Step, CutsStep, Expect, ExpectWarning)

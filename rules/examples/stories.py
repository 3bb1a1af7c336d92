"""Examples of a rulebook: short stories of one customer, with what must come out of each step.

Examples are documentation that runs. These are their models; `timeline` makes canonical events of
them, and `rehearsal` plays those through the production reducer. A date is noon in the rulebook's
zone, and the clock ticks at every day start and just before each line.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.calendar import DAY_S, Calendar, day_number
from models.events import Channel, Polarity, Severity
from models.wire.fields import INSTANT_MAX_S

STEPS_MAX = 200
TIMES_MAX = 400
# In every zone, the noon of these days is an instant that events may carry.
_FIRST, _LAST = Calendar.date(1), Calendar.date(INSTANT_MAX_S // DAY_S - 1)

Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
Amount: TypeAlias = Annotated[Decimal, Field(ge=0, le=10**12)]
Four: TypeAlias = tuple[Decimal, Decimal, Decimal, Decimal]
Day: TypeAlias = Annotated[date, Field(ge=_FIRST, le=_LAST)]
Change: TypeAlias = tuple[Text | None, Text | None]  # from, to; null: unknown or not yet


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LineStep(_Model):
    """One line of an order; `list` is its price before a discount."""

    amount: Amount
    category: Text | None = None
    brand: Text | None = None
    own_brand: bool | None = None
    custom: bool | None = None
    grade: Text | None = None
    quantity: Decimal | None = None
    unit: Text | None = None
    list: Amount | None = None


class PurchaseStep(_Model):
    """A paid order; `amount` in whole units of the rulebook's currency. It supplies refunds' day.

    `lines` need no `amount`: it is their sum.
    """

    amount: Amount | None = None
    order: Text | None = None
    channel: Channel | None = None
    margin: Decimal | None = None
    answers: Text | None = None
    lines: tuple[LineStep, ...] = ()

    @model_validator(mode="after")
    def _has_an_amount(self) -> Self:
        if self.amount is None and not self.lines:
            raise ValueError("a purchase has an `amount`, or `lines`")
        return self


class RefundStep(_Model):
    """Money given back for an earlier order of the story, which supplies its day."""

    amount: Annotated[Decimal, Field(gt=0, le=10**12)]
    order: Text | None = None
    full: bool = False


class ComplaintStep(_Model):
    """A step in a complaint's life; `id` joins the steps of one complaint."""

    type: Literal["product_quality", "service_attitude", "delivery", "billing", "other"] = "other"
    severity: Severity | None = None
    action: Literal["opened", "acknowledged", "amended", "resolved", "reopened", "retracted"] = (
        "opened"
    )
    outcome: Literal["satisfied", "unsatisfied", "rejected"] | None = None
    amount: Amount | None = None
    id: Text | None = None


class FeedbackStep(_Model):
    """An answer; without `polarity` it follows from the score as it does for real ones."""

    metric: Literal["csat", "nps", "ces", "stars", "label"]
    score: int | None = None
    polarity: Polarity | None = None
    kind: Literal["survey", "review", "suggestion"] = "survey"
    topic: Literal["product", "brand", "service", "delivery"] | None = None
    public: bool = False
    action: Literal["given", "amended", "retracted"] = "given"
    id: Text | None = None


class ActivityStep(_Model):
    """An engagement of a kind."""

    kind: Text
    name: Text | None = None
    quantity: Decimal | None = None
    unit: Text | None = None
    channel: Channel | None = None
    other: Text | None = None
    relation: Literal["family", "friend", "colleague", "circle"] | None = None
    answers: Text | None = None


class OverrideStep(_Model):
    """Somebody decides the tier, until the beginning of a day."""

    tier: Text
    mode: Literal["at_least", "exactly"] = "at_least"
    until: Day | None = None
    id: Text = "override"


class HoldStep(_Model):
    """No demotion, warning, churn output or action until the beginning of a day."""

    until: Day


class ScoreStep(_Model):
    """A score from outside, valid until the beginning of a day."""

    name: Text
    value: float
    until: Day | None = None


class ExpectWarning(_Model):
    """The warning that runs. `missing`: by fact, in whole units of the currency or as a number.

    Null of `missing` is nothing.
    """

    ends: Day | None = None
    reason: Literal["keep_failed", "review", "override_ending"] | None = None
    revision: int | None = None
    missing: dict[Text, Decimal] | None = None
    missing_now: dict[Text, Decimal] | None = None


class Expect(_Model):
    """What holds after a step; null is unknown, or none. What is left out may be anything.

    `changes` names a subset of the tier, band and dimensions that changed because of it, or none.
    `policies` are all that are held. What is asked for because of the step (and the timers since
    the step before, where the step has no event) stands in `actions`, what is called off in
    `cancelled`; each lists all of them.
    """

    tier: Text | None = None
    band: Text | None = None
    segment: dict[Text, Text | tuple[Text, ...] | None] = {}
    changes: dict[Text, Change] | Literal["none"] | None = None
    reason: Text | None = None
    warning: ExpectWarning | Literal["none"] | None = None
    policies: tuple[Text, ...] | None = None
    actions: tuple[Text, ...] | None = None
    cancelled: tuple[Text, ...] | None = None


class Step(_Model):
    """One line of a story: at most one event, repeated `times` every so many days.

    `happened` is when its event happened, where that is earlier than it is heard of.
    """

    at: Day
    happened: Day | None = None
    purchase: PurchaseStep | None = None
    refund: RefundStep | None = None
    complaint: ComplaintStep | None = None
    feedback: FeedbackStep | None = None
    profile: dict[Text, Any] | None = None
    activity: ActivityStep | None = None
    override: OverrideStep | None = None
    override_cleared: Text | None = None
    hold: HoldStep | None = None
    hold_cleared: Literal[True] | None = None
    score: ScoreStep | None = None
    erased: Text | None = None
    times: Annotated[int, Field(ge=1, le=TIMES_MAX)] = 1
    every: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}d$")] = "1d"
    expect: Expect | None = None

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
        if day_number(self.at) + (self.times - 1) * int(self.every[:-1]) > day_number(_LAST):
            what = f"`times` and `every` lead beyond {_LAST}, and no event is later"
            raise ValueError(f"{what}; write fewer, or closer together")
        return self


class CutsStep(_Model):
    """RFM cuts: four each, rising, between the five grades; `monetary` in whole units of money."""

    recency: Four
    frequency: Four
    monetary: Four


class Story(_Model):
    """An example: its name, and its steps in the order of time.

    `cuts` are in force from its beginning. Without any, RFM grades and segments are unknown, as
    they are until the first cuts are activated.
    """

    name: Annotated[str, Field(min_length=1)]
    cuts: CutsStep | None = None
    story: Annotated[tuple[Step, ...], Field(min_length=1, max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        dates = [step.at for step in self.story]
        if dates != sorted(dates):
            raise ValueError("the steps of a story stand in the order of time")
        return self


STEP_MODELS = (
    *(LineStep, PurchaseStep, RefundStep, ComplaintStep, FeedbackStep, ActivityStep),
    *(OverrideStep, HoldStep, ScoreStep, CutsStep, Expect, ExpectWarning),
)

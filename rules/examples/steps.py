"""What can happen to a customer in a story: one model per event.

The docstrings of keys are what editors show of them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from models.calendar import DAY_S, Calendar
from models.events import Channel, Polarity, Severity
from models.wire.fields import INSTANT_MAX_S
from rules.language.construct import Entry
from rules.language.scalars import Truth, Whole

# In every zone, the noon of these days is an instant that events may carry.
FIRST, LAST = Calendar.date(1), Calendar.date(INSTANT_MAX_S // DAY_S - 1)

Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
Amount: TypeAlias = Annotated[Decimal, Field(ge=0, le=10**12)]
Day: TypeAlias = Annotated[date, Field(ge=FIRST, le=LAST)]


class LineStep(Entry):
    """One line of an order; `list` is its price before a discount."""

    amount: Amount
    """What was paid for it, in whole units of the currency."""

    category: Text | None = None
    """The category of goods."""

    brand: Text | None = None
    """The brand."""

    own_brand: Truth | None = None
    """Whether the brand is the seller's own."""

    custom: Truth | None = None
    """Whether it was made to the customer's wishes."""

    grade: Text | None = None
    """The quality class, such as `premium`."""

    quantity: Decimal | None = None
    """How much, in `unit`."""

    unit: Text | None = None
    """What `quantity` is counted in."""

    list: Amount | None = None
    """What it would have cost without a discount, in whole units of the currency."""


class PurchaseStep(Entry):
    """A paid order; `amount` in whole units of the rulebook's currency. It supplies refunds' day.

    `lines` need no `amount`: it is their sum.
    """

    amount: Amount | None = None
    """What was paid, in whole units of the currency; without it, the sum of the lines."""

    order: Text | None = None
    """The order's id, for refunds to name."""

    channel: Channel | None = None
    """Where it was bought."""

    margin: Decimal | None = None
    """What was earned by it, in whole units of the currency."""

    answers: Text | None = None
    """The id of the request for an action that it answers."""

    lines: tuple[LineStep, ...] = ()
    """The lines of the order."""

    @model_validator(mode="after")
    def _has_an_amount(self) -> Self:
        if self.amount is None and not self.lines:
            raise ValueError("a purchase has an `amount`, or `lines`")
        return self


class RefundStep(Entry):
    """Money given back for an earlier order of the story, which supplies its day."""

    amount: Annotated[Decimal, Field(gt=0, le=10**12)]
    """How much, in whole units of the currency."""

    order: Text | None = None
    """The id of the order."""

    full: Truth = False
    """Whether the order itself does not count any more."""


class ComplaintStep(Entry):
    """A step in a complaint's life; `id` joins the steps of one complaint."""

    type: Literal["product_quality", "service_attitude", "delivery", "billing", "other"] = "other"
    """What it is about."""

    severity: Severity | None = None
    """How grave it is."""

    action: Literal["opened", "acknowledged", "amended", "resolved", "reopened", "retracted"] = (
        "opened"
    )
    """What happens to it."""

    outcome: Literal["satisfied", "unsatisfied", "rejected"] | None = None
    """How it ended, where it is resolved."""

    amount: Amount | None = None
    """How much money it is about, in whole units of the currency."""

    id: Text | None = None
    """The complaint's id, for its later steps."""


class FeedbackStep(Entry):
    """An answer; without `polarity` it follows from the score as it does for real ones."""

    metric: Literal["csat", "nps", "ces", "stars", "label"]
    """What was asked for; `label` has a polarity and no score."""

    score: Whole | None = None
    """csat and stars: 1 to 5; nps: 0 to 10; ces: 1 to 7."""

    polarity: Polarity | None = None
    """Whether it praises or blames; without it, it follows from the score."""

    kind: Literal["survey", "review", "suggestion"] = "survey"
    """How it came."""

    topic: Literal["product", "brand", "service", "delivery"] | None = None
    """What it is about."""

    public: Truth = False
    """Whether everybody can read it."""

    action: Literal["given", "amended", "retracted"] = "given"
    """What happens to it."""

    id: Text | None = None
    """The feedback's id, for its later steps."""


class ActivityStep(Entry):
    """An engagement of a kind."""

    kind: Text
    """What it is, as in `activities(kind='visit')`."""

    name: Text | None = None
    """Which one, such as the name of an event."""

    quantity: Decimal | None = None
    """How much, in `unit`."""

    unit: Text | None = None
    """What `quantity` is counted in."""

    channel: Channel | None = None
    """Where it was."""

    other: Text | None = None
    """The id of another customer whom it is about."""

    relation: Literal["family", "friend", "colleague", "circle"] | None = None
    """What that other one is to her."""

    answers: Text | None = None
    """The id of the request for an action that it answers."""


class OverrideStep(Entry):
    """Somebody decides the tier, until the beginning of a day."""

    tier: Text
    """The tier that she is to be in."""

    mode: Literal["at_least", "exactly"] = "at_least"
    """Whether a higher one that she has by the rules counts."""

    until: Day | None = None
    """The day at whose beginning it ends; without it, it lasts until it is cleared."""

    id: Text = "override"
    """Its id, for `override_cleared`."""


class HoldStep(Entry):
    """No demotion, warning, churn output or action until the beginning of a day."""

    until: Day
    """The day at whose beginning it ends."""


class ScoreStep(Entry):
    """A score from outside, valid until the beginning of a day."""

    name: Text
    """Which score; rules name it as `score.<name>`."""

    value: float
    """The score."""

    until: Day | None = None
    """The day at whose beginning it becomes unknown."""


STEP_MODELS: tuple[type[Entry], ...] = (
    *(LineStep, PurchaseStep, RefundStep, ComplaintStep, FeedbackStep, ActivityStep),
    *(OverrideStep, HoldStep, ScoreStep),
)

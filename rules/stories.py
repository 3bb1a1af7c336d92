"""Examples of a rulebook: short stories of one customer, with what must come out of each step.

Examples are documentation that runs. `timeline` turns a story into canonical events, so that the
production reducer plays it; nothing of a story knows how conclusions are drawn. A date is noon in
the rulebook's zone, and the clock ticks at every day start and just before each line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.calendar import DAY_S, Calendar, day_number
from models.events import (
    Complaint,
    CustomerEvent,
    Engagement,
    Feedback,
    Polarity,
    Profile,
    Purchase,
    Refund,
    Severity,
)
from models.money import MINOR_DIGITS

STEPS_MAX = 200
TIMES_MAX = 400
SOURCE = "example"

Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
Amount: TypeAlias = Annotated[Decimal, Field(ge=0, le=10**12)]
Change: TypeAlias = tuple[Text | None, Text | None]  # from, to; null: unknown or not yet


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PurchaseStep(_Model):
    """A paid order; `amount` in whole units of the rulebook's currency."""

    amount: Amount
    order: Text | None = None


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
    id: Text | None = None


class FeedbackStep(_Model):
    """An answer; without `polarity` it follows from the score as it does for real ones."""

    metric: Literal["csat", "nps", "ces", "stars", "label"]
    score: Annotated[int, Field(ge=0, le=10)] | None = None
    polarity: Polarity | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.score is None and self.polarity is None:
            raise ValueError("feedback has a `score`, a `polarity`, or both")
        return self


class ActivityStep(_Model):
    """An engagement of a kind."""

    kind: Text


class Expect(_Model):
    """What holds after a step. `changes` names a subset of what changed because of it, or none."""

    tier: Text | None = None
    band: Text | None = None
    segment: dict[Text, Text | None] = {}
    changes: dict[Text, Change] | Literal["none"] | None = None
    reason: Text | None = None


class Step(_Model):
    """One line of a story: at most one event, repeated `times` every so many days."""

    at: date
    purchase: PurchaseStep | None = None
    refund: RefundStep | None = None
    complaint: ComplaintStep | None = None
    feedback: FeedbackStep | None = None
    profile: dict[Text, Any] | None = None
    activity: ActivityStep | None = None
    times: Annotated[int, Field(ge=1, le=TIMES_MAX)] = 1
    every: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}d$")] = "1d"
    expect: Expect | None = None

    @model_validator(mode="after")
    def _one_event(self) -> Self:
        kinds = {"purchase", "refund", "complaint", "feedback", "profile", "activity"}
        if len(kinds & self.model_fields_set) > 1:
            raise ValueError("a step has one event; write two steps with the same date")
        return self


class Story(_Model):
    """An example: its name, and its steps in the order of time."""

    name: Annotated[str, Field(min_length=1)]
    story: Annotated[tuple[Step, ...], Field(min_length=1, max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        dates = [step.at for step in self.story]
        if dates != sorted(dates):
            raise ValueError("the steps of a story stand in the order of time")
        return self


STEP_MODELS = (PurchaseStep, RefundStep, ComplaintStep, FeedbackStep, ActivityStep, Expect)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of a story: what happens (None: nothing), and what is expected after it."""

    at: int
    event: CustomerEvent | None
    expect: Expect | None


def timeline(story: Story, zone: Calendar, currency: str) -> list[Moment]:
    """Return a story's moments in order of time; a repeated step's expectation is for its last."""
    bought: dict[str, int] = {}
    moments: list[Moment] = []
    for line, step in enumerate(story.story):
        for time in range(step.times):
            day = day_number(step.at) + time * int(step.every[:-1])
            at = zone.start(day) + DAY_S // 2
            last = time == step.times - 1
            event = _event(step, f"{line}-{time}", at, currency, bought)
            moments.append(Moment(at, event, step.expect if last else None))
    return sorted(moments, key=lambda moment: moment.at)


def _event(
    step: Step, name: str, at: int, currency: str, bought: dict[str, int]
) -> CustomerEvent | None:
    envelope: dict[str, Any] = {"event_id": name, "source": SOURCE, "occurred_at": at}
    if step.purchase is not None:
        order = step.purchase.order or f"order-{name}"
        bought[order] = at
        amount = _minor(step.purchase.amount, currency)
        return Purchase(**envelope, order_id=order, net_amount_minor=amount, currency=currency)
    if step.refund is not None:
        return Refund(
            **envelope,
            refund_id=f"refund-{name}",
            amount_minor=_minor(step.refund.amount, currency),
            currency=currency,
            kind="return",
            order_id=step.refund.order,
            purchased_at=bought.get(step.refund.order or ""),
            full=step.refund.full,
        )
    if step.complaint is not None:
        said = step.complaint
        return Complaint(
            **envelope,
            complaint_id=said.id or f"complaint-{name}",
            action=said.action,
            type=said.type,
            severity=said.severity,
        )
    if step.feedback is not None:
        return Feedback(
            **envelope,
            feedback_id=f"feedback-{name}",
            action="given",
            kind="survey",
            metric=step.feedback.metric,
            score=step.feedback.score,
            polarity=step.feedback.polarity or _polarity(step.feedback),
        )
    if step.profile is not None:
        return Profile(**envelope, patch=step.profile)
    if step.activity is not None:
        return Engagement(**envelope, kind=step.activity.kind)
    return None


# The scores from which an answer is positive, and up to which it is negative.
_POLARITY_BOUNDS = {"csat": (4, 2), "stars": (4, 2), "nps": (9, 6), "ces": (5, 3), "label": (4, 2)}


def _polarity(said: FeedbackStep) -> Polarity:
    positive, negative = _POLARITY_BOUNDS[said.metric]
    if said.score is None or negative < said.score < positive:
        return "neutral"
    return "positive" if said.score >= positive else "negative"


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(MINOR_DIGITS[currency]))

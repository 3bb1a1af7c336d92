"""From a story to canonical events, each with the instant at which it is heard of.

Nothing here knows how conclusions are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from models.calendar import DAY_S, Calendar, day_number
from models.events import (
    Complaint,
    CustomerErased,
    CustomerEvent,
    Engagement,
    Feedback,
    HoldCleared,
    HoldSet,
    Line,
    OverrideCleared,
    OverrideSet,
    Polarity,
    Profile,
    Purchase,
    Refund,
    ScoreSet,
)
from models.money import MINOR_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from rules.examples.stories import Expect, FeedbackStep, PurchaseStep, Step, Story

SOURCE = "example"
_BY = "example"
# The scores from which an answer is positive, and up to which it is negative.
_POLARITY_BOUNDS = {"csat": (4, 2), "stars": (4, 2), "nps": (9, 6), "ces": (5, 3), "label": (4, 2)}


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of a story: what happens (None: nothing), and what is expected after it."""

    at: int
    event: CustomerEvent | None
    expect: Expect | None


def timeline(story: Story, zone: Calendar, currency: str) -> list[Moment]:
    """Return a story's moments in order of time; a repeated step's expectation is for its last."""
    writer = _Writer(zone, currency)
    moments: list[Moment] = []
    for line, step in enumerate(story.story):
        for time in range(step.times):
            day = day_number(step.at) + time * int(step.every[:-1])
            last = time == step.times - 1
            event = writer.event(step, f"{line}-{time}", day)
            moments.append(Moment(noon(zone, day), event, step.expect if last else None))
    return sorted(moments, key=lambda moment: moment.at)


def noon(zone: Calendar, day: int) -> int:
    """Return twelve hours after a day's beginning."""
    return zone.start(day) + DAY_S // 2


class _Writer:
    """Writes a story's events, and remembers the days of its orders for their refunds."""

    def __init__(self, zone: Calendar, currency: str) -> None:
        self._zone = zone
        self._currency = currency
        self._bought: dict[str, int] = {}

    def event(self, step: Step, name: str, day: int) -> CustomerEvent | None:
        """Return the event of a step, None where it has none."""
        happened = day if step.happened is None else day_number(step.happened)
        envelope: dict[str, Any] = {
            "event_id": name,
            "source": SOURCE,
            "occurred_at": noon(self._zone, happened),
        }
        writers: dict[str, Callable[[Any, str, dict[str, Any]], CustomerEvent]] = {
            "purchase": self._purchase,
            "refund": self._refund,
            "complaint": self._complaint,
            "feedback": self._feedback,
            "activity": self._activity,
            "override": self._override,
            "hold": self._hold,
            "score": self._score,
            "profile": lambda patch, _, said: Profile(**said, patch=patch),
            "override_cleared": lambda gone, _, said: OverrideCleared(**said, override_id=gone),
            "hold_cleared": lambda *given: HoldCleared(**given[2]),
            "erased": lambda basis, _, said: CustomerErased(**said, basis=basis),
        }
        for kind, write in writers.items():
            said = getattr(step, kind)
            if said is not None:
                return write(said, name, envelope)
        return None

    def _purchase(self, said: PurchaseStep, name: str, envelope: dict[str, Any]) -> Purchase:
        order = said.order or f"order-{name}"
        self._bought[order] = envelope["occurred_at"]
        whole = sum((line.amount for line in said.lines), Decimal(0))
        return Purchase(
            **envelope,
            order_id=order,
            net_amount_minor=self._minor(whole if said.amount is None else said.amount),
            currency=self._currency,
            margin_minor=None if said.margin is None else self._minor(said.margin),
            channel=said.channel,
            action_id=said.answers,
            lines=tuple(
                Line(
                    line_id=str(number),
                    net_amount_minor=self._minor(line.amount),
                    category=line.category,
                    brand=line.brand,
                    own_brand=line.own_brand,
                    custom=line.custom,
                    grade=line.grade,
                    quantity_milli=None if line.quantity is None else int(line.quantity * 1000),
                    unit=line.unit,
                    list_amount_minor=None if line.list is None else self._minor(line.list),
                )
                for number, line in enumerate(said.lines)
            ),
        )

    def _refund(self, said: Any, name: str, envelope: dict[str, Any]) -> Refund:  # noqa: ANN401
        return Refund(
            **envelope,
            refund_id=f"refund-{name}",
            amount_minor=self._minor(said.amount),
            currency=self._currency,
            kind="return",
            order_id=said.order,
            purchased_at=self._bought.get(said.order or ""),
            full=said.full,
        )

    def _complaint(self, said: Any, name: str, envelope: dict[str, Any]) -> Complaint:  # noqa: ANN401
        return Complaint(
            **envelope,
            complaint_id=said.id or f"complaint-{name}",
            action=said.action,
            type=said.type,
            severity=said.severity,
            outcome=said.outcome,
            amount_minor=None if said.amount is None else self._minor(said.amount),
            currency=None if said.amount is None else self._currency,
        )

    def _feedback(self, said: FeedbackStep, name: str, envelope: dict[str, Any]) -> Feedback:
        return Feedback(
            **envelope,
            feedback_id=said.id or f"feedback-{name}",
            action=said.action,
            kind=said.kind,
            metric=said.metric,
            score=said.score,
            polarity=said.polarity or polarity(said),
            topic=said.topic,
            public=said.public,
        )

    def _activity(self, said: Any, _: str, envelope: dict[str, Any]) -> Engagement:  # noqa: ANN401
        return Engagement(
            **envelope,
            kind=said.kind,
            name=said.name,
            quantity_milli=None if said.quantity is None else int(said.quantity * 1000),
            unit=said.unit,
            channel=said.channel,
            other_customer_id=said.other,
            relation=said.relation,
            action_id=said.answers,
        )

    def _override(self, said: Any, _: str, envelope: dict[str, Any]) -> OverrideSet:  # noqa: ANN401
        return OverrideSet(
            **envelope,
            override_id=said.id,
            tier=said.tier,
            mode=said.mode,
            reason="example",
            by=_BY,
            until=self._start(said.until),
        )

    def _hold(self, said: Any, _: str, envelope: dict[str, Any]) -> HoldSet:  # noqa: ANN401
        until = self._zone.start(day_number(said.until))
        return HoldSet(**envelope, until=until, reason="example", by=_BY)

    def _score(self, said: Any, _: str, envelope: dict[str, Any]) -> ScoreSet:  # noqa: ANN401
        until = self._start(said.until)
        return ScoreSet(**envelope, name=said.name, value=said.value, valid_until=until)

    def _start(self, day: date | None) -> int | None:
        return None if day is None else self._zone.start(day_number(day))

    def _minor(self, amount: Decimal) -> int:
        return int(amount.scaleb(MINOR_DIGITS[self._currency]))


def polarity(said: FeedbackStep) -> Polarity:
    """Return what a score says where no polarity is given."""
    positive, negative = _POLARITY_BOUNDS[said.metric]
    if said.score is None or negative < said.score < positive:
        return "neutral"
    return "positive" if said.score >= positive else "negative"

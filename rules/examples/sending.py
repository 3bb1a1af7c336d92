"""What a producer would send for a step of a story, as ingress takes it.

A step becomes the JSON that producers write, and ingress's own models take it or refuse it: what an
example shows can happen.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from models.calendar import DAY_S, Calendar, day_number, rfc3339
from models.errors import BadEvent, Reason
from models.events import Fact, RfmCutsActivated
from models.money import MINOR_DIGITS
from models.wire.accept import accept
from models.wire.base import SCHEMA_VERSION
from models.wire.profile import Patch
from models.wire.topics import TOPICS, home_of
from rules.language.hints import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from models.events import CustomerEvent, EraEvent
    from rules.examples.steps import (
        ActivityStep,
        ComplaintStep,
        FeedbackStep,
        HoldStep,
        LineStep,
        OverrideStep,
        PurchaseStep,
        RefundStep,
        ScoreStep,
    )
    from rules.examples.stories import Step, Story

CUSTOMER = "C-1"
_SOURCE = "example"
_BY = "example"


def noon(zone: Calendar, day: int) -> int:
    """Return twelve hours after a day's beginning."""
    return zone.start(day) + DAY_S // 2


class Producer:
    """Writes a story's events, and remembers the days of its orders for their refunds."""

    def __init__(self, zone: Calendar, currency: str) -> None:
        self._zone = zone
        self._currency = currency
        self._bought: dict[str, str] = {}

    def event(self, step: Step, name: str, day: int) -> CustomerEvent | None:
        """Return the event of a step, None where it has none.

        Raises:
            BadEvent: ingress would refuse it.
        """
        happened = day if step.happened is None else day_number(step.happened)
        at = rfc3339(noon(self._zone, happened))
        writers: dict[str, Callable[[Any], dict[str, Any]]] = {
            "purchase": lambda said: self._purchase(said, said.order or f"order-{name}", at),
            "refund": lambda said: self._refund(said, f"refund-{name}"),
            "complaint": lambda said: self._complaint(said, said.id or f"complaint-{name}"),
            "feedback": lambda said: self._feedback(said, said.id or f"feedback-{name}"),
            "activity": self._activity,
            "override": self._override,
            "hold": self._hold,
            "score": self._score,
            "profile": lambda patch: {"event": "profile", "patch": _nested(patch)},
            "override_cleared": lambda gone: {"event": "override.cleared", "override_id": gone},
            "hold_cleared": lambda _: {"event": "hold.cleared"},
            "erased": lambda basis: {"event": "customer.erased", "basis": basis},
        }
        for kind, write in writers.items():
            said = getattr(step, kind)
            if said is not None:
                return _accepted({"event_id": name, "occurred_at": at, **write(said)})
        return None

    def _purchase(self, said: PurchaseStep, order: str, at: str) -> dict[str, Any]:
        self._bought[order] = at
        whole = sum((line.amount for line in said.lines), Decimal(0))
        return {
            "event": "purchase",
            "order_id": order,
            "net_amount_minor": self._minor(whole if said.amount is None else said.amount),
            "currency": self._currency,
            "margin_minor": self._minor(said.margin),
            "channel": said.channel,
            "action_id": said.answers,
            "lines": [self._line(number, line) for number, line in enumerate(said.lines)],
        }

    def _line(self, number: int, line: LineStep) -> dict[str, Any]:
        return {
            "line_id": str(number),
            "net_amount_minor": self._minor(line.amount),
            "category": line.category,
            "brand": line.brand,
            "own_brand": line.own_brand,
            "custom": line.custom,
            "grade": line.grade,
            "quantity": _number(line.quantity),
            "unit": line.unit,
            "list_amount_minor": self._minor(line.list),
        }

    def _refund(self, said: RefundStep, refund_id: str) -> dict[str, Any]:
        return {
            "event": "refund",
            "refund_id": refund_id,
            "amount_minor": self._minor(said.amount),
            "currency": self._currency,
            "kind": "return",
            "order_id": said.order,
            "purchased_at": self._bought.get(said.order or ""),
            "full": said.full,
        }

    def _complaint(self, said: ComplaintStep, complaint_id: str) -> dict[str, Any]:
        return {
            "event": "complaint",
            "complaint_id": complaint_id,
            "action": said.action,
            "type": said.type,
            "severity": said.severity,
            "outcome": said.outcome,
            "amount_minor": self._minor(said.amount),
            "currency": None if said.amount is None else self._currency,
        }

    def _feedback(self, said: FeedbackStep, feedback_id: str) -> dict[str, Any]:
        return {
            "event": "feedback",
            "feedback_id": feedback_id,
            "action": said.action,
            "kind": said.kind,
            "metric": said.metric,
            "score": said.score,
            "polarity": said.polarity,
            "topic": said.topic,
            "public": said.public,
        }

    def _activity(self, said: ActivityStep) -> dict[str, Any]:
        return {
            "event": "engagement",
            "kind": said.kind,
            "name": said.name,
            "quantity": _number(said.quantity),
            "unit": said.unit,
            "channel": said.channel,
            "other_customer_id": said.other,
            "relation": said.relation,
            "action_id": said.answers,
        }

    def _override(self, said: OverrideStep) -> dict[str, Any]:
        return {
            "event": "override.set",
            "override_id": said.id,
            "tier": said.tier,
            "mode": said.mode,
            "reason": "example",
            "by": _BY,
            "until": self._start(said.until),
        }

    def _hold(self, said: HoldStep) -> dict[str, Any]:
        until = self._start(said.until)
        return {"event": "hold.set", "until": until, "reason": "example", "by": _BY}

    def _score(self, said: ScoreStep) -> dict[str, Any]:
        until = self._start(said.until)
        return {"event": "score.set", "name": said.name, "value": said.value, "valid_until": until}

    def _start(self, day: date | None) -> str | None:
        return None if day is None else rfc3339(self._zone.start(day_number(day)))

    def _minor(self, amount: Decimal | None) -> float | None:
        return None if amount is None else _number(amount.scaleb(MINOR_DIGITS[self._currency]))


def cuts_of(story: Story, currency: str) -> RfmCutsActivated | None:
    """Return the RFM cuts that are in force in a story, None without any.

    Raises:
        BadEvent: ingress would refuse them.
    """
    if story.cuts is None:
        return None
    digits = MINOR_DIGITS[currency]
    event, _ = _taken(
        {
            "event": "rfm-cuts.activated",
            "event_id": "cuts",
            "occurred_at": rfc3339(0),
            "by": _BY,
            "version": 1,
            "recency": [_number(cut) for cut in story.cuts.recency],
            "frequency": [_number(cut) for cut in story.cuts.frequency],
            "monetary": [_number(cut.scaleb(digits)) for cut in story.cuts.monetary],
        }
    )
    assert isinstance(event, RfmCutsActivated), "the event says that it is"
    return event


def _number(decimal: Decimal | None) -> float | None:
    """Return a number as JSON has it; whole ones as integers."""
    if decimal is None:
        return None
    return int(decimal) if decimal == int(decimal) else float(decimal)


def _nested(patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a patch as producers write it, with objects in place of dotted names."""
    whole: dict[str, Any] = {}
    for dotted, value in patch.items():
        twice = next((name for name in patch if dotted.startswith(f"{name}.")), None)
        if twice is not None:
            message = f"patch.{twice}: is written as a whole and as {dotted}; write it in one way"
            raise BadEvent(Reason.BAD_SCHEMA, message)
        *objects, name = dotted.split(".")
        part = whole
        for each in objects:
            part = part.setdefault(each, {})
        part[name] = value
    return whole


def _accepted(said: Mapping[str, Any]) -> CustomerEvent:
    """Return the canonical event that ingress makes of what a producer writes.

    Raises:
        BadEvent: it refuses it, or leaves a part of it out.
    """
    event, unknown = _taken({"customer_id": CUSTOMER, **said})
    if unknown:
        hint = nearest(unknown[0].rpartition(".")[2], Patch.model_fields)
        message = f"{unknown[0]}: is not known, and would be left out; {hint}"
        raise BadEvent(Reason.BAD_SCHEMA, message)
    assert isinstance(event, Fact), "no step changes what conclusions are drawn with"
    return event


def _taken(said: Mapping[str, Any]) -> tuple[CustomerEvent | EraEvent, tuple[str, ...]]:
    """Return what ingress makes of what a producer writes, and the names that it leaves out."""
    topic = TOPICS[home_of(said["event"]) or ""]
    envelope = {"source": _SOURCE, "schema_version": SCHEMA_VERSION}
    document = json.dumps(envelope | dict(said)).encode()
    return accept(topic, None, document, (), offset=0)[1:]

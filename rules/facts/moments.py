"""Moments: what an event is, in the words of `happened`."""

from __future__ import annotations

from collections.abc import Mapping

from models.events import (
    SEVERITIES,
    Complaint,
    CustomerEvent,
    Engagement,
    Feedback,
    Purchase,
    Refund,
)
from models.fold_cases import COMPLAINT_TYPES, METRICS, POLARITIES, TOPICS
from models.fold_sales import CHANNELS
from rules.facts.arguments import Argument

EVENTS: Mapping[str, type[CustomerEvent]] = {
    "purchase": Purchase,
    "refund": Refund,
    "feedback": Feedback,
    "complaint": Complaint,
    "engagement": Engagement,
}
_CHANNEL = Argument("choice", choices=CHANNELS)
_REFUNDS = ("return", "cancellation", "price_adjustment", "chargeback")
ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "purchase": {"channel": _CHANNEL},
    "refund": {"kind": Argument("choice", choices=_REFUNDS), "channel": _CHANNEL},
    "feedback": {
        "polarity": Argument("choice", choices=POLARITIES),
        "kind": Argument("choice", choices=("survey", "review", "suggestion")),
        "metric": Argument("choice", choices=METRICS),
        "topic": Argument("choice", choices=TOPICS),
    },
    "complaint": {
        "type": Argument("choice", choices=COMPLAINT_TYPES),
        "severity": Argument("choice", choices=SEVERITIES),
        "severity_from": Argument("choice", choices=SEVERITIES),
    },
    "engagement": {"kind": Argument("text")},
}


def happened(
    event: CustomerEvent | None, kind: str, /, *, severity_from: str | None = None, **wanted: str
) -> bool:
    """Tell whether an event is of a kind and has the wanted fields; None is no event at all.

    A complaint happens when it is opened, feedback when it is given. `severity_from` is inclusive.
    """
    if event is None or type(event) is not EVENTS[kind]:
        return False
    if isinstance(event, Complaint | Feedback) and event.action not in {"opened", "given"}:
        return False
    if severity_from is not None:
        severity = event.severity if isinstance(event, Complaint) else None
        if severity is None or SEVERITIES.index(severity) < SEVERITIES.index(severity_from):
            return False
    return all(getattr(event, name) == value for name, value in wanted.items())

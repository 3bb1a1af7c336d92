"""`fold`: add one event to a customer's facts. Facts only; what follows from them is in `rules`.

Any order of the same events gives the same facts: amounts and counts are added to the bucket of
their day, first and last are minimum and maximum, and whatever can be corrected (a complaint, a
feedback, a relation, a profile field) keeps the largest (event time, value). Ties of event time
therefore go to the larger value rather than to the later arrival, which keeps the facts free of
arrival order without storing another id. Beyond the limits on names (`SERIES_MAX` and its like) the
first to come have buckets of their own, and the rest share one.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from models import fold_cases, fold_sales
from models.calendar import Calendar
from models.customer import Facts
from models.events import (
    Complaint,
    CustomerErased,
    CustomerEvent,
    CustomerMoved,
    CustomersMerged,
    Engagement,
    Feedback,
    HoldCleared,
    HoldSet,
    OverrideCleared,
    OverrideSet,
    Profile,
    Purchase,
    Refund,
    ScoreSet,
)
from models.fold_series import RETENTION_DAYS, count, retain

PROFILE_MAX = 128


def fold(
    facts: Facts, event: CustomerEvent, zone: Calendar, today: int, lateness_days: int
) -> None:
    """Add `event` to `facts`, in place. `today` (a day number) is for retention only."""
    if facts.first_seen_at is None or event.occurred_at < facts.first_seen_at:
        facts.first_seen_at = event.occurred_at
    match event:
        case Purchase():
            fold_sales.purchase(facts, event, zone)
        case Refund():
            fold_sales.refund(facts, event, zone)
        case Complaint():
            fold_cases.complaint(facts, event, zone)
            oldest, unmatched = today - RETENTION_DAYS, today - lateness_days
            fold_cases.retain_complaints(facts, zone, oldest, unmatched)
        case Feedback():
            fold_cases.feedback(facts, event, zone)
            oldest, unmatched = today - RETENTION_DAYS, today - lateness_days
            fold_cases.retain_feedback(facts, zone, oldest, unmatched)
        case Profile():
            for name, value in event.patch.items():
                newer_attribute(facts, name, event.occurred_at, value)
        case ScoreSet():
            value = (event.value, event.valid_until)
            newer_attribute(facts, f"score.{event.name}", event.occurred_at, value)
        case Engagement():
            _engagement(facts, event, zone)
        case (
            OverrideSet()
            | OverrideCleared()
            | HoldSet()
            | HoldCleared()
            | CustomersMerged()
            | CustomerMoved()
            | CustomerErased()
        ):
            pass  # decisions of people: they change conclusions, and merges have their own way
        case _:
            assert_never(event)
    retain(facts, today - RETENTION_DAYS)


def _engagement(facts: Facts, event: Engagement, zone: Calendar) -> None:
    day = zone.day(event.occurred_at)
    count(facts, f"e:{event.kind}", day, 1)
    if event.unit is not None and event.quantity_milli is not None:
        count(facts, f"u:{event.unit}", day, event.quantity_milli)
    match event.kind:
        case "contact.made" if event.name is not None:
            count(facts, f"contact:{event.name}", day, 1)
        case "action.responded" if event.name is not None:
            count(facts, f"r:{event.name}", day, 1)
        case "relation.linked" | "relation.unlinked":
            fold_cases.relation(facts, event)


def newer_attribute(facts: Facts, name: str, at: int, value: object) -> None:
    """Keep the newest value of an attribute; a deleted one keeps its instant, to stay deleted.

    Of two of the same instant a consent withdrawn wins, and otherwise the one that sorts later.
    """
    known = facts.profile.get(name)
    if known is None and len(facts.profile) >= PROFILE_MAX:
        return
    if known is None or (known[0], _rank(name, known[1])) < (at, _rank(name, value)):
        facts.profile[name] = (at, value)
        if known is None:
            facts.profile = dict(sorted(facts.profile.items()))


def _rank(name: str, value: object) -> bytes:
    if name.startswith("consents.") and isinstance(value, bool):
        value = not value
    return msgspec.json.encode(value)

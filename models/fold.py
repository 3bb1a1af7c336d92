"""`fold`: add one event to a customer's facts. Facts only; what follows from them is in `rules`.

Any order of the same events gives the same facts: amounts and counts are added to the bucket of
their day, first and last are minimum and maximum, and whatever can be corrected (a complaint, a
feedback, a profile field) keeps the largest (event time, value). Ties of event time therefore go to
the larger value rather than to the later arrival, which keeps the facts free of arrival order
without storing another id.

Names of the series in `Facts.series` (day → number):

    refund          refunded minor units, on the purchase's day where it is known
    refunds         number of refunds
    cancelled       orders that stopped counting because they were refunded in full
    net:<CUR>       net minor units in a currency other than the customer's first
    e:<kind>        engagements of a kind; u:<unit>: their quantity in thousandths
    c:<t><s>        complaints too many to keep one by one, by type and severity
    f:<m><p>        feedback too many to keep one by one, by metric and polarity;
                    fn:<m><p>: those with a score, fs:<m><p>: the sum of their scores
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from models import buckets
from models.calendar import Calendar
from models.customer import ComplaintCase, Facts, FeedbackCase
from models.events import (
    SEVERITIES,
    Complaint,
    CustomerErased,
    CustomerEvent,
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
from models.ids import short_hash

RETENTION_DAYS = 800  # how long day buckets are kept: the longest window that a rule may name
COMPLAINTS_MAX = 64
FEEDBACK_MAX = 32
SERIES_MAX = 64
PROFILE_MAX = 128

COMPLAINT_TYPES = ("product_quality", "service_attitude", "delivery", "billing", "other")
# In the order that decides between two steps of the same second.
STATUSES = ("opened", "acknowledged", "reopened", "resolved", "retracted")
OUTCOMES = ("satisfied", "unsatisfied", "rejected")
METRICS = ("csat", "nps", "ces", "stars", "label")
POLARITIES = ("negative", "neutral", "positive")
KINDS = ("survey", "review", "suggestion")
RETRACTED = STATUSES.index("retracted")
RESOLVED = STATUSES.index("resolved")


def fold(
    facts: Facts, event: CustomerEvent, zone: Calendar, today: int, lateness_days: int
) -> None:
    """Add `event` to `facts`, in place. `today` (a day number) is for retention only."""
    if facts.first_seen_at is None or event.occurred_at < facts.first_seen_at:
        facts.first_seen_at = event.occurred_at
    match event:
        case Purchase():
            _purchase(facts, event, zone)
        case Refund():
            _refund(facts, event, zone)
        case Complaint():
            _complaint(facts, event)
            _retain_complaints(facts, zone, today - RETENTION_DAYS, today - lateness_days)
        case Feedback():
            _feedback(facts, event)
            _retain_feedback(facts, zone, today - RETENTION_DAYS, today - lateness_days)
        case Profile():
            for name, value in event.patch.items():
                _attribute(facts, name, event.occurred_at, value)
        case ScoreSet():
            value = (event.value, event.valid_until)
            _attribute(facts, f"score.{event.name}", event.occurred_at, value)
        case Engagement():
            day = zone.day(event.occurred_at)
            _count(facts, f"e:{event.kind}", day, 1)
            if event.unit is not None and event.quantity_milli is not None:
                _count(facts, f"u:{event.unit}", day, event.quantity_milli)
        case (
            OverrideSet()
            | OverrideCleared()
            | HoldSet()
            | HoldCleared()
            | CustomersMerged()
            | CustomerErased()
        ):
            pass  # decisions of people: they change conclusions, not facts
        case _:
            assert_never(event)
    _retain(facts, today - RETENTION_DAYS)


def _purchase(facts: Facts, event: Purchase, zone: Calendar) -> None:
    at = event.occurred_at
    day = zone.day(at)
    if facts.first_purchase_at is None or at < facts.first_purchase_at:
        facts.first_purchase_at = at
    if facts.last_purchase_at is None or at > facts.last_purchase_at:
        facts.last_purchase_at = at
    net = event.net_amount_minor
    if facts.currency is None:
        facts.currency = event.currency
    elif event.currency != facts.currency:
        _count(facts, f"net:{event.currency}", day, net)
        net = 0
    index, found = buckets.slot(facts.days, day)
    if found:
        facts.net_minor[index] += net
        facts.orders[index] += 1
    else:
        facts.days.insert(index, day)
        facts.net_minor.insert(index, net)
        facts.orders.insert(index, 1)
        facts.purchase_days += 1


def _refund(facts: Facts, event: Refund, zone: Calendar) -> None:
    booked_at = event.occurred_at if event.purchased_at is None else event.purchased_at
    day = zone.day(booked_at)
    name = "refund"
    if facts.currency is None:
        facts.currency = event.currency
    elif event.currency != facts.currency:
        name = f"refund:{event.currency}"
    _count(facts, name, day, event.amount_minor)
    _count(facts, "refunds", day, 1)
    if event.full:
        _count(facts, "cancelled", day, 1)


def _complaint(facts: Facts, event: Complaint) -> None:
    key = short_hash(event.complaint_id)
    at = event.occurred_at
    severity = 0 if event.severity is None else 1 + SEVERITIES.index(event.severity)
    detail = (at, COMPLAINT_TYPES.index(event.type), severity)
    case = next((c for c in facts.complaints if c.key == key), None)
    if case is None:
        case = ComplaintCase(key, None, (0, 0, 0), (0, 0, 0))
        facts.complaints.append(case)
    if event.action == "opened":
        case.opened_at = at if case.opened_at is None else min(case.opened_at, at)
    if event.action in {"opened", "amended"}:
        case.detail = max(case.detail, detail)
    if event.action != "amended":
        outcome = 0 if event.outcome is None else 1 + OUTCOMES.index(event.outcome)
        case.status = max(case.status, (at, STATUSES.index(event.action), outcome))
    facts.complaints.sort(key=_opened)


def _opened(case: ComplaintCase) -> tuple[int, bytes]:
    """Order cases by opening; one that waits for its opening, by the newest step known of it."""
    newest = max(case.status[0], case.detail[0])
    return (newest if case.opened_at is None else case.opened_at, case.key)


def _feedback(facts: Facts, event: Feedback) -> None:
    key = short_hash(event.feedback_id)
    at = event.occurred_at
    case = next((c for c in facts.feedback if c.key == key), None)
    if case is None:
        case = FeedbackCase(key, None, (0, 0, 0, 0, 0, 0, 0))
        facts.feedback.append(case)
    if event.action == "given":
        case.given_at = at if case.given_at is None else min(case.given_at, at)
    value = (
        at,
        int(event.action == "retracted"),
        METRICS.index(event.metric),
        POLARITIES.index(event.polarity),
        KINDS.index(event.kind),
        int(event.public),
        0 if event.score is None else 1 + event.score,
    )
    case.value = max(case.value, value)
    facts.feedback.sort(key=_given)


def _given(case: FeedbackCase) -> tuple[int, bytes]:
    return (case.value[0] if case.given_at is None else case.given_at, case.key)


def _attribute(facts: Facts, name: str, at: int, value: object) -> None:
    """Keep the newest value of an attribute; a deleted one keeps its instant, to stay deleted."""
    known = facts.profile.get(name)
    if known is None and len(facts.profile) >= PROFILE_MAX:
        return
    if known is None or (known[0], _rank(known[1])) < (at, _rank(value)):
        facts.profile[name] = (at, value)
        if known is None:
            facts.profile = dict(sorted(facts.profile.items()))


def _rank(value: object) -> bytes:
    return msgspec.json.encode(value)


def _count(facts: Facts, name: str, day: int, amount: int) -> None:
    series = facts.series.get(name)
    if series is None:
        if len(facts.series) >= SERIES_MAX:
            name = f"{name.partition(':')[0]}:other"
        series = facts.series.setdefault(name, ([], []))
        facts.series = dict(sorted(facts.series.items()))  # any order packs to the same bytes
    buckets.add(series, day, amount)


def _retain(facts: Facts, oldest: int) -> None:
    """Let go of the day buckets that no rule can ask for any more."""
    if facts.days and facts.days[0] < oldest:
        net, orders = buckets.prune(facts.days, oldest, facts.net_minor, facts.orders)
        facts.pruned_net_minor += net
        facts.pruned_orders += orders
    if facts.series:
        for name in [n for n, (days, _) in facts.series.items() if days[0] < oldest]:
            days, values = facts.series[name]
            (lost,) = buckets.prune(days, oldest, values)
            if name == "refund":
                facts.pruned_net_minor -= lost
            elif name == "cancelled":
                facts.pruned_orders -= lost
            if not days:
                del facts.series[name]


def _retain_complaints(facts: Facts, zone: Calendar, oldest: int, unmatched: int) -> None:
    kept = []
    excess = len(facts.complaints) - COMPLAINTS_MAX
    for index, case in enumerate(facts.complaints):
        day = zone.day(_opened(case)[0])
        if day < (unmatched if case.opened_at is None else oldest):
            continue
        if index < excess:
            if case.opened_at is not None and case.status[1] != RETRACTED:
                _count(facts, f"c:{case.detail[1]}{case.detail[2]}", day, 1)
            continue
        kept.append(case)
    facts.complaints = kept


def _retain_feedback(facts: Facts, zone: Calendar, oldest: int, unmatched: int) -> None:
    kept = []
    excess = len(facts.feedback) - FEEDBACK_MAX
    for index, case in enumerate(facts.feedback):
        day = zone.day(_given(case)[0])
        if day < (unmatched if case.given_at is None else oldest):
            continue
        if index < excess:
            _, retracted, metric, polarity, _, _, score = case.value
            if case.given_at is not None and not retracted:
                _count(facts, f"f:{metric}{polarity}", day, 1)
                if score:
                    _count(facts, f"fn:{metric}{polarity}", day, 1)
                    _count(facts, f"fs:{metric}{polarity}", day, score - 1)
            continue
        kept.append(case)
    facts.feedback = kept

"""Causes: the events that a fact was computed from, where a customer's history is at hand.

A state keeps sums and no events, so only the log knows which events are behind a value. The rules
here say for each fact which events of a history it counts, in the terms in which rulebooks filter:
its window, and its arguments. What an absorbed customer did is in her own history, not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from models.calendar import Calendar, Span, rfc3339
from models.events import (
    SEVERITIES,
    TAGS,
    Complaint,
    CustomerEvent,
    Engagement,
    Feedback,
    Profile,
    Purchase,
    Refund,
    ScoreSet,
)
from rules.facts import lookup
from rules.language.tree import Argument, Fact

CAUSES_MAX = 20  # of one comparison, the newest
_SCORE = "score."
_PROFILE = "profile."

Given: TypeAlias = Mapping[str, Argument]

_SALES = (Purchase, Refund)
_BY_NAME: Mapping[str, tuple[type[CustomerEvent], ...]] = {
    "refunds": (Refund,),
    "largest_order": (Purchase,),
    "member_days": (Purchase, Profile),
    "order_interval_days": _SALES,
    "order_stability": _SALES,
    "quantity_stability": _SALES,
    "responses": (Engagement, Purchase),
    "satisfaction": (Feedback, Complaint),
    "churn.risk": (Purchase, Complaint, Feedback),
    "expected_purchases": (Purchase, Complaint, Feedback),
    "value_forecast": (Purchase, Complaint, Feedback),
}
_BY_SUBJECT: Mapping[str, tuple[type[CustomerEvent], ...]] = {
    "sales": _SALES,
    "habits": (Purchase,),
    "complaints": (Complaint,),
    "feedback": (Feedback,),
    "engagement": (Engagement,),
    "profile": (Profile,),
}
_IN_PARTS = {"profile.income", "profile.annual_revenue"}  # amount, currency, period
_BY_NEWEST = {"days_since_purchase", "days_since_contact"}
_ENGAGEMENTS: Mapping[str, tuple[str, ...]] = {
    "referrals": ("referral.converted",),
    "late_deliveries": ("order.delivered_late",),
    "responses": ("action.responded",),
    "days_since_contact": ("contact.made",),
    "relations": ("relation.linked", "relation.unlinked"),
}


def causes(
    fact: Fact, span: Span, zone: Calendar, history: Sequence[CustomerEvent]
) -> list[CustomerEvent]:
    """Return the events of a history that a fact counts in a window of days, by their time.

    All steps of a complaint or feedback belong together: they count on the day of the first. Of a
    fact that one event decides, such as the days since a purchase, only that one.
    """
    kinds, given = _kinds(fact.name), dict(fact.args)
    mine = [each for each in history if isinstance(each, kinds)]
    days: dict[object, int] = {}
    begun: dict[object, int] = {}  # which may have been told twice
    wanted = set()
    for each in mine:
        key, day = _case(each), zone.day(_counted_at(each))
        if _begins(each):
            begun[key] = min(day, begun.get(key, day))
        days.setdefault(key, day)
        if _fits(each, fact.name, given):
            wanted.add(key)
    days |= begun
    found = [each for each in mine if (key := _case(each)) in wanted and _within(days[key], span)]
    found.sort(key=lambda each: each.occurred_at)
    return _deciding(fact.name, found)


def _deciding(name: str, found: list[CustomerEvent]) -> list[CustomerEvent]:
    """Return those of the events, by their time, that decide a fact."""
    if name == "member_days":
        said = [each for each in found if isinstance(each, Profile)]
        return [*said[-1:]] or found[:1]
    if name == "days_since_first_purchase":
        return found[:1]
    is_told = all(isinstance(each, Profile | ScoreSet) for each in found)
    by_newest = name in _BY_NEWEST or (is_told and name not in _IN_PARTS)
    return found[-1:] if by_newest else found


def described(event: CustomerEvent) -> dict[str, Any]:
    """Return an event as explanations name it: its id, type and time, and an amount if it has one.

    Amounts are in minor units of `currency`.
    """
    found: dict[str, Any] = {
        "id": event.event_id,
        "type": TAGS[type(event)],
        "occurred_at": rfc3339(event.occurred_at),
    }
    match event:
        case Purchase(net_amount_minor=amount, currency=currency):
            found |= {"amount_minor": amount, "currency": currency}
        case Refund(amount_minor=amount, currency=currency):
            found |= {"amount_minor": -amount, "currency": currency}
        case Complaint(action=action) | Feedback(action=action):
            found["action"] = action
        case Engagement(kind=kind):
            found["kind"] = kind
    return found


def _kinds(name: str) -> tuple[type[CustomerEvent], ...]:
    """Return the types of events that a fact is computed from; none for a result of the rules."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.startswith(_SCORE):
        return (ScoreSet,)
    if name.startswith("rfm."):
        return _SALES
    spec = lookup(name)
    if spec is None:
        return ()
    if name.startswith(_PROFILE):
        return (Profile,)
    return _BY_SUBJECT[spec.function.__module__.rpartition(".")[2]]


def _case(event: CustomerEvent) -> object:
    """Return what an event belongs to: a complaint, a feedback, or itself alone."""
    match event:
        case Complaint(complaint_id=key) | Feedback(feedback_id=key):
            return type(event), key
    return event.source, event.event_id


def _begins(event: CustomerEvent) -> bool:
    """Tell whether an event is the first step of what it belongs to."""
    return not isinstance(event, Complaint | Feedback) or event.action in {"opened", "given"}


def _counted_at(event: CustomerEvent) -> int:
    """Return the instant on whose day an event counts: a refund's is that of its purchase."""
    if isinstance(event, Refund) and event.purchased_at is not None:
        return event.purchased_at
    return event.occurred_at


def _within(day: int, span: Span) -> bool:
    return (span.first is None or day >= span.first) and (span.last is None or day <= span.last)


def _fits(event: CustomerEvent, name: str, given: Given) -> bool:
    """Tell whether an event passes a fact's filters."""
    match event:
        case Engagement():
            return _engages(event, name, given)
        case Profile():
            return _patches(event, name, given)
        case ScoreSet():
            return f"{_SCORE}{event.name}" == name
    if name == "share":  # of the whole
        return True
    if name == "responses":
        return (
            isinstance(event, Purchase) and event.action_id is not None and not given.get("action")
        )
    if name == "public_praise":
        given = {**given, "public": True, "polarity": "positive"}
    if name == "nps":
        given = {**given, "metric": "nps"}
    return all(_passes(event, key, wanted) for key, wanted in given.items())


def _passes(event: CustomerEvent, key: str, wanted: Argument) -> bool:
    """Tell whether an event passes a filter; what is no filter of such an event lets it pass."""
    match key:
        case "category" if isinstance(event, Purchase | Refund):
            return any(_among(line.category, wanted) for line in event.lines)
        case "severity_from" if isinstance(event, Complaint):
            return event.severity in _severe_from(str(wanted))
    return key not in _FILTERS or _among(getattr(event, key, wanted), wanted)


def _severe_from(least: str) -> tuple[str, ...]:
    names: tuple[str, ...] = SEVERITIES
    return names[names.index(least) :]


_FILTERS = {"channel", "type", "severity", "polarity", "metric", "topic", "kind", "public"}


def _among(value: object, wanted: Argument) -> bool:
    return value in wanted if isinstance(wanted, tuple) else value == wanted


def _engages(event: Engagement, name: str, given: Given) -> bool:
    kinds = _ENGAGEMENTS.get(name, (given.get("kind", event.kind),))
    if event.kind not in kinds:
        return False
    wanted = {
        "usage": (event.unit, "unit"),
        "responses": (event.name, "action"),
        "days_since_contact": (event.name, "kind"),
        "relations": (event.relation, "kind"),
    }.get(name)
    return wanted is None or wanted[1] not in given or wanted[0] == given[wanted[1]]


def _patches(event: Profile, name: str, given: Given) -> bool:
    """Tell whether a profile event speaks of the attribute that a fact reads."""
    named = {name.removeprefix(_PROFILE)}
    match name:
        case "consent":
            named = {f"consents.{given['purpose']}"}
        case "age":
            named = {"birth_date"}
        case "member_days":
            named = {"joined_at"}
        case "has" | "number" | "flag" | "days_since":
            named = {str(each).removeprefix(_PROFILE) for each in given.values()}
    return any(key == each or key.startswith(f"{each}.") for key in event.patch for each in named)

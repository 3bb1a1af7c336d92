"""What people decide about a customer's tier, and what an event has to be compared with.

Overrides and holds are events like any other: they change the standing that the laws work on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.customer import Override, Standing
from models.errors import Reason
from models.events import (
    CustomersMerged,
    HoldCleared,
    HoldSet,
    OverrideCleared,
    OverrideSet,
    Refund,
)
from rules.admission import Refusal
from rules.announcing.tier import lacks
from rules.tiers.judging import Judge, next_review
from rules.tiers.own_tier import place
from rules.tiers.scene import Foreseen
from rules.tiers.tiering import visible_warning

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.events import CustomerEvent
    from rules.announcing.tier import Missing
    from rules.book import Book
    from rules.eras import Era


_NEEDS_RULES = OverrideSet | OverrideCleared | HoldSet | HoldCleared


class Foresight(NamedTuple):
    """What held just before an event at the same clock, and what a running warning missed."""

    ladder: Foreseen
    missing: Missing | None


def is_on_hold(standing: Standing | None, at: int) -> bool:
    """Tell whether a hold keeps the tier, and silences warnings, churn risk and actions."""
    until = None if standing is None else standing.hold_until
    return until is not None and at < until


def control(
    state: CustomerState, event: CustomerEvent, book: Book | None, now: int | None
) -> Refusal | None:
    """Note an override or a hold in the standing; return why it is refused."""
    if isinstance(event, _NEEDS_RULES) and (book is None or now is None):
        message = "no rulebook is in force yet, or the clock has not begun; send it again later"
        return Refusal(Reason.REFUSED, message)
    match event:
        case CustomersMerged() if state.moved_to is not None:
            message = f"the customer was merged into {state.moved_to} before"
            return Refusal(Reason.REFUSED, message)
        case OverrideSet() if book is not None and now is not None:
            return _override(state, event, book, now)
        case OverrideCleared():
            standing = state.concluded.standing
            override = None if standing is None else standing.override
            if override is None or override.id != event.override_id:
                message = f"no override {event.override_id!r} is in force for this customer"
                return Refusal(Reason.REFUSED, message)
            assert standing is not None
            assert now is not None
            standing.override = _ended(override, now)
        case HoldSet() if now is not None:
            if event.until <= now:
                message = "the hold would end before it begins; give an `until` in the future"
                return Refusal(Reason.REFUSED, message)
            _standing(state).hold_until = event.until
        case HoldCleared():
            if state.concluded.standing is not None:
                state.concluded.standing.hold_until = now
        case _:
            pass
    return None


def _override(state: CustomerState, event: OverrideSet, book: Book, now: int) -> Refusal | None:
    names = [tier.name for tier in book.tiers]
    if event.tier not in names:
        message = f"the rulebook has no tier {event.tier!r}; it has {', '.join(names)}"
        return Refusal(Reason.REFUSED, message)
    if event.until is not None and event.until <= now:
        message = "the override would end before it begins; give an `until` in the future"
        return Refusal(Reason.REFUSED, message)
    _standing(state).override = Override(
        event.override_id,
        names.index(event.tier),
        event.mode == "exactly",
        event.reason,
        event.by,
        event.until,
    )
    return None


def _ended(override: Override, now: int) -> Override:
    """Return an override that ends now; the laws take it away."""
    return Override(override.id, override.tier, override.exactly, override.reason, override.by, now)


def _standing(state: CustomerState) -> Standing:
    if state.concluded.standing is None:
        state.concluded.standing = Standing()
    return state.concluded.standing


def foresee(state: CustomerState, event: CustomerEvent, era: Era, now: int) -> Foresight | None:
    """Return what an event will be compared with; None where nothing is, as for most events."""
    book, concluded = era.book, state.concluded
    standing, tier = concluded.standing, concluded.tier
    if book is None or tier is None or (standing is None and not isinstance(event, Refund)):
        return None
    judge = Judge(book, era.given, state, concluded.band)
    at_loss = at_review = missing = None
    if standing is not None:
        lost, reviewed = standing.lost, standing.reviewed_at
        if lost is not None and event.occurred_at < lost.lost_at:
            at_loss = judge.at_loss(lost, reviewed)
        if reviewed is not None and event.occurred_at < reviewed:
            _, since = standing.shadow or place(concluded)
            if next_review(book, state.facts, since, reviewed - 1) == reviewed:
                at_review = judge.as_of(reviewed)
        warned = visible_warning(standing)
        if warned is not None:
            missing = lacks(judge, warned, tier, now)
    return Foresight(Foreseen(judge.at(now), at_loss, at_review), missing)

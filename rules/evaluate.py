"""One evaluation of a customer: everything that is concluded about her as of an instant.

It always has the same parts: the churn band, the tiers and categories that the compiled rulebook
concludes, what the laws of tiers make of them, policies and actions, the outputs for what differs
from before, and the next instant at which something may change by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.events import Complaint, CustomerMoved, Profile, Refund
from models.fold_cases import is_retracted
from models.home_currency import count_in
from rules.acting import Marks, Occasion, act, next_turn
from rules.announcing.announce import Change, announce
from rules.churn_risk import assess, step
from rules.control import is_on_hold
from rules.tiers.judging import Judge, Judged
from rules.tiers.scene import Scene
from rules.tiers.tiering import NOTHING, is_quiet, settle, wakes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.customer import CustomerState, Facts
    from models.decisions import AnyDecision
    from models.events import CustomerEvent
    from rules.acting import Request
    from rules.announcing.envelope import Trigger
    from rules.book import Book, Given
    from rules.eras import Carried, Era


class Subject(NamedTuple):
    """Who is evaluated: her id in an application, and her state, which is changed in place."""

    app: str
    customer: str
    state: CustomerState


_OF_THE_PROFILE = {Profile, CustomerMoved}
_SEATING = {"activation", "first_tick"}  # no action fires because of them


def evaluate(
    subject: Subject,
    era: Era,
    at: int,
    trigger: Trigger,
    decisions: list[AnyDecision],
    carried: Carried | None = None,
) -> None:
    """Conclude as of `at`; append what changed to `decisions`."""
    app, customer, state = subject
    was_here = state.era == era.number
    state.era = era.number
    book, given = era.book, era.given
    if book is None or state.erased or state.moved_to is not None:
        state.due = None
        return
    if state.facts.currency != book.currency:  # what comes from now on is in the book's
        count_in(state.facts, book.currency)
    concluded = state.concluded
    on_hold = is_on_hold(concluded.standing, at)
    band = churn_due = quiet_until = None
    stepped = False
    if era.churn is not None:
        band, churn_due, quiet_until = assess(
            state.facts, concluded, era.churn, at, at_once=trigger.at_once
        )
        if on_hold:  # its end is an instant of its own
            band, churn_due, quiet_until = concluded.band, None, None
        elif era.churn.rules.score_step is not None:
            stepped, step_at = step(state.facts, concluded, era.churn, at, band)
            churn_due = _earlier(churn_due, step_at)
    was_concluded = was_here and len(concluded.categories) == len(book.dimensions)
    is_profile_new = type(trigger.event) in _OF_THE_PROFILE
    conclude = book.again if was_concluded and not is_profile_new else book.conclude
    qualified, held, categories, due = conclude(state, at, band, given)
    said_at = max(concluded.said_at, trigger.said_at)
    before = concluded.tier, concluded.tier_since, concluded.band, concluded.categories
    tier, since, outcome = concluded.tier, concluded.tier_since, NOTHING
    if not is_quiet(concluded, qualified, held):
        judge = Judge(book, given, state, band)
        scene = _scene(judge, Judged(qualified, held, at, state), at, said_at, trigger)
        tier, since, outcome = settle(scene)
    requests: Sequence[Request] = ()
    turn = None
    if book.follow is not None:
        event = _heard(trigger.event, state.facts)
        marks = Marks(*book.follow(state, at, band, given, tier, qualified, categories, event))
        is_seating = trigger.kind in _SEATING or isinstance(event, CustomerMoved)
        occasion = Occasion(said_at, event, is_seating, on_hold)
        requests = act(book, concluded, marks, occasion)
        turn = marks.whiles
    concluded.tier, concluded.tier_since = tier, since
    concluded.quiet_until, concluded.categories = quiet_until, categories
    if band != concluded.band:
        concluded.band, concluded.band_since = band, said_at
    if (
        outcome is not NOTHING
        or requests
        or carried is not None
        or stepped
        or band != before[2]
        or categories != before[3]
    ):
        lacking = None if trigger.foreseen is None else trigger.foreseen.missing
        change = Change(at, *before, stepped, qualified, outcome, requests, carried, lacking)
        judge = Judge(book, given, state, band)
        announce(app, customer, judge, era, trigger, change, decisions)
    state.due = _due(book, given, state, at, band, (due, churn_due), turn)


def _heard(event: CustomerEvent | None, facts: Facts) -> CustomerEvent | None:
    """Return an event, unless it opens a complaint whose retraction came first: none happened."""
    if isinstance(event, Complaint) and event.action == "opened":
        return None if is_retracted(facts, event.complaint_id) else event
    return event


def _scene(judge: Judge, judged: Judged, at: int, said_at: int, trigger: Trigger) -> Scene:
    event, foreseen = trigger.event, trigger.foreseen
    return Scene(
        judge,
        judged,
        at,
        said_at,
        isinstance(event, Refund),
        trigger.kind in _SEATING,
        None if event is None else event.occurred_at,
        None if foreseen is None else foreseen.ladder,
    )


def _due(
    book: Book,
    given: Given,
    state: CustomerState,
    at: int,
    band: int | None,
    dues: tuple[int | None, int | None],
    whiles: int | None,
) -> int | None:
    """Return when to look at her again: the earliest of all dues, a second from now at least."""
    concluded = state.concluded
    due = _earlier(*dues)
    found = [] if due is None else [max(due, at + 1)]
    if concluded.standing is not None:
        found += wakes(Judge(book, given, state, band), at)
    if whiles is not None:
        turn = next_turn(book, concluded, whiles, at)
        if turn is not None:
            found.append(turn)
    return min(found, default=None)


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)

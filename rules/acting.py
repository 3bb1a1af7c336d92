"""Policies and actions: what somebody should do for a customer, decided at each evaluation.

A policy is held while its condition is true: it starts, and it stops. An action is asked for at a
moment (`when` becomes true, an event happened) or again and again (`every`, while a condition is
true). What is blocked, by a cooldown, a hold or a missing consent, is lost and not queued. What a
new rulebook or a merge would ask for is lost, too; of what is repeated that is one turn, and the
next one comes in its time. While a request is valid and its reason ends, it is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from models.calendar import DAY_S
from models.customer import Asked
from models.events import Complaint
from models.ids import short_hash
from rules.tiers.judging import days_later

if TYPE_CHECKING:
    from models.calendar import Calendar
    from models.customer import Conclusions
    from models.events import CustomerEvent
    from rules.book import Action, Book, Span


_OTHERS_MAX = 16  # earlier requests of an action that are kept while they are valid


class Marks(NamedTuple):
    """What `Book.follow` says, as bit masks over its policies and actions."""

    policies: int
    whens: int
    standing: int
    whiles: int


class Request(NamedTuple):
    """Something to be told: `place` counts the book's policies or actions."""

    kind: Literal["start", "stop", "do", "cancel"]
    place: int
    trigger: Literal["while", "when", "every", "retracted"]
    valid_until: int | None = None
    cooldown_until: int | None = None
    about: bytes | None = None
    cancels: bytes | None = None  # the output that asked for it


class Occasion(NamedTuple):
    """One evaluation; times count from `said_at`, the `occurred_at` of what is asked."""

    said_at: int
    event: CustomerEvent | None
    is_activation: bool
    on_hold: bool


def act(book: Book, concluded: Conclusions, marks: Marks, occasion: Occasion) -> list[Request]:
    """Return what is to be told, policies first; note in the state what has started."""
    requests = [
        Request("start" if marks.policies >> index & 1 else "stop", index, "while")
        for index in _places(marks.policies ^ concluded.policies)
    ]
    before, concluded.whens = concluded.whens, marks.whens
    concluded.policies = marks.policies
    kept = marks.whiles & marks.standing
    retracted = _is_retraction(occasion.event)
    known = concluded.asked
    ended = [i for i in known if retracted or not kept >> i & 1]
    due = marks.whiles & (marks.whens & (book.momentary | ~before) | book.repeating)
    for index in sorted({*ended, *_places(due)}) if ended else _places(due):
        last = known.get(index)
        if ended and last is not None:
            for each in last.open_at(occasion.said_at):
                cancel = _cancelled(each, marks, index, occasion)
                if cancel is not None:
                    requests.append(Request("cancel", index, cancel, cancels=each.id))
        if due >> index & 1 and _is_due(book, last, index, occasion):
            action = book.actions[index]
            if action.on_activation or not occasion.is_activation:
                requests.append(_request(book.zone, action, index, occasion))
            elif action.every_days is not None:
                known[index] = _lost_turn(last, occasion.said_at)
    return requests


def _places(mask: int) -> list[int]:
    """Return the places of the bits that are set, lowest first."""
    places = []
    while mask:
        places.append((mask & -mask).bit_length() - 1)
        mask &= mask - 1
    return places


def next_turn(book: Book, concluded: Conclusions, whiles: int, at: int) -> int | None:
    """Return the next instant at which an action is to be repeated."""
    repeating, earliest = whiles & book.repeating, None
    for index, last in concluded.asked.items():
        every_days = book.actions[index].every_days
        if every_days is None or not repeating >> index & 1:
            continue
        if earliest is not None and _surely_not_before(last.at, every_days) > earliest:
            continue
        turn = days_later(book.zone, last.at, every_days)
        cooldown = book.actions[index].cooldown
        if cooldown is not None:
            turn = max(turn, ends(book.zone, last.at, cooldown))
        if turn > at and (earliest is None or turn < earliest):
            earliest = turn
    return earliest


def _surely_not_before(at: int, days: int) -> int:
    """Return an instant that `days_later` does not come before, without asking the calendar.

    Days are uneven, and it gives a day's beginning: two days less is sure.
    """
    return at + (days - 2) * DAY_S


def asked(request: Request, said_at: int, output_id: bytes, known: Asked | None) -> Asked:
    """Return what the state remembers of an action once a request was told.

    The one before stays beside it while it is valid: whatever ends their reason cancels both.
    """
    if request.kind == "cancel" and known is not None:
        others = [each for each in known.others if each.id != request.cancels]
        cancelled = known.cancelled or known.id == request.cancels
        return msgspec.structs.replace(known, cancelled=cancelled, others=others)
    before = [] if known is None else known.open_at(said_at)
    others = [msgspec.structs.replace(each, others=[]) for each in before]
    return Asked(
        said_at, output_id, request.valid_until, False, request.about, others[-_OTHERS_MAX:]
    )


def _is_due(book: Book, last: Asked | None, index: int, occasion: Occasion) -> bool:
    """Tell whether nothing blocks an action whose conditions hold: no hold, no cooldown."""
    action, zone = book.actions[index], book.zone
    if occasion.on_hold:
        return False
    if last is None:
        return True
    repeats = action.every_days
    if repeats is not None:
        if occasion.said_at < _surely_not_before(last.at, repeats):
            return False
        if occasion.said_at < days_later(zone, last.at, repeats):
            return False
    return action.cooldown is None or occasion.said_at >= ends(zone, last.at, action.cooldown)


def _lost_turn(last: Asked | None, said_at: int) -> Asked:
    """Return what the state remembers of a turn at which nothing was asked for."""
    if last is None:
        return Asked(said_at, b"", None, cancelled=True)
    return msgspec.structs.replace(last, at=said_at)


def _cancelled(
    last: Asked, marks: Marks, index: int, occasion: Occasion
) -> Literal["while", "when", "retracted"] | None:
    """Return why a request that is still valid is not wanted any more."""
    if not marks.whiles >> index & 1:
        return "while"
    if not marks.standing >> index & 1:
        return "when"
    event = occasion.event
    return "retracted" if _is_retraction(event) and last.about == _about(event) else None


def _is_retraction(event: CustomerEvent | None) -> bool:
    return isinstance(event, Complaint) and event.action == "retracted"


def _request(zone: Calendar, action: Action, index: int, occasion: Occasion) -> Request:
    said_at, valid, cooldown = occasion.said_at, action.valid_for, action.cooldown
    return Request(
        "do",
        index,
        "when" if action.has_when else "every",
        None if valid is None else ends(zone, said_at, valid),
        None if cooldown is None else ends(zone, said_at, cooldown),
        _about(occasion.event),
    )


def ends(zone: Calendar, at: int, span: Span) -> int:
    """Return where a span from an instant ends: days at a day's beginning, hours exactly."""
    return at + span.seconds if span.days is None else days_later(zone, at, span.days)


def _about(event: CustomerEvent | None) -> bytes | None:
    return short_hash(event.complaint_id) if isinstance(event, Complaint) else None

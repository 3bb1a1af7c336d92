"""Timers: what a customer's due instant is for, when to look, and what lies ahead.

Which instant is due is concluded with everything else (`Book.conclude`, `churn_risk.assess`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from zlib import crc32

from models.calendar import rfc3339
from models.decisions import Outlook
from rules.acting import next_turn
from rules.churn_risk import has_stepped, score_at, standing
from rules.tiers import tiering

if TYPE_CHECKING:
    from models.customer import CustomerState
    from rules.book import Book
    from rules.churn_risk import Scale
    from rules.tiers.judging import Judge

SPREAD_S = 6 * 3600
_QUARTER_S = 900
_OUTLOOK_STEPS = 8


def look_at(customer: bytes, due: int | None) -> int | None:
    """Return when to look at a quiet customer: at her due instant, or spread over the morning.

    Only dues on a quarter of an hour are spread: days begin on one in every zone, and there many
    customers fall due in one instant; churn crossings fall on any second.
    """
    if due is None or due % _QUARTER_S:
        return due
    return due + crc32(customer) % SPREAD_S


def timer_kind(judge: Judge, due: int, churn: Scale | None) -> str:
    """Return what a customer's due instant is for."""
    state, book = judge.state, judge.book
    if due == state.concluded.quiet_until:
        return "churn.silence"
    decided = tiering.wakes(judge, due - 1).get(due)
    if decided is not None:
        return decided
    if state.concluded.band is None and due == _known_from(state, book):
        return "churn.history"
    if churn is not None and _is_step(state, churn, due):
        return "churn.step"
    return "action.every" if due == next_turn(book, state.concluded, -1, due - 1) else "window.exit"


def _known_from(state: CustomerState, book: Book) -> int | None:
    """Return when a customer has enough history for a churn band."""
    first = state.facts.first_purchase_at
    return None if first is None or book.churn is None else first + book.churn.minimum_history_s


def _is_step(state: CustomerState, churn: Scale, due: int) -> bool:
    """Tell whether the churn score is a step away from the one last told."""
    if churn.rules.score_step is None or state.concluded.band is None:
        return False
    stand = standing(state.facts, churn.model)
    return stand is not None and has_stepped(churn, state.concluded, score_at(churn, stand, due))


def outlook(judge: Judge, at: int, said_at: int) -> Outlook | None:
    """Return what becomes of the tier next if nothing happens and the churn band stays.

    Only if it is near: at most `_OUTLOOK_STEPS` instants are looked at.
    """
    for instant, _, told in islice(tiering.forward(judge, at, said_at), _OUTLOOK_STEPS):
        if told.move is not None:
            return Outlook(rfc3339(instant), "tier.changed")
        if told.cleared is not None or told.warned == "set":
            return Outlook(rfc3339(instant), "tier.warning")
    return None

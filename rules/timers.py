"""Timers: what a customer's due instant is for, when to look, and what lies ahead.

Which instant is due is concluded with everything else (`Book.conclude`, `churn_risk.assess`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from zlib import crc32

from models.calendar import rfc3339
from models.decisions import Outlook
from rules import tiering

if TYPE_CHECKING:
    from models.customer import CustomerState
    from rules.book import Book
    from rules.eras import Era

SPREAD_S = 6 * 3600
_QUARTER_S = 900
_OUTLOOK_STEPS = 4


def look_at(customer: bytes, due: int | None) -> int | None:
    """Return when to look at a quiet customer: at her due instant, or spread over the morning.

    Only dues on a quarter of an hour are spread: days begin on one in every zone, and there many
    customers fall due in one instant; churn crossings fall on any second.
    """
    if due is None or due % _QUARTER_S:
        return due
    return due + crc32(customer) % SPREAD_S


def timer_kind(
    state: CustomerState, era: Era
) -> Literal["churn.silence", "churn.history", "window.exit"]:
    """Return what a customer's due instant is for."""
    if state.due == state.concluded.quiet_until:
        return "churn.silence"
    if state.concluded.band is None and state.due == _known_from(state, era):
        return "churn.history"
    return "window.exit"


def _known_from(state: CustomerState, era: Era) -> int | None:
    """Return when a customer has enough history for a churn band."""
    first = state.facts.first_purchase_at
    if first is None or era.book is None or era.book.churn is None:
        return None
    return first + era.book.churn.minimum_history_s


def outlook(book: Book, state: CustomerState, at: int) -> Outlook | None:
    """Return the next change of tier if nothing happens and the churn band stays, if it is near.

    Near means that at most `_OUTLOOK_STEPS` instants have to be looked at.
    """
    tier, band = state.concluded.tier, state.concluded.band
    due = book.ladder(state, at, band)[3]
    for _ in range(_OUTLOOK_STEPS):
        if due is None:
            return None
        qualified, held, _, later = book.ladder(state, due, band)
        if tiering.move(book, tier, qualified, held) is not None:
            return Outlook(rfc3339(due), "tier.changed")
        due = later
    return None

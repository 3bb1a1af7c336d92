"""Whether an event is accepted: the refusals that need the partition's clock or the rulebook.

What is wrong with an event in itself was refused at the door, by `models.wire`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.calendar import rfc3339
from models.errors import Reason
from models.events import (
    CustomerMoved,
    Profile,
    Purchase,
    Refund,
    encode,
)
from rules.eras import FUTURE_S_MAX, LATENESS_DAYS

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.events import CustomerEvent
    from rules.eras import Era

ATTRIBUTE_BYTES_MAX = 1_024  # of a profile attribute, as JSON: it bounds the size of a state


class Refusal(msgspec.Struct, frozen=True):
    """The event is set aside as a dead letter and has no effect."""

    reason: Reason
    message: str


def refuse(
    state: CustomerState | None,
    event: CustomerEvent,
    key: bytes,
    era: Era | None,
    appended_at: int,
    day: int,
    today: int | None,
) -> Refusal | None:
    """Return why an event cannot be accepted; `day` and `today` are the event's and the clock's."""
    if state is not None and state.erased:
        message = "the customer was erased; a new relation needs a new customer id"
        return Refusal(Reason.ERASED, message)
    if event.occurred_at > appended_at + FUTURE_S_MAX:
        return Refusal(
            Reason.FROM_THE_FUTURE,
            f"occurred_at {rfc3339(event.occurred_at)} is more than 24 h ahead of the broker's "
            f"{rfc3339(appended_at)}; check the producer's clock",
        )
    if isinstance(event, Purchase | Refund):
        if era is not None and era.currency not in {None, event.currency}:
            return Refusal(
                Reason.UNKNOWN_CURRENCY,
                f"{event.currency} has no exchange rate to {era.currency}, the rulebook's currency",
            )
    elif isinstance(event, Profile):
        large = [n for n, v in event.patch.items() if len(encode(v)) > ATTRIBUTE_BYTES_MAX]
        if large:
            message = f"{large[0]} is larger than {ATTRIBUTE_BYTES_MAX} bytes; keep a reference"
            return Refusal(Reason.TOO_LARGE, message)
    if isinstance(event, CustomerMoved):
        return None  # it was accepted where it comes from
    if state is not None and state.floor and key <= state.floor:
        return Refusal(
            Reason.TOO_LATE,
            "the customer is so busy that only her newest events can be told from repeats",
        )
    if today is not None and day < today - LATENESS_DAYS:
        return Refusal(
            Reason.TOO_LATE,
            f"occurred_at {rfc3339(event.occurred_at)} lies {today - day} days before the "
            f"partition's clock; events may be at most {LATENESS_DAYS} days late",
        )
    return None

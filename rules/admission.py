"""Whether an event is accepted, and as what: all that needs the partition's clock or the rulebook.

What is wrong with an event in itself was refused at the door, by `models.wire`.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from typing import TYPE_CHECKING

import msgspec

from models.calendar import rfc3339
from models.customer import Facts, pack, unpack
from models.errors import Reason
from models.events import (
    Complaint,
    CustomerErased,
    CustomerMoved,
    CustomersMerged,
    Profile,
    Purchase,
    Refund,
    encode,
)
from rules.eras import FUTURE_S_MAX, LATENESS_DAYS
from rules.exchange import exchanged, exchanged_profile, priced_day

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.events import CustomerEvent
    from rules.eras import Era

ATTRIBUTE_BYTES_MAX = 1_024  # of a profile attribute, as JSON: it bounds the size of a state
STATE_BYTES_MAX = 1_000_000  # of a packed state: what its topic takes
_ENDS = CustomersMerged | CustomerErased  # they count on no day, and nobody ends twice
_CONCLUDED_BYTES_MAX = 131_072  # of a sent one but for its facts: an override, ids, absorbed ids


class Refusal(msgspec.Struct, frozen=True):
    """The event is set aside as a dead letter and has no effect."""

    reason: Reason
    message: str


def admit(
    state: CustomerState | None,
    event: CustomerEvent,
    key: bytes,
    era: Era | None,
    appended_at: int,
    day: int,
    today: int | None,
) -> CustomerEvent | Refusal:
    """Return an event as it is folded, in the rulebook's currency, or why it is refused.

    `day` and `today` are the event's and the clock's.
    """
    if state is not None and state.erased:
        message = "the customer was erased; a new relation needs a new customer id"
        return Refusal(Reason.ERASED, message)
    if event.occurred_at > appended_at + FUTURE_S_MAX:
        return Refusal(
            Reason.FROM_THE_FUTURE,
            f"occurred_at {rfc3339(event.occurred_at)} is more than 24 h ahead of the broker's "
            f"{rfc3339(appended_at)}; check the producer's clock",
        )
    if isinstance(event, Profile):
        large = [n for n, v in event.patch.items() if len(encode(v)) > ATTRIBUTE_BYTES_MAX]
        if large:
            message = f"{large[0]} is larger than {ATTRIBUTE_BYTES_MAX} bytes; keep a reference"
            return Refusal(Reason.TOO_LARGE, message)
    if isinstance(event, CustomerMoved):  # what it is of was accepted where it comes from
        sent = sent_state(event)
        return sent if isinstance(sent, Refusal) else event
    if state is not None and state.floor and key <= state.floor and not isinstance(event, _ENDS):
        return Refusal(
            Reason.TOO_LATE,
            "the customer is so busy that only her newest events can be told from repeats",
        )
    if today is not None and day < today - LATENESS_DAYS and not isinstance(event, _ENDS):
        return Refusal(
            Reason.TOO_LATE,
            f"occurred_at {rfc3339(event.occurred_at)} lies {today - day} days before the "
            f"partition's clock; events may be at most {LATENESS_DAYS} days late",
        )
    return event if era is None else _at_home(event, era)


def _at_home(event: CustomerEvent, era: Era) -> CustomerEvent | Refusal:
    """Return an event with its amounts in the rulebook's currency.

    Sales without an exchange rate are refused. A complaint counts whatever it is about, and of a
    profile the rest does: such an amount keeps its currency, and no rule reads it.
    """
    home = era.currency
    if isinstance(event, Purchase | Refund):
        if home in {None, event.currency}:
            return event
        return exchanged(event, era) or _without_rate(event, era)
    if isinstance(event, Complaint) and event.currency not in {None, home}:
        return exchanged(event, era) or event
    return exchanged_profile(event, era) if isinstance(event, Profile) else event


def _without_rate(event: Purchase | Refund, era: Era) -> Refusal:
    day = priced_day(event, era)
    return Refusal(
        Reason.UNKNOWN_CURRENCY,
        f"{event.currency} has no exchange rate to {era.currency}, the rulebook's currency, on "
        f"{day}; send `rates.set` with base {era.currency} and a date of {day} or before, then the "
        f"event again, or send its amounts in {era.currency}",
    )


def sent_state(event: CustomerMoved) -> CustomerState | Refusal:
    """Return what a merged customer brings, unless it is more than a customer can have.

    Only who writes into the log by hand sends such a state. Whatever is kept of it has to fit the
    survivor's own state, and what is told of her.
    """
    inflating = zlib.decompressobj()
    packed = inflating.decompress(b64decode(event.state), STATE_BYTES_MAX + 1)
    if len(packed) > STATE_BYTES_MAX:
        return _too_large(f"more than {STATE_BYTES_MAX:,} bytes")
    sent = unpack(packed)
    facts = sent.facts
    large = [n for n, (_, v) in facts.profile.items() if len(encode(v)) > ATTRIBUTE_BYTES_MAX]
    if large:
        return _too_large(f"an attribute larger than {ATTRIBUTE_BYTES_MAX} bytes")
    names = (*facts.profile, *facts.series, *facts.channels, *facts.categories)
    if any(len(name) > ATTRIBUTE_BYTES_MAX for name in (*names, facts.currency or "")):
        return _too_large(f"a name longer than {ATTRIBUTE_BYTES_MAX} characters")
    if len(pack(msgspec.structs.replace(sent, facts=Facts()))) > _CONCLUDED_BYTES_MAX:
        return _too_large(f"more than {_CONCLUDED_BYTES_MAX:,} bytes beside her facts")
    return sent


def _too_large(what: str) -> Refusal:
    return Refusal(Reason.TOO_LARGE, f"the state that was sent holds {what}; no customer has that")

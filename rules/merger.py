"""Merging two customers: what the absorbed one sends, and what the survivor makes of it.

The two may live in different partitions, so a merge is two records: `customers.merged` ends the
absorbed customer's stream and sends her history, and `customer.moved` brings it to the survivor.
Both partitions write what they do in one transaction each, so nothing is lost or counted twice.

A merge into somebody who was merged into this customer before is refused. Two that cross on their
way cannot be: there the customer with the smallest id of the circle lives on.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec

from models.customer import (
    Brought,
    Conclusions,
    CustomerState,
    Standing,
    Warned,
    pack,
    remember_all,
)
from models.errors import Reason
from models.events import CustomerMoved, CustomersMerged, encode
from models.merging import merge
from rules.admission import STATE_BYTES_MAX, Refusal, sent_state
from rules.eras import LATENESS_DAYS

if TYPE_CHECKING:
    from models.calendar import Calendar
    from models.events import CustomerEvent
    from rules.book import Book

ABSORBED_MAX = 64
SENT_BYTES_MAX = 700_000  # compressed and in base64, well below what the log takes


def depart(
    customer: str, state: CustomerState, event: CustomersMerged, book: Book | None
) -> CustomerMoved | Refusal:
    """Return what is sent to the survivor."""
    if event.survivor == customer:
        return Refusal(Reason.REFUSED, "a customer cannot be merged into herself")
    if event.survivor in state.absorbed:
        message = (
            f"{event.survivor} was merged into this customer before, and a merge back would be a "
            "circle; her events are counted here already"
        )
        return Refusal(Reason.REFUSED, message)
    standing = state.concluded.standing
    override = None if standing is None else standing.override
    names = [] if book is None else [tier.name for tier in book.tiers]
    tier, since = _own(state)
    bare = CustomerState(
        seen=state.seen,
        floor=state.floor,
        facts=state.facts,
        concluded=Conclusions(tier_since=since, standing=standing),
        absorbed=state.absorbed,
    )
    whole = pack(bare)
    packed = b64encode(zlib.compress(whole, 1)).decode()
    if len(whole) > STATE_BYTES_MAX or len(packed) > SENT_BYTES_MAX:
        return Refusal(Reason.TOO_LARGE, "this customer's history is too large to be moved")
    return CustomerMoved(
        event_id=event.event_id,
        source=event.source,
        occurred_at=event.occurred_at,
        came_by=(customer,),
        by=event.by,
        tier=None if tier is None or not names else names[tier],
        override=None if override is None or not names else names[override.tier],
        state=packed,
    )


def onward(customer: str, state: CustomerState, event: CustomerEvent, value: bytes) -> bytes | None:
    """Return what a merged customer's record becomes on its way to the survivor.

    None where it stays: a second merge, which is refused, or what ends a circle, of which she is
    the one to live on.
    """
    if isinstance(event, CustomersMerged):
        return None
    if not isinstance(event, CustomerMoved):
        return value
    is_circle = customer in event.came_by or state.moved_to in event.came_by
    if is_circle and customer == min(customer, *event.came_by):
        return None
    came_by = event.came_by if customer in event.came_by else (*event.came_by, customer)
    return encode(msgspec.structs.replace(event, came_by=came_by))


def arrive(
    state: CustomerState,
    event: CustomerMoved,
    zone: Calendar,
    book: Book | None,
    today: int | None,
) -> None:
    """Add to the survivor, in place, what was sent: facts, ids of events, and the better tier.

    Her own override wins. Where the other's tier is higher, the laws go on from that.
    """
    sent = sent_state(event)
    assert not isinstance(sent, Refusal), "it was admitted"
    merge(state.facts, sent.facts, zone, today or 0, LATENESS_DAYS)
    remember_all(state, sent)
    state.absorbed = sorted({*state.absorbed, *sent.absorbed, *event.came_by})[-ABSORBED_MAX:]
    state.moved_to = None
    if book is not None:
        _stand(state, sent, event, book)


def _stand(state: CustomerState, sent: CustomerState, event: CustomerMoved, book: Book) -> None:
    names = {tier.name: index for index, tier in enumerate(book.tiers)}
    concluded, other = state.concluded, sent.concluded.standing
    tier, since = names.get(event.tier or ""), sent.concluded.tier_since
    standing = concluded.standing or Standing()
    if standing.override is None and other is not None and other.override is not None:
        index = names.get(event.override or "")
        if index is not None:
            standing.override = msgspec.structs.replace(other.override, tier=index)
    if other is not None and other.hold_until is not None:
        standing.hold_until = max(standing.hold_until or 0, other.hold_until)
    grace = None
    if other is not None and book.timing.review != "continuous":
        grace = _grace(other)
        known = [at for at in (standing.reviewed_at, other.reviewed_at) if at is not None]
        standing.reviewed_at = max(known, default=None)  # what was reviewed is not so again
    own, _ = _own(state)
    if tier is not None and since is not None and (own is None or tier > own):
        standing.brought = Brought(tier, since, grace)
    concluded.standing = standing


def _grace(standing: Standing) -> Warned | None:
    """Return the grace after a failed review, which goes on; who is told of it is another one."""
    warned, reviewed = standing.warned, standing.reviewed_at
    if warned is None or warned.review is None or warned.review > (reviewed or 0):
        return None
    return msgspec.structs.replace(warned, id=b"", revision=0)


def _own(state: CustomerState) -> tuple[int, int] | tuple[None, None]:
    """Return the tier that is a customer's own beneath an override, and since when."""
    concluded, standing = state.concluded, state.concluded.standing
    if standing is not None and standing.brought is not None:
        return standing.brought.tier, standing.brought.since
    if standing is not None and standing.shadow is not None:
        return standing.shadow
    if concluded.tier is None or concluded.tier_since is None:
        return None, None
    return concluded.tier, concluded.tier_since

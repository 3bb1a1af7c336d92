"""A customer's state, and its packed form.

A state is what the log says of one customer (`Facts`), which events were counted (`Seen`), and what
was concluded and published (`Conclusions`). It is one msgpack array: fields stand by position, so
a new field is added at the end with a default, and older states stay readable. A typical customer
(five purchases a year) takes about 200 bytes.

Unlike every other value here, a state is mutable: the reducer owns the one copy it decoded for its
batch, and copying it per event would cost as much as the reducer itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

from models.buckets import Series
from models.errors import BadState

SEEN_MAX = 256  # event ids remembered per customer
SEEN_BYTES = 12  # event time (4 bytes, big endian) and event hash (8 bytes)


class ComplaintCase(msgspec.Struct, array_like=True):
    """One complaint. Each part keeps its newest value by event time; ties go to the larger."""

    key: bytes
    opened_at: int | None  # None: a correction that still waits for its complaint
    detail: tuple[int, int, int]  # at, type, severity (0: not given, else 1 + index)
    status: tuple[int, int, int]  # at, status (see `fold.STATUSES`), outcome (0: none)


class FeedbackCase(msgspec.Struct, array_like=True):
    """One feedback, given, amended or retracted; the newest value by event time holds."""

    key: bytes
    given_at: int | None
    # at, retracted, metric, polarity, kind, public, score + 1 (0: none)
    value: tuple[int, int, int, int, int, int, int]


class Facts(msgspec.Struct, array_like=True):
    """What the log says of a customer: facts only, no opinions."""

    currency: str | None = None
    first_seen_at: int | None = None
    first_purchase_at: int | None = None
    last_purchase_at: int | None = None
    purchase_days: int = 0  # distinct local days with a purchase, over the whole life
    days: list[int] = []  # the purchases' days, then net amount and orders on each
    net_minor: list[int] = []
    orders: list[int] = []
    pruned_net_minor: int = 0  # what left the day buckets after their retention
    pruned_orders: int = 0
    series: dict[str, Series] = {}  # every other count by day; names in `fold`
    complaints: list[ComplaintCase] = []
    feedback: list[FeedbackCase] = []
    profile: dict[str, tuple[int, Any]] = {}


class Feed(msgspec.Struct, array_like=True, frozen=True):
    """Where a customer stands in one output topic: the last sequence number and output id."""

    sequence: int
    previous_id: bytes


class Root(msgspec.Struct, array_like=True, frozen=True):
    """The last accepted event: what a later timer names as its root cause."""

    type: str
    id: str
    occurred_at: int


class Conclusions(msgspec.Struct, array_like=True):
    """What was concluded. Tiers, bands and categories are indices into the era's rulebook."""

    tier: int | None = None
    tier_since: int | None = None
    band: int | None = None  # None: not enough history
    band_since: int | None = None
    score: int | None = None  # as last published
    quiet_until: int | None = None  # the churn band cannot rise by itself before this instant
    categories: list[int | None] = []  # one a dimension; None: unknown
    revision: int = 0
    said_at: int = 0  # `occurred_at` of the newest output
    feeds: dict[int, Feed] = {}


class CustomerState(msgspec.Struct, array_like=True):
    """Everything kept of one customer."""

    era: int | None = None  # the era its conclusions belong to; None: no conclusions yet
    due: int | None = None  # the next instant at which something may change by itself
    seen: bytes = b""  # counted events that could still come again, sorted, SEEN_BYTES each
    floor: bytes = b""  # an unknown event at or below it (time, hash) is too late
    facts: Facts = msgspec.field(default_factory=Facts)
    concluded: Conclusions = msgspec.field(default_factory=Conclusions)
    root: Root | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CustomerState)

pack = _encoder.encode


def unpack(data: bytes) -> CustomerState:
    """Read a packed state.

    Raises:
        BadState: the bytes are no state of this version.
    """
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        message = f"a customer state cannot be read ({error}); was it written by a newer version?"
        raise BadState(message) from error


def seen_key(occurred_at: int, event_hash: bytes) -> bytes:
    """Return an event's entry in `CustomerState.seen`: sortable by time, then hash."""
    return occurred_at.to_bytes(4, "big") + event_hash


def is_seen(state: CustomerState, key: bytes) -> bool:
    """Tell whether the event was counted before."""
    seen = state.seen
    index = seen.find(key)
    while index > 0 and index % SEEN_BYTES:  # a match across two entries is none
        index = seen.find(key, index + 1)
    return index >= 0


def remember(state: CustomerState, key: bytes, oldest_at: int) -> None:
    """Note that an event is counted; forget those before `oldest_at`, and beyond `SEEN_MAX`."""
    seen = state.seen
    if not seen or key > seen[-SEEN_BYTES:]:
        seen += key
    else:
        entries = [seen[i : i + SEEN_BYTES] for i in range(0, len(seen), SEEN_BYTES)]
        entries.append(key)
        entries.sort()
        seen = b"".join(entries)
    oldest = max(oldest_at, 0).to_bytes(4, "big")
    start = 0
    while seen[start : start + 4] < oldest and start < len(seen):
        start += SEEN_BYTES
    excess = len(seen) - start - SEEN_MAX * SEEN_BYTES
    if excess > 0:
        start += excess
        state.floor = max(state.floor, seen[start - SEEN_BYTES : start])
    state.seen = seen[start:] if start else seen

"""A customer's state, and its packed form.

A state is what the log says of one customer (`Facts`), which events were counted (`Seen`), and what
was concluded and published (`Conclusions`). It is one msgpack array: fields stand by position, so
a new field is added at the end with a default, and older states stay readable. A typical customer
(five purchases a year, with margins and channels) takes about 360 bytes.

Unlike every other value here, a state is mutable: the reducer owns the one copy it decoded for its
batch, and copying it per event would cost as much as the reducer itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

from models.buckets import Series
from models.errors import UNREADABLE, BadState

SEEN_MAX = 256  # event ids remembered per customer
SEEN_BYTES = 12  # event time (4 bytes, big endian) and event hash (8 bytes)


class ComplaintCase(msgspec.Struct, array_like=True):
    """One complaint. Each part keeps its newest value by event time; ties go to the larger.

    A retraction is the last status whatever its time.
    """

    key: bytes
    opened_at: int | None  # None: a correction that still waits for its complaint
    detail: tuple[int, int, int]  # at, type, severity (0: not given, else 1 + index)
    status: tuple[int, int, int]  # at, status (`fold_cases.STATUSES`), outcome (0: none)
    amount: tuple[int, int, str | None] | None = None  # at, minor units, currency


class FeedbackCase(msgspec.Struct, array_like=True):
    """One feedback, given, amended or retracted; the newest value by event time holds."""

    key: bytes
    given_at: int | None
    # at, retracted, metric, polarity, kind, public, score + 1 (0: none)
    value: tuple[int, int, int, int, int, int, int]
    topic: int = 0  # of that value: 1 + index; 0: none


class Relation(msgspec.Struct, array_like=True):
    """A tie to another customer; the newest step by event time holds, a link on equal times."""

    key: bytes
    step: tuple[int, bool]  # at, whether linked
    kind: int


class Part(msgspec.Struct, array_like=True):
    """The part of a customer's trade in one category or through one channel, by day."""

    days: list[int] = []
    net_minor: list[int] = []  # of the purchases
    refunded_minor: list[int] = []
    orders: list[int] = []  # less those refunded in full
    quantity_milli: list[int] = []  # less what was returned
    margin_minor: list[int] = []  # of the purchases; known by channel only


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
    series: dict[str, Series] = {}  # every other count by day; names in `fold_series`
    complaints: list[ComplaintCase] = []
    feedback: list[FeedbackCase] = []
    profile: dict[str, tuple[int, Any]] = {}
    sole_channel: int = 0  # of every purchase: 1 + index, 0: not said; `fold_sales.MIXED`
    channels: dict[str, Part] = {}  # purchases once there are several channels; refunds always
    categories: dict[str, Part] = {}
    relations: list[Relation] = []


class Feed(msgspec.Struct, array_like=True, frozen=True):
    """Where a customer stands in one output topic: the last sequence number and output id."""

    sequence: int
    previous_id: bytes


class Root(msgspec.Struct, array_like=True, frozen=True):
    """The last accepted event: what a later timer names as its root cause."""

    type: str
    id: str
    occurred_at: int


class Warned(msgspec.Struct, array_like=True):
    """A running warning that a tier will be lost. `id` is empty while nobody was told of it."""

    id: bytes
    revision: int
    reason: int  # index into `models.decisions.WARNING_REASONS`
    ends_at: int  # the instant that decides
    review: int | None = None  # the review that it is about


class Lost(msgspec.Struct, array_like=True):
    """The last tier lost, kept while an event of before could still come and undo it."""

    tier: int
    since: int
    lost_at: int
    output_id: bytes  # of the output that told it; empty where an override hid it


class Override(msgspec.Struct, array_like=True, frozen=True):
    """Somebody's decision about the tier."""

    id: str
    tier: int
    exactly: bool  # otherwise at least
    reason: str
    by: str
    until: int | None


class Brought(msgspec.Struct, array_like=True, frozen=True):
    """A tier that a merge brought, and the grace after a review that it is in."""

    tier: int
    since: int
    warned: Warned | None = None


class Standing(msgspec.Struct, array_like=True):
    """What beside the rules has a say in a customer's tier; most customers have none of it.

    With an override, `shadow` is the tier that the rules would give, and since when.
    """

    warned: Warned | None = None  # about the tier that the rules give
    ending: Warned | None = None  # about what is beneath an override that ends
    lost: Lost | None = None
    override: Override | None = None
    shadow: tuple[int, int] | None = None
    hold_until: int | None = None
    reviewed_at: int | None = None  # the last review that was held, or since when there are any
    brought: Brought | None = None  # not looked at yet


class Asked(msgspec.Struct, array_like=True):
    """An action's last request: when, its output id, and until when it is valid (None: always).

    `others`: earlier ones, which were valid still when this one came.
    """

    at: int
    id: bytes
    until: int | None
    cancelled: bool = False
    about: bytes | None = None  # the complaint that it answers
    others: list[Asked] = []

    def is_valid(self, at: int) -> bool:
        """Tell whether somebody may still act on it."""
        return not self.cancelled and (self.until is None or at < self.until)

    def open_at(self, at: int) -> list[Asked]:
        """Return all requests that somebody may still act on, the oldest first."""
        return [each for each in (*self.others, self) if each.is_valid(at)]


class Conclusions(msgspec.Struct, array_like=True):
    """What was concluded. Tiers, bands and categories are indices into the era's rulebook."""

    tier: int | None = None
    tier_since: int | None = None
    band: int | None = None  # None: not enough history
    band_since: int | None = None
    score: int | None = None  # as last published
    quiet_until: int | None = None  # the churn band cannot rise by itself before this instant
    categories: list[int | str | None] = []  # one a dimension (see `rules.book`); None: unknown
    revision: int = 0
    said_at: int = 0  # `occurred_at` of the newest output
    feeds: dict[int, Feed] = {}
    standing: Standing | None = None
    policies: int = 0  # bit mask of the rulebook's policies that have started
    whens: int = 0  # bit mask of the actions whose `when` was true
    asked: dict[int, Asked] = {}  # by action


class CustomerState(msgspec.Struct, array_like=True):
    """Everything kept of one customer."""

    era: int | None = None  # the era its conclusions belong to; None: no conclusions yet
    due: int | None = None  # the next instant at which something may change by itself
    seen: bytes = b""  # counted events that could still come again, sorted, SEEN_BYTES each
    floor: bytes = b""  # an unknown event at or below it (time, hash) is too late
    facts: Facts = msgspec.field(default_factory=Facts)
    concluded: Conclusions = msgspec.field(default_factory=Conclusions)
    root: Root | None = None
    # A husk: only revision and feeds are left, so that they never restart.
    erased: bool = False
    moved_to: str | None = None  # a husk too: the customer who she was merged into
    absorbed: list[str] = []  # customers merged into her, sorted


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
    except UNREADABLE as error:
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


def remember_all(state: CustomerState, other: CustomerState) -> None:
    """Note the events of another customer as counted too."""
    both = state.seen + other.seen
    entries = sorted({both[i : i + SEEN_BYTES] for i in range(0, len(both), SEEN_BYTES)})
    state.floor = max(state.floor, other.floor)
    if len(entries) > SEEN_MAX:
        state.floor = max(state.floor, entries[-SEEN_MAX - 1])
    state.seen = b"".join(entries[-SEEN_MAX:])


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

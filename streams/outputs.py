"""Outputs and dead letters as records: CloudEvents 1.0 in binary mode, the value plain JSON."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, assert_never

from models.calendar import rfc3339
from models.decisions import (
    ActionRequested,
    AnyDecision,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    TierCurrent,
    TierWarning,
    encode,
)
from streams.log.port import Entry, Record
from streams.topics import (
    ACTION_REQUESTED,
    CHURN_RISK,
    LETTER_BYTES_MAX,
    OUTPUTS,
    SEGMENT_CHANGED,
    TIER_CHANGED,
    TIER_WARNING,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.errors import Reason

_MESSAGE_MAX = 400
_BODY_MAX = 64_000
_TRACE_MAX = 64
_OWN = 6  # headers that a dead letter has of its own, behind the record's
_FRAME_BYTES = 100  # a record's lengths and its batch's head, and more than a header's lengths
TRACE_HEADER = "traceparent"
DEAD_OFFSET = "dlq.offset"
_CONSTANT = {
    topic: (
        ("ce_specversion", b"1.0"),
        ("ce_type", topic.encode()),
        ("ce_dataschema", f"urn:tierstream:{topic}".encode()),
        ("content-type", b"application/json"),
    )
    for topic in OUTPUTS
}


def topic_of(decision: AnyDecision) -> str:
    """Return the topic that a decision is published to."""
    match decision:
        case TierChanged():
            return TIER_CHANGED
        case TierWarning():
            return TIER_WARNING
        case ChurnRiskChanged():
            return CHURN_RISK
        case SegmentChanged():
            return SEGMENT_CHANGED
        case ActionRequested():
            return ACTION_REQUESTED
        case _:
            assert_never(decision)


def trace_of(record: Record) -> bytes | None:
    """Return a record's traceparent, None where it has none, or one that is none (W3C: 55 bytes).

    It is copied into every output, so an endless one would outgrow what topics take.
    """
    trace = next((value for name, value in record.headers if name == TRACE_HEADER), None)
    return trace if trace is not None and len(trace) <= _TRACE_MAX else None


def output(topic: str, source: bytes, decision: AnyDecision, trace: bytes | None) -> Entry:
    """Return the record that publishes a decision; `trace` is its cause's traceparent."""
    key = decision.customer_id.encode()
    headers: tuple[tuple[str, bytes], ...] = (
        *_CONSTANT[topic],
        ("ce_source", source),
        ("ce_id", decision.id.encode()),
        ("ce_subject", key),
        ("ce_time", decision.occurred_at.encode()),
        ("ce_partitionkey", key),
    )
    if trace is not None:
        headers = (*headers, (TRACE_HEADER, trace))
    return Entry(key, encode(decision), headers)


def current(decision: TierChanged) -> Entry:
    """Return the compacted record that says which tier a customer has now."""
    value = TierCurrent(
        customer_id=decision.customer_id,
        tier=decision.to,
        rank=decision.rank.to,
        top=decision.rank.top,
        labels=decision.labels,
        tier_since=decision.tier_since,
        revision=decision.revision,
        changed_by=decision.id,
        rulebook=decision.rulebook,
    )
    return Entry(
        decision.customer_id.encode(), encode(value), (("content-type", b"application/json"),)
    )


def dead_letter(
    topic: str, partition: int, record: Record, reason: Reason, message: str, at: int
) -> Entry:
    """Return a record set aside at an instant, untouched, with the reason in more headers."""
    headers = [
        *record.headers,
        ("dlq.topic", topic.encode()),
        ("dlq.partition", str(partition).encode()),
        (DEAD_OFFSET, str(record.offset).encode()),
        ("dlq.reason", reason.value.encode()),
        ("dlq.message", message[:_MESSAGE_MAX].encode()),
        ("dlq.at", rfc3339(at).encode()),
    ]
    return Entry(record.key, record.value, tuple(headers))


def fitting(letter: Entry) -> Entry:
    """Return a dead letter as it is, or shortened where its topic might not take it.

    Topics bound what producers have compressed; of that a record can be many times as large.
    """
    size = len(letter.key or b"") + len(letter.value or b"") + _size(letter.headers) + _FRAME_BYTES
    return letter if size <= LETTER_BYTES_MAX else shortened(letter)


def shortened(letter: Entry) -> Entry:
    """Return a dead letter that every topic takes: of a large key or value, the first 64 kB.

    The whole value's length and hash stand in headers beside it, and a large key's length. Of as
    many headers, those that say why it is here are left, and how many bytes the others took.
    """
    key, value, headers = letter
    foreign = headers[:-_OWN]
    if _size(foreign) > _BODY_MAX:
        count = sum(len(name.encode()) + len(content or b"") for name, content in foreign)
        headers = (*headers[-_OWN:], ("dlq.headers", str(count).encode()))
    if key is not None and len(key) > _BODY_MAX:
        headers = (*headers, ("dlq.key-length", str(len(key)).encode()))
        key = key[:_BODY_MAX]
    if value is not None and len(value) > _BODY_MAX:
        headers = (
            *headers,
            ("dlq.length", str(len(value)).encode()),
            ("dlq.sha256", sha256(value).hexdigest().encode()),
        )
        value = value[:_BODY_MAX]
    return Entry(key, value, headers)


def _size(headers: Sequence[tuple[str, bytes]]) -> int:
    """Return more bytes than headers take in a record."""
    return sum(len(n.encode()) + len(v or b"") + _FRAME_BYTES for n, v in headers)

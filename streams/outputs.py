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
    OUTPUTS,
    SEGMENT_CHANGED,
    TIER_CHANGED,
    TIER_WARNING,
)

if TYPE_CHECKING:
    from models.errors import Reason

_MESSAGE_MAX = 400
_BODY_MAX = 64_000
_TRACE_MAX = 64
_OWN = "dlq."
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


def shortened(letter: Entry) -> Entry:
    """Return a dead letter that every topic takes: of a large value, the first 64 kB.

    The whole value's length and hash stand in headers beside it. Of as many headers, those that
    say why it is here are left, and how many bytes the others took.
    """
    own = tuple(header for header in letter.headers if header[0].startswith(_OWN))
    foreign = sum(len(n) + len(v or b"") for n, v in letter.headers if not n.startswith(_OWN))
    if foreign > _BODY_MAX:
        letter = letter._replace(headers=(*own, ("dlq.headers", str(foreign).encode())))
    value = letter.value
    if value is None or len(value) <= _BODY_MAX:
        return letter
    headers = (
        *letter.headers,
        ("dlq.length", str(len(value)).encode()),
        ("dlq.sha256", sha256(value).hexdigest().encode()),
    )
    return Entry(letter.key, value[:_BODY_MAX], headers)

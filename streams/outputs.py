"""Outputs and dead letters as records: CloudEvents 1.0 in Kafka's binary mode, plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from models.calendar import rfc3339
from models.decisions import (
    AnyDecision,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    TierCurrent,
    encode,
)
from streams.log.port import Entry, Record

if TYPE_CHECKING:
    from models.errors import Reason

LOG = "segment.log.v1"
LOG_DEAD_LETTERS = "segment.log.v1.dlq"
STATE = "segment.state.v1"
TIER_CHANGED = "segment.tier-changed.v1"
TIER_CURRENT = "segment.tier-current.v1"
CHURN_RISK = "segment.churn-risk.v1"
SEGMENT_CHANGED = "segment.changed.v1"

_MESSAGE_MAX = 400
_BODY_MAX = 64_000
TRACE_HEADER = "traceparent"


def topic_of(decision: AnyDecision) -> str:
    """Return the topic that a decision is published to."""
    match decision:
        case TierChanged():
            return TIER_CHANGED
        case ChurnRiskChanged():
            return CHURN_RISK
        case SegmentChanged():
            return SEGMENT_CHANGED
        case _:
            assert_never(decision)


def output(topic: str, source: str, decision: AnyDecision, trace: bytes | None) -> Entry:
    """Return the record that publishes a decision; `trace` is its cause's traceparent."""
    key = decision.customer_id.encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", decision.id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", topic.encode()),
        ("ce_subject", key),
        ("ce_time", decision.occurred_at.encode()),
        ("ce_dataschema", f"urn:tierstream:{topic}".encode()),
        ("ce_partitionkey", key),
        ("content-type", b"application/json"),
    ]
    if trace is not None:
        headers.append((TRACE_HEADER, trace))
    return Entry(key, encode(decision), tuple(headers))


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
    """Return a record set aside: key, value and headers untouched, and why beside them.

    A value above 64 kB keeps its first 64 kB, for the dead letter must not be refused as well; its
    full length stands in a header. `at` is the append time of the record, so that the dead letter
    of a replay is the same.
    """
    value = record.value
    headers = [
        *record.headers,
        ("dlq.topic", topic.encode()),
        ("dlq.partition", str(partition).encode()),
        ("dlq.offset", str(record.offset).encode()),
        ("dlq.reason", reason.value.encode()),
        ("dlq.message", message[:_MESSAGE_MAX].encode()),
        ("dlq.at", rfc3339(at).encode()),
    ]
    if value is not None and len(value) > _BODY_MAX:
        headers.append(("dlq.length", str(len(value)).encode()))
        value = value[:_BODY_MAX]
    return Entry(record.key, value, tuple(headers))

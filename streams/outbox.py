"""What a batch tells others: outputs, dead letters, and records about customers elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.decisions import AnyDecision, TierChanged
from models.errors import Reason
from rules.admission import Refusal
from streams import outputs
from streams.ledger import DIGEST_MOD
from streams.log.partitioner import partition_for
from streams.log.port import Entry, Record
from streams.topics import DEAD_LETTER_SUFFIX, LOG, TIER_CURRENT


@dataclass(slots=True)
class Outbox:
    """What one batch of a partition has to tell, as `source` (a CloudEvents attribute).

    `said`: the order-free digest of all output ids so far.
    """

    source: bytes
    partition: int
    partitions: int
    said: int
    decisions: list[AnyDecision] = field(default_factory=list)
    published: dict[str, list[Entry]] = field(default_factory=dict)  # by topic, dead letters too
    reasons: list[Reason] = field(default_factory=list)  # of the dead letters
    sent: dict[int, list[Entry]] = field(default_factory=dict)  # to the log, by partition

    def publish(self, decisions: Sequence[AnyDecision], record: Record | None) -> None:
        """Tell what was concluded of a customer; `record` is what caused it, if one did."""
        trace = None if record is None else outputs.trace_of(record)
        entries: list[tuple[str, Entry]] = []
        for decision in decisions:
            topic = outputs.topic_of(decision)
            entries.append((topic, outputs.output(topic, self.source, decision, trace)))
            if isinstance(decision, TierChanged):
                entries.append((TIER_CURRENT, outputs.current(decision)))
        for topic, entry in entries:  # all or, where one cannot be written, none
            self.published.setdefault(topic, []).append(entry)
        self.decisions += decisions
        self.said = (self.said + sum(int(each.id, 16) for each in decisions)) % DIGEST_MOD

    def send(self, to: str, value: bytes, record: Record) -> None:
        """Write a record about another customer into the log: of its headers, the trace.

        Marks are this partition's, and others could be larger than what a record may be.
        """
        key, trace = to.encode(), outputs.trace_of(record)
        headers = () if trace is None else ((outputs.TRACE_HEADER, trace),)
        partition = partition_for(key, self.partitions)
        self.sent.setdefault(partition, []).append(Entry(key, value, headers))

    def set_aside(self, record: Record, refusal: Refusal) -> None:
        """Make a record a dead letter: at its own time, so that a replay's is the same."""
        letter = outputs.dead_letter(
            LOG, self.partition, record, refusal.reason, refusal.message, record.timestamp
        )
        letters = self.published.setdefault(LOG + DEAD_LETTER_SUFFIX, [])
        letters.append(outputs.shortened(letter))
        self.reasons.append(refusal.reason)

"""The first half of the verdict: what was published stands in the log once, or in a dead letter.

Ingress may repeat itself after a crash; its marks let the customers role drop what it has seen. So
a record of the log counts where its mark is above all marks of its source partition before it.
Dead letters of the sources may be repeated: whoever reads them tells them apart by `dlq.offset`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.errors import BadEvent, BadRulebook, Reason
from models.events import RulebookActivated, encode
from models.wire import TOPICS, accept
from rules.compiler.compile import compile_book
from streams.log.partitioner import partition_for
from streams.log.port import Record
from streams.marks import MARK_HEADER
from streams.topics import DEAD_LETTER_SUFFIX, LOG, SOURCES
from tests.faults.findings import Findings

_SOURCES = (*SOURCES, "segment.control.v1")


class Origin(NamedTuple):
    """Where a record was published: topic without prefix, partition, offset."""

    topic: str
    partition: int
    offset: int


class Letter(NamedTuple):
    """A dead letter of a source: why, and the record as it was."""

    reason: str
    key: bytes | None
    value: bytes | None


class Arrival(NamedTuple):
    """What a source record became: an entry of a log partition."""

    partition: int
    key: bytes | None
    value: bytes | None


def judge_arrivals(
    records: Mapping[tuple[str, int], Sequence[Record]], partitions: int, findings: Findings
) -> None:
    """Work out what every source record had to become, and compare."""
    arrived, refused = _arrived(records, findings), _refused(records)
    for topic in _SOURCES:
        for (name, number), published in records.items():
            if name != topic:
                continue
            for record in published:
                origin = Origin(topic, number, record.offset)
                wanted = _wanted(topic, record, partitions)
                found = arrived.pop(origin, [])
                letter = refused.pop(origin, None)
                _compare(origin, (wanted, found, letter), findings)
    strangers = [*arrived, *refused]
    if strangers:
        findings.differ(f"from nowhere: {strangers[:3]}", len(strangers))


def _compare(
    origin: Origin,
    said: tuple[list[Arrival] | Letter, list[Arrival], Letter | None],
    findings: Findings,
) -> None:
    wanted, found, letter = said
    if isinstance(wanted, Letter):
        if letter is None:
            findings.lose(f"{origin}: no dead letter {wanted.reason}")
        elif letter != wanted:
            findings.differ(f"{origin}: set aside as {letter.reason} instead of {wanted.reason}")
        if found:
            findings.repeat(f"{origin}: in the log although it was refused")
        return
    if letter is not None:
        findings.differ(f"{origin}: set aside as {letter.reason} although it is in order")
    missing, more = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    if missing:
        findings.lose(f"{origin}: not in the log", missing.total())
    for arrival in more:
        if arrival in wanted:
            findings.repeat(f"{origin}: more than once in the log")
        else:
            findings.differ(f"{origin}: came into the log as {arrival}")


def _wanted(topic: str, record: Record, partitions: int) -> list[Arrival] | Letter:
    """Return what a record becomes: one entry, or one in every partition; or a dead letter."""
    try:
        customer, event, _ = accept(
            TOPICS[topic], record.key, record.value, record.headers, offset=record.offset
        )
        if isinstance(event, RulebookActivated):
            compile_book(event.text)
    except BadEvent as refusal:
        return Letter(refusal.reason, record.key, record.value)
    except BadRulebook:
        return Letter(Reason.REFUSED, record.key, record.value)
    value = encode(event)
    if customer is None:
        return [Arrival(number, None, value) for number in range(partitions)]
    key = customer.encode()
    return [Arrival(partition_for(key, partitions), key, value)]


def _arrived(
    records: Mapping[tuple[str, int], Sequence[Record]], findings: Findings
) -> dict[Origin, list[Arrival]]:
    """Return the log's records by where they came from, without those that count as repeats."""
    arrived: dict[Origin, list[Arrival]] = defaultdict(list)
    identities: dict[str, set[str]] = defaultdict(set)
    for (topic, number), logged in records.items():
        if topic != LOG:
            continue
        seen: dict[bytes, int] = {}
        for record in logged:
            mark = dict(record.headers).get(MARK_HEADER)
            if mark is None:
                continue
            source, _, offset = mark.rpartition(b":")
            if int(offset) <= seen.get(source, -1):
                continue
            seen[source] = int(offset)
            name, _, rest = source.decode().rpartition("#")
            identity, _, partition = rest.rpartition("/")
            identities[name].add(identity)
            origin = Origin(_without_prefix(name), int(partition), int(offset))
            arrived[origin].append(Arrival(number, record.key, record.value))
    for name, found in identities.items():
        if len(found) > 1:
            findings.differ(f"{name} has several identities: {found}")
    return arrived


def _refused(records: Mapping[tuple[str, int], Sequence[Record]]) -> dict[Origin, Letter]:
    refused: dict[Origin, Letter] = {}
    for (topic, _), letters in records.items():
        if not topic.endswith(DEAD_LETTER_SUFFIX) or topic == LOG + DEAD_LETTER_SUFFIX:
            continue
        for letter in letters:
            said = {name: value.decode() for name, value in letter.headers if name[:4] == "dlq."}
            name = _without_prefix(said["dlq.topic"])
            origin = Origin(name, int(said["dlq.partition"]), int(said["dlq.offset"]))
            refused[origin] = Letter(said["dlq.reason"], letter.key, letter.value)
    return refused


def _without_prefix(name: str) -> str:
    return next(topic for topic in _SOURCES if name.endswith(topic))

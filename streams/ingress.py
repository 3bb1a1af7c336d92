"""Ingress: records of the source topics become canonical events in the log, in order and marked.

Every log record says which source record it came from (header `mark`). A batch of one source
partition is delivered and confirmed as a whole before its position is committed, so what is
repeated after a crash starts at or before the first unconfirmed record, and the customers worker
drops what it has seen by comparing offsets: exactly, with one number a source partition.

What cannot be accepted goes to `<topic>.dlq`, its bytes untouched, with the reason in headers; only
what is above 2 MB there, since its producer compressed it, is shortened. When too much of the
recent input is refused, the worker halts instead: then it is not single records that are wrong but
something about all of them, and diverting a stream is worse than stopping it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from models.errors import BadEvent, BadRulebook, Reason
from models.events import EraChange, RulebookActivated, encode
from models.wire import TOPICS, TopicTypes, accept
from rules.compiler.compile import compile_book
from rules.language.include import standalone
from streams import outputs
from streams.batch import EVENT_BYTES_MAX
from streams.clock import Clock
from streams.errors import Halt
from streams.log.partitioner import partition_for
from streams.log.port import BATCH_BYTES_MAX, Append, Entry, Record
from streams.log.producer import Producer
from streams.marks import MARK_HEADER
from streams.releases import release_of
from streams.source_places import Asked, SourcePlaces
from streams.topics import CONTROL, DEAD_LETTER_SUFFIX, SOURCES, Catalogue

_PARTITIONS_MEMO_MAX = 200_000  # customers, about 30 MB; hashing a key takes longer than all else

_INCLUDES = (
    "the rulebook includes others, and what those say depends on the version of a worker; activate "
    "it with `tierstream rules activate`, which writes them out"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A source topic: what it may hold, and where that goes."""

    topic: str
    types: TopicTypes
    dead_letters: str
    is_control: bool = False
    """Whether commands to the clock may stand among its records; those are not for the log."""


def sources_of(catalogue: Catalogue) -> dict[str, Source]:
    """Return the source topics of a deployment by name."""
    return {
        catalogue.name(name): Source(
            topic=catalogue.name(name),
            types=TOPICS[name],
            dead_letters=catalogue.name(name) + DEAD_LETTER_SUFFIX,
            is_control=name == CONTROL,
        )
        for name in (*SOURCES, CONTROL)
    }


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """`bad_share_max`: more than this share of the last `bad_window` records halts the worker.

    `group`: the consumer group whose committed positions are ours.
    """

    log_topic: str
    partitions: int
    group: str
    bad_share_max: float = 0.5
    bad_window: int = 1_000
    bad_seen_min: int = 200


class IngressObserver(Protocol):
    """Told once per batch."""

    def ingested(self, topic: str, accepted: int, seconds: float) -> None:
        """A batch of a source topic stands in the log."""

    def refused(self, topic: str, reason: Reason, count: int) -> None:
        """Records became dead letters."""

    def unknown_fields(self, topic: str, count: int) -> None:
        """Accepted records had fields that this version ignores."""

    def deleted_unread(self, topic: str, count: int) -> None:
        """Records of a source topic were deleted before they were taken."""


class _Letter(NamedTuple):
    """A refused record. Not the exception: its traceback leads back to the batch, in a circle."""

    record: Record
    reason: Reason
    message: str


class _Batch:
    """What becomes of one fetched batch."""

    __slots__ = ("letters", "log", "unknown_fields")

    def __init__(self, partitions: int) -> None:
        self.log: list[list[Entry]] = [[] for _ in range(partitions)]
        self.letters: list[_Letter] = []
        self.unknown_fields = 0


class Ingress:
    """Handles fetched batches of source partitions; one batch of a partition at a time."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        producer: Producer,
        asked: Asked,
        settings: IngressSettings,
        clock: Clock,
        observer: IngressObserver,
    ) -> None:
        self._sources = sources
        self._producer = producer
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._places = SourcePlaces(asked, settings.group, observer.deleted_unread)
        self._partitions: dict[str, tuple[bytes, int]] = {}
        self._recent = {topic: deque[bool](maxlen=settings.bad_window) for topic in sources}

    async def handle(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        """Bring a fetched batch into the log; return when all of it is confirmed.

        Raises:
            Unavailable: the outcome is unknown; hand in the same records again, or start anew.
            Halt: too much of the recent input is refused; nothing of this batch was diverted.
            Rejected: a topic of ours takes no record of this size.
        """
        if not records:
            return
        started = self._clock.monotonic()
        source = self._sources[topic]
        mark = await self._places.mark(topic, partition, records[0].offset)
        batch = self._converted(source, mark, records)
        refused = {letter.record.offset for letter in batch.letters}
        bad = [record.offset in refused for record in records]
        self._judge(source, bad, batch.letters)
        await self._producer.deliver(self._appends(source, partition, batch))
        self._recent[topic].extend(bad)  # not before: an attempt in doubt comes again
        self._places.passed(topic, partition, records[-1].offset + 1)
        self._report(source, len(records), batch, started)

    def _converted(self, source: Source, mark: bytes, records: Sequence[Record]) -> _Batch:
        batch = _Batch(self._settings.partitions)
        log, types, memo = batch.log, source.types, self._partitions
        for record in records:
            try:
                customer, event, unknown = accept(
                    types, record.key, record.value, record.headers, offset=record.offset
                )
                headers = _headers(mark, record)
                if customer is None:
                    self._fan_out(batch, event, headers)
                else:
                    key, target = memo.get(customer) or self._homed(customer)
                    log[target].append(Entry(key, _canonical(event, EVENT_BYTES_MAX), headers))
            except BadEvent as refusal:
                if not (source.is_control and release_of(record.value)):
                    batch.letters.append(_Letter(record, refusal.reason, str(refusal)))
            except (MemoryError, OSError):
                raise  # of this worker, not of the record
            except Exception as error:  # noqa: BLE001  # whatever it is, it would come again
                message = f"{type(error).__name__} while reading this record: {error}"
                batch.letters.append(_Letter(record, Reason.RULE_FAILED, message))
            else:
                batch.unknown_fields += bool(unknown)
        return batch

    def _homed(self, customer: str) -> tuple[bytes, int]:
        if len(self._partitions) >= _PARTITIONS_MEMO_MAX:
            self._partitions.clear()
        key = customer.encode()
        home = self._partitions[customer] = (key, partition_for(key, self._settings.partitions))
        return home

    def _fan_out(
        self, batch: _Batch, event: object, headers: tuple[tuple[str, bytes], ...]
    ) -> None:
        """Give a change of era to every partition, at the same place among the source's records."""
        assert isinstance(event, EraChange), "only changes of era concern no single customer"
        if isinstance(event, RulebookActivated):
            try:
                file = f"{event.name}.yaml"
                compile_book(event.text, file)
                if standalone(event.text, file) != event.text:
                    raise BadEvent(Reason.REFUSED, _INCLUDES)
            except BadRulebook as error:
                raise BadEvent(Reason.REFUSED, str(error)) from error
        value = _canonical(event, BATCH_BYTES_MAX)
        for entries in batch.log:
            entries.append(Entry(None, value, headers))

    def _judge(self, source: Source, batch: Sequence[bool], letters: Sequence[_Letter]) -> None:
        """Halt where too much of the recent input is refused, with this batch."""
        recent = self._recent[source.topic].copy()
        recent.extend(batch)
        bad = sum(recent)
        settings = self._settings
        if len(recent) < settings.bad_seen_min or bad <= settings.bad_share_max * len(recent):
            return
        newest = letters[-1].message if letters else "earlier records"
        raise Halt(
            f"{bad} of the last {len(recent)} records of {source.topic} were refused, more than "
            f"{settings.bad_share_max:.0%}. The newest: {newest}. Correct the producer, or raise "
            "TIERSTREAM_INGRESS_BAD_SHARE_MAX so that they become dead letters, and start the "
            "worker again"
        )

    def _appends(self, source: Source, partition: int, batch: _Batch) -> list[Append]:
        log_topic = self._settings.log_topic
        appends = [
            Append(log_topic, target, entries)
            for target, entries in enumerate(batch.log)
            if entries
        ]
        if batch.letters:
            at = self._clock.now()
            letters = [
                outputs.fitting(outputs.dead_letter(source.topic, partition, *letter, at))
                for letter in batch.letters
            ]
            appends.append(Append(source.dead_letters, 0, letters))
        return appends

    def _report(self, source: Source, records: int, batch: _Batch, started: float) -> None:
        accepted = records - len(batch.letters)
        self._observer.ingested(source.topic, accepted, self._clock.monotonic() - started)
        if batch.unknown_fields:
            self._observer.unknown_fields(source.topic, batch.unknown_fields)
        reasons = [letter.reason for letter in batch.letters]
        for reason in dict.fromkeys(reasons):
            self._observer.refused(source.topic, reason, reasons.count(reason))


def _canonical(event: object, bytes_max: int) -> bytes:
    """Return what the log gets of an event; refuse what was small enough only as it came."""
    value = encode(event)
    if len(value) > bytes_max:
        message = f"the event takes {len(value):,} bytes in the log, above {bytes_max:,}"
        raise BadEvent(Reason.TOO_LARGE, message)
    return value


def _headers(mark: bytes, record: Record) -> tuple[tuple[str, bytes], ...]:
    """Return what a log record carries besides its event: its mark, and the trace it is part of."""
    mark_header = (MARK_HEADER, b"%b%d" % (mark, record.offset))
    trace = outputs.trace_of(record) if record.headers else None
    return (mark_header,) if trace is None else (mark_header, (outputs.TRACE_HEADER, trace))

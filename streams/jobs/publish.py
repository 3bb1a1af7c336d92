"""Publishing files: lines of JSON, or of CSV with a mapping of columns, become source records.

A file is read twice. First every line is validated exactly as ingress will validate it, so that a
mistake in line 90,000 is found before the first record is sent; then it is sent.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from models.errors import BadEvent, TierstreamError
from models.events import Fact
from models.wire import TOPICS, accept
from models.wire.topics import home_of
from streams.jobs.cells import typed
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry
from streams.log.producer import Producer

CHUNK = 1_000


class BadFile(TierstreamError):
    """A file that cannot be published; the message says which part of it, and what to do."""


class SourceEvent(NamedTuple):
    """One record for a source topic. `topic` is without prefix."""

    topic: str
    key: bytes
    value: bytes
    occurred_at: int | None
    """Seconds since 1970; None where it concerns every customer, not one."""


class BadLine(NamedTuple):
    """A line that would become a dead letter. Lines are counted from 1."""

    number: int
    message: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """How a CSV file's rows become events.

    `columns`: by field, the column that holds it. `fixed`: by field, the value of every row.
    `zone`: of instants that are written without an offset.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None


def read(path: Path, mapped: Mapped | None = None) -> Iterator[SourceEvent | BadLine]:
    """Yield each line of a JSONL or CSV file (`.gz` too) as a validated record, or what is wrong.

    Raises:
        BadFile: the file cannot be read, or lacks a column of the mapping.
    """
    with _opened(path) as lines:
        if ".csv" in path.suffixes:
            yield from _from_csv(path, lines, mapped or Mapped())
        else:
            for number, line in enumerate(lines, 1):
                if not line.isspace():
                    yield _validated(number, line.strip().encode())


async def send(
    events: Iterable[SourceEvent],
    producer: Producer,
    partitions: Mapping[str, int],
    prefix: str = "",
) -> None:
    """Deliver records in order, each to the partition of its key.

    `partitions`: by topic with its prefix, how many it has.

    Raises:
        Unavailable, Rejected: see `Producer.deliver`.
    """
    places: dict[tuple[str, int], list[Entry]] = {}
    for event in events:
        topic = prefix + event.topic
        place = (topic, partition_for(event.key, partitions[topic]))
        places.setdefault(place, []).append(Entry(event.key, event.value))
    await producer.deliver([Append(*place, entries) for place, entries in places.items()])


def _validated(number: int, value: bytes) -> SourceEvent | BadLine:
    event_type = _event_type(value)
    topic = None if event_type is None else home_of(event_type)
    if topic is None:
        known = ", ".join(each for topic in TOPICS.values() for each in topic.types)
        named = "no event type" if event_type is None else f"the unknown event type {event_type!r}"
        return BadLine(number, f"the line names {named}; `event` is one of {known}")
    try:
        customer, event, _ = accept(TOPICS[topic], None, value, (), offset=0)
    except BadEvent as refusal:
        return BadLine(number, f"{refusal.reason.value}: {refusal}")
    at = event.occurred_at if isinstance(event, Fact) else None
    return SourceEvent(topic, (customer or "").encode(), value, at)


def _event_type(value: bytes) -> str | None:
    try:
        event = json.loads(value)
    except ValueError:
        return None
    named = event.get("event") if isinstance(event, dict) else None
    return named if isinstance(named, str) else None


def _from_csv(path: Path, lines: IO[str], mapped: Mapped) -> Iterator[SourceEvent | BadLine]:
    rows = csv.DictReader(lines)
    found = rows.fieldnames or ()
    missing = [column for column in mapped.columns.values() if column not in found]
    if missing:
        raise BadFile(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(found)}. "
            "Name the columns with --column FIELD=COLUMN"
        )
    columns = mapped.columns or {name: name for name in found}
    for row in rows:
        cells = {name: row[column] for name, column in columns.items() if row[column]}
        try:
            event = _event(cells | dict(mapped.fixed), mapped.zone)
        except ValueError as error:
            yield BadLine(rows.line_num, str(error))
        else:
            yield _validated(rows.line_num, json.dumps(event, ensure_ascii=False).encode())


def _event(cells: Mapping[str, str], zone: ZoneInfo | None) -> dict[str, Any]:
    event = typed(cells)
    at = event.get("occurred_at")
    if zone is not None and isinstance(at, str):
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None:
            event["occurred_at"] = instant.replace(tzinfo=zone).isoformat()
    return event


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            yield lines
    except FileNotFoundError as error:
        raise BadFile(f"{path} does not exist; check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path} cannot be read as UTF-8 text: {error}") from error

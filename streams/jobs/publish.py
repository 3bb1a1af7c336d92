"""Publishing files: lines of JSON, or of CSV with a mapping of columns, become source records.

A file is read twice. First every line is validated exactly as ingress will validate it, so that a
mistake in line 90,000 is found before the first record is sent; then it is sent.
"""

from __future__ import annotations

import csv
import gzip
import json
import stat
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from models.errors import BadEvent, TierstreamError
from models.events import Fact
from models.wire import TOPICS, accept
from models.wire.refusal import quoted
from models.wire.topics import home_of
from streams.jobs.cells import typed
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry
from streams.log.positions import Positions
from streams.log.producer import Producer
from streams.topics import Catalogue

CHUNK = 1_000
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


class BadFile(TierstreamError):
    """A file that cannot be published; the message says which part of it, and what to do."""


class SourceEvent(NamedTuple):
    """One record for a source topic. `topic` is without prefix."""

    topic: str
    key: bytes
    value: bytes
    occurred_at: int | None
    """Seconds since 1970; None where it concerns every customer, not one."""
    unknown_fields: tuple[str, ...] = ()
    """Dotted names of the fields that its event type does not know; they have no effect."""


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

    def options(self) -> str:
        """Return the names of the options that gave it; nothing where none was given."""
        given = {"--column": self.columns, "--set": self.fixed, "--zone": self.zone}
        return ", ".join(name for name, value in given.items() if value)


def read(path: Path, mapped: Mapped | None = None) -> Iterator[SourceEvent | BadLine]:
    """Yield each line of a JSONL or CSV file (`.gz` too) as a validated record, or what is wrong.

    Kinds are told apart by the suffix, in either case: what is not called `.csv` is JSONL.

    Raises:
        BadFile: the file cannot be read, or not twice; its header does not give what is mapped; it
            is JSONL, and something is mapped.
    """
    mapped = mapped or Mapped()
    if ".csv" in map(str.lower, path.suffixes):
        yield from _from_csv(path, mapped)
        return
    if options := mapped.options():
        raise BadFile(
            f"{path} is read as lines of JSON, which take no {options}. "
            "Leave that out, or give a file of CSV a name that ends in .csv"
        )
    for number, line in enumerate(_lines(path), 1):
        if not line.isspace():
            yield _validated(number, line.strip())


async def partition_counts(positions: Positions, catalogue: Catalogue) -> Mapping[str, int]:
    """Return how many partitions each source topic has, by its name with prefix.

    Raises:
        Unavailable: the brokers do not answer, or a topic does not exist.
    """
    return Counter(topic for topic, _ in await positions.ends(catalogue.sources))


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


def _validated(number: int, line: str) -> SourceEvent | BadLine:
    try:
        event_type = _event_type(line)
    except ValueError as error:
        return BadLine(number, str(error))
    topic = home_of(event_type)
    if topic is None:
        named = f"names the unknown event type {quoted(event_type)}"
        return BadLine(number, f"the line {named}; `event` is one of {_known()}")
    value = line.encode()
    try:
        customer, event, unknown = accept(TOPICS[topic], None, value, (), offset=0)
    except BadEvent as refusal:
        return BadLine(number, f"{refusal.reason.value}: {refusal}")
    at = event.occurred_at if isinstance(event, Fact) else None
    return SourceEvent(topic, (customer or "").encode(), value, at, unknown)


def _event_type(line: str) -> str:
    """Return what a line of JSON names as its `event`; raises ValueError where it names none."""
    try:
        said = json.loads(line)
    except json.JSONDecodeError as error:
        why = f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
        raise ValueError(f"the line is not JSON: {why}; write one object in each line") from None
    except (RecursionError, ValueError):
        message = "the line is not JSON: it nests too deeply, or has a number of too many digits"
        raise ValueError(message) from None
    match said:
        case {"event": str(event_type)}:
            return event_type
        case dict():
            message = f"the line names no `event`; it is one of {_known()}"
        case _:
            message = "the line is no JSON object; write one object in each line"
    raise ValueError(message)


def _known() -> str:
    return ", ".join(each for topic in TOPICS.values() for each in topic.types)


def _from_csv(path: Path, mapped: Mapped) -> Iterator[SourceEvent | BadLine]:
    rows = csv.DictReader(_lines(path), strict=True)  # an open quote would swallow rows
    try:
        header = rows.fieldnames or ()
        columns = _columns(path, header, mapped)
        for row in rows:
            yield _from_row(rows.line_num, row, columns, mapped)
    except csv.Error as error:
        raise BadFile(
            f"{path}:{rows.reader.line_num}: cannot be read as CSV: {error}. "
            "Is a quote left open in this line, or in one before it?"
        ) from error


def _columns(path: Path, header: Sequence[str], mapped: Mapped) -> Mapping[str, str]:
    """Return by field the column that holds it; raises BadFile where the header forbids it."""
    columns = mapped.columns or {name: name for name in header}
    read = list(dict.fromkeys(columns.values()))
    if missing := [column for column in read if column not in header]:
        raise BadFile(
            f"{path} has no column {', '.join(missing)}; {_described(header)}. "
            "Name the columns with --column FIELD=COLUMN"
        )
    if repeated := [column for column in read if header.count(column) > 1]:
        raise BadFile(
            f"{path} has more than one column {', '.join(map(quoted, repeated))}, and one is read. "
            "Give each a name of its own"
        )
    if "event" not in columns and "event" not in mapped.fixed:
        raise BadFile(
            f"{path}: no column is read as `event`; {_described(header)}. "
            "Name one with --column event=COLUMN, or the type of every row with --set event=TYPE"
        )
    return columns


def _described(header: Sequence[str]) -> str:
    if not header:
        return "it has no header, the line that names the columns"
    held = f"it has {', '.join(header)}"
    used = [name for separator, name in _SEPARATORS.items() if separator in header[0]]
    if len(header) > 1 or not used:
        return held
    return f"{held}: one column, with {used[0]} in its name. Save it separated by commas"


def _from_row(
    number: int, row: Mapping[str | None, Any], columns: Mapping[str, str], mapped: Mapped
) -> SourceEvent | BadLine:
    if surplus := row.get(None):
        return BadLine(
            number,
            f"the line has more cells than the header: {len(row) - 1 + len(surplus)}, not "
            f"{len(row) - 1}; quote a cell that holds a comma, and write numbers without one",
        )
    cells = {name: row[column] for name, column in columns.items() if row[column]}
    try:
        event = _event(cells | dict(mapped.fixed), mapped.zone)
    except ValueError as error:
        return BadLine(number, str(error))
    return _validated(number, json.dumps(event, ensure_ascii=False))


def _event(cells: Mapping[str, str], zone: ZoneInfo | None) -> dict[str, Any]:
    event = typed(cells)
    at = event.get("occurred_at")
    if zone is not None and isinstance(at, str):
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None:
            event["occurred_at"] = instant.replace(tzinfo=zone).isoformat()
    return event


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file; raises BadFile, with the line where one can be named."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    number = 0
    try:
        _refuse_what_is_gone_once_read(path)
        # Spreadsheets begin UTF-8 with a byte order mark; it is no part of the first cell.
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            for line in file:
                number += 1
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(
            f"{path}:{number + 1}: cannot be unpacked: {error}. Fetch or pack the file again"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(unreadable(path, error, number)) from error


def unreadable(path: Path, error: OSError | UnicodeDecodeError, whole: int = 0) -> str:
    """Say why a file cannot be read, and what to do; `whole` of its lines were read."""
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist; check the path"
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror or error}; check the path"
    # The bytes in doubt begin in the line after the last one that was read whole.
    at = whole + 1 + error.object[: error.start].count(b"\n")
    return f"{path}:{at}: is not UTF-8: {error.reason}. Save it as UTF-8"


def _refuse_what_is_gone_once_read(path: Path) -> None:
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = _KINDS.get(stat.S_IFMT(mode), "device")
        raise BadFile(f"{path} is a {kind}; publish and play read a file twice: save it first")

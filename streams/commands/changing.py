"""`tierstream rules diff` and `history`: what changed between rulebooks, and what came when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, assert_never

import typer
from rich.markup import escape
from rich.table import Table

from models.calendar import rfc3339
from models.errors import BadEvent
from models.events import (
    ChurnModelActivated,
    EngineRaised,
    EraChange,
    EraEvent,
    RatesSet,
    RfmCutsActivated,
    RulebookActivated,
)
from models.wire import TOPICS, accept
from rules.book import Book
from streams.commands.books import read_book
from streams.commands.common import CommandFailed, out, reach, run, settings
from streams.jobs.difference import Change, differences, unplaced
from streams.log.port import Log, Record
from streams.releases import release_of
from streams.topics import CONTROL

_SHOWN = 50

_STYLES = {"added": "green", "removed": "red", "renamed": "cyan", "changed": ""}

Old = Annotated[Path, typer.Argument(help="The rulebook as it was.")]
New = Annotated[Path, typer.Argument(help="The rulebook as it is to be.")]


class Past(NamedTuple):
    """Something that came into force: its number is the offset in the control topic."""

    number: int
    at: int
    by: str
    what: str
    reason: str


def diff(old: Old, new: New) -> None:
    """Say what differs between two rulebooks: old and new side by side."""
    before, after = read_book(old)[1], read_book(new)[1]
    out.print(f"{before.name} {before.version} → {after.name} {after.version}")
    changes = differences(before.source, after.source)
    if not changes:
        out.print("nothing differs but labels, comments or the steps of examples")
    for section in dict.fromkeys(change.section for change in changes):
        out.print(_table(section, [each for each in changes if each.section == section]))
    for why in _refusals(before, after):
        out.print(f"activation would be refused: {why}")


def _refusals(before: Book, book: Book) -> Iterator[str]:
    """Yield why a rulebook could not follow another one that has been in force."""
    if before.currency != book.currency:
        yield f"what is known of customers is in {before.currency}, and stays so"
    named = (before.name, before.version) == (book.name, book.version)
    if named and before.fingerprint != book.fingerprint:
        yield "a version that has been in force means one text for ever; raise `version:`"
    for lost in unplaced(before.source, book.source):
        yield f"{lost} is gone, and no `was:` takes its place"


def has_places(before: Book | None, book: Book) -> None:
    """Refuse a rulebook that cannot follow the one in force.

    Raises:
        CommandFailed: it has lost a tier or category and does not say what takes its place, or
            counts in another currency.
    """
    if before is not None and before.currency != book.currency:
        raise CommandFailed(
            f"{book.name} {book.version} counts in {book.currency}, and what is known of customers "
            f"is in {before.currency}: keep `currency: {before.currency}`, or give the new one an "
            "application of its own (TIERSTREAM_APP)"
        )
    lost = [] if before is None else unplaced(before.source, book.source)
    if before is not None and lost:
        raise CommandFailed(
            f"{book.name} {book.version} leaves customers of {before.name} {before.version}, which "
            f"is in force, without a place. It does not have any more: {', '.join(lost)}. Name "
            "each where its customers belong now, as in `was: [silver]` at the tier that follows it"
        )


def history(
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = _SHOWN,
) -> None:
    """List what came into force: its number, when, who did it, what, and why."""
    run(_history(last))


async def _history(last: int) -> None:
    async with reach(settings()) as reached:
        past = await read_history(reached.log, reached.catalogue.name(CONTROL), last)
    if not past:
        out.print("nothing has come into force yet; `tierstream rules activate FILE` does it")
        return
    out.print(past_table(past))


def past_table(past: Sequence[Past]) -> Table:
    """Return what came into force; where space is short texts are folded, instants never."""
    table = Table()
    for name in ("number", "when"):
        table.add_column(name, no_wrap=True)
    for name in ("who", "what", "reason"):
        table.add_column(name, overflow="fold")
    for number, at, by, what, reason in past:
        table.add_row(str(number), rfc3339(at), *map(escape, (by, what, reason)))
    return table


async def read_history(log: Log, topic: str, last: int) -> Sequence[Past]:
    """Return the newest `last` records of the control topic that concern every customer.

    Raises:
        Unavailable: the topic cannot be read.
    """
    found: deque[Past] = deque(maxlen=last)
    start, end = await log.bounds(topic, 0)
    async for records, _ in log.read(topic, 0, start, end):
        found.extend(past for record in records if (past := _past(record)) is not None)
    return list(found)


def _past(record: Record) -> Past | None:
    released = release_of(record.value)
    if released is not None:
        what = f"the clock goes on without {released.source}"
        return Past(record.offset, record.timestamp, released.by, what, released.reason)
    try:
        accepted = accept(
            TOPICS[CONTROL], record.key, record.value, record.headers, offset=record.offset
        )
    except BadEvent as error:
        return Past(record.offset, record.timestamp, "", "refused", str(error))
    event = accepted.event
    if not isinstance(event, EraChange):
        return None  # a decision about one customer
    return Past(record.offset, record.timestamp, event.by, _what(event), event.reason or "")


def _what(event: EraEvent) -> str:
    match event:
        case RulebookActivated():
            return f"rulebook {event.name} {event.version}"
        case ChurnModelActivated():
            return f"churn model {event.version}"
        case RfmCutsActivated():
            return f"RFM cuts {event.version}"
        case RatesSet():
            return f"exchange rates in {event.base} of {event.date}"
        case EngineRaised():
            return f"engine {event.engine}, time zones {event.tzdata}"
        case _:
            assert_never(event)


def _table(section: str, changes: Sequence[Change]) -> Table:
    table = Table(title=section, title_justify="left")
    for name in ("what", "part", "", "old", "new"):
        table.add_column(name, overflow="fold")
    for each in changes:
        why = "" if each.why is None else f"\n({each.why})"
        cells = (each.name, each.part, each.kind, each.old or "", (each.new or "") + why)
        table.add_row(*map(escape, cells), style=_STYLES[each.kind])
    return table

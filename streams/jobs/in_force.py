"""What is in force, as the control topic has it: the rulebook, and records that activate."""

from __future__ import annotations

from typing import TypeVar

from models.errors import BadEvent, BadRulebook
from models.events import EraEvent, RulebookActivated
from models.wire import TOPICS, accept
from rules.book import Book
from rules.compiler.compile import compile_book
from streams.log.port import Log, Record
from streams.topics import CONTROL

_CHUNK = 500
_Event = TypeVar("_Event", bound=EraEvent)


async def in_force(log: Log, topic: str) -> Book | None:
    """Return the rulebook that was activated last; None before the first.

    `topic` is the control topic. It is read backwards, since decisions about single customers may
    stand in it by the hundred thousand.

    Raises:
        Unavailable: the topic cannot be read.
    """
    start, end = await log.bounds(topic, 0)
    while end > start:
        begin = max(start, end - _CHUNK)
        records: list[Record] = []
        async for chunk, _ in log.read(topic, 0, begin, end):
            records += chunk
        found = next((book for record in reversed(records) if (book := _book(record))), None)
        if found is not None:
            return found
        end = begin
    return None


async def activated_as(log: Log, topic: str, name: str, version: int) -> list[tuple[int, Book]]:
    """Return what was activated under a name and version, oldest first, each with when it was.

    Instants are in seconds since 1970. `topic` is the control topic, and all of it is read.

    Raises:
        Unavailable: the topic cannot be read.
    """
    found = []
    start, end = await log.bounds(topic, 0)
    async for records, _ in log.read(topic, 0, start, end):
        for record in records:
            event = activation(record, RulebookActivated)
            if event is not None and (event.name, event.version) == (name, version):
                book = _compiled(event)
                found += [] if book is None else [(record.timestamp, book)]
    return found


def _book(record: Record) -> Book | None:
    """Return the rulebook that a record activates; None: it does something else, or is refused."""
    event = activation(record, RulebookActivated)
    return None if event is None else _compiled(event)


def activation(record: Record, kind: type[_Event]) -> _Event | None:
    """Return the event of a kind in a record of the control topic; None: another, or refused."""
    try:
        event = accept(
            TOPICS[CONTROL], record.key, record.value, record.headers, offset=record.offset
        ).event
    except BadEvent:
        return None  # ingress has set it aside
    return event if isinstance(event, kind) else None


def _compiled(event: RulebookActivated) -> Book | None:
    try:
        return compile_book(event.text)
    except BadRulebook:
        return None

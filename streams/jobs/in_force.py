"""Which rulebook is in force, as the control topic has it."""

from __future__ import annotations

from models.errors import BadEvent, BadRulebook
from models.events import RulebookActivated
from models.wire import TOPICS, accept
from rules.book import Book
from rules.compiler.compile import compile_book
from streams.log.port import Log, Record
from streams.topics import CONTROL

_CHUNK = 500


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


def _book(record: Record) -> Book | None:
    """Return the rulebook that a record activates; None: it does something else, or is refused."""
    try:
        event = accept(
            TOPICS[CONTROL], record.key, record.value, record.headers, offset=record.offset
        ).event
        return compile_book(event.text) if isinstance(event, RulebookActivated) else None
    except (BadEvent, BadRulebook):
        return None

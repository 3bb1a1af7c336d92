"""Source marks: how far each source partition has come, so that a repeated record is known as one.

Ingress puts a record's place in its source, `<source>#<epoch>/<partition>:<offset>`, into a header.
What stands at or below the highest offset seen of a place was in the log before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from streams.log.port import Record
from streams.store import keys

MARK_HEADER = "mark"
_DIGITS_MAX = 19  # of an offset, which has 64 bits


class BadMark(ValueError):
    """A header by the name of a mark that is none: not written by ingress."""


@dataclass(slots=True)
class Marks:
    """The marks of a batch: `before` it, by `<source>#<epoch>/<partition>`, and those it moves."""

    before: Mapping[bytes, int]
    moved: dict[bytes, int] = field(default_factory=dict)

    def repeated(self, record: Record) -> bool:
        """Tell whether ingress sent this before; note how far its source partition has come.

        Raises:
            BadMark: it has a mark that is none.
        """
        for place, offset in _marks(record):
            seen = self.moved.get(place)
            if seen is None:
                seen = self.before.get(place, -1)
            if offset <= seen:
                return True
            self.moved[place] = offset
        return False

    def forget(self, record: Record) -> None:
        """Take back that a record was seen: it waits, and must not count as a repeat then."""
        for place, offset in _marks(record):
            self.moved[place] = offset - 1

    def fields(self) -> dict[bytes, bytes]:
        """Return what the store and the changelog have to keep."""
        found: dict[bytes, bytes] = {}
        if any(place not in self.before for place in self.moved):
            places = sorted(place.decode() for place in {*self.before, *self.moved})
            found[keys.SOURCES] = msgspec.json.encode(places)
        for place, offset in self.moved.items():
            found[keys.source_field(place)] = b"%d" % offset
        return found

    def after(self) -> Mapping[bytes, int]:
        """Return the marks after the batch."""
        return {**self.before, **self.moved} if self.moved else self.before


def _marks(record: Record) -> Iterator[tuple[bytes, int]]:
    for name, value in record.headers:
        if name == MARK_HEADER:
            yield _read(value)


def _read(mark: bytes | None) -> tuple[bytes, int]:
    """Return the place and the offset of a mark."""
    place, _, offset = (mark or b"").rpartition(b":")
    if offset.isdigit() and len(offset) <= _DIGITS_MAX:
        try:
            place.decode()
        except UnicodeDecodeError:
            pass
        else:
            return place, int(offset)
    message = f"the header {MARK_HEADER!r} is none of ingress' marks; leave it out"
    raise BadMark(message)

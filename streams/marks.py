"""Source marks: how far each source partition has come, so that a repeated record is known as one.

Ingress puts a record's place in its source, `<source>#<epoch>/<partition>:<offset>`, into a header.
What stands at or below the highest offset seen of a place was in the log before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from streams.log.port import Record
from streams.store import keys

MARK_HEADER = "mark"
PLACES_BYTES_MAX = 800_000  # remembered by the names of their places, which fill one record
_MARK = re.compile(rb"([A-Za-z0-9._-]{1,249}#[A-Za-z0-9._-]{1,64}/[0-9]{1,10}):([0-9]{1,19})")
_AROUND = len('"",')  # a name in JSON


class BadMark(ValueError):
    """A header by the name of a mark that is none: not written by ingress."""


class TooManyPlaces(ValueError):
    """A mark of one more source partition than can be remembered."""


@dataclass(slots=True)
class Marks:
    """The marks of a batch: `before` it, by `<source>#<epoch>/<partition>`, and those it moves."""

    before: Mapping[bytes, int]
    moved: dict[bytes, int] = field(default_factory=dict)
    _bytes: int = 0  # of the names of all places; 0: not counted yet

    def repeated(self, record: Record) -> bool:
        """Tell whether ingress sent this before; note how far its source partition has come.

        Raises:
            BadMark: it has a mark that is none.
            TooManyPlaces: it is of a source partition for which there is no room.
        """
        for place, offset in _marks(record):
            seen = self.moved.get(place)
            if seen is None:
                seen = self.before.get(place)
            if seen is None:
                self._make_room(place)
            elif offset <= seen:
                return True
            self.moved[place] = offset
        return False

    def _make_room(self, place: bytes) -> None:
        """Count a place that is seen for the first time."""
        if not self._bytes:
            self._bytes = sum(len(name) + _AROUND for name in {*self.before, *self.moved})
        if self._bytes + len(place) + _AROUND > PLACES_BYTES_MAX:
            message = (
                f"the log has marks of {len({*self.before, *self.moved}):,} source partitions, and "
                "no more can be remembered; start anew under another app name and topic prefix, "
                "with fewer partitions"
            )
            raise TooManyPlaces(message)
        self._bytes += len(place) + _AROUND

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
    found = _MARK.fullmatch(mark or b"")
    if found is None:
        message = f"the header {MARK_HEADER!r} is none of ingress' marks; leave it out"
        raise BadMark(message)
    return found[1], int(found[2])

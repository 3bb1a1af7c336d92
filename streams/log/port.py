"""The log as the partition protocol sees it: read committed records, append in one transaction.

Both implementations (`kafka`, `memory`) pass one contract suite, and the simulation brings a third
that loses replies. Every method may raise `Unavailable`: the outcome of that call is unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from streams.errors import Unavailable

BATCH_BYTES_MAX = 900_000  # a record batch stays below the broker's default limit of 1 MiB


class Record(NamedTuple):
    """A committed record. `timestamp` is the broker's append time in seconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Entry(NamedTuple):
    """A record to append."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Append(NamedTuple):
    """Entries for one partition of one topic, in order."""

    topic: str
    partition: int
    entries: Sequence[Entry]


class Bounds(NamedTuple):
    """`start`: the first offset still held. `end`: one past the last committed record."""

    start: int
    end: int


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


def misplaced(writer: str, began: int, first: int) -> Unavailable:
    """Return the error of a transaction that would begin somewhere else than its caller thinks."""
    return Unavailable(
        f"A transaction of {writer} would have begun at {began}, not at {first}: the end that was "
        "read before was not the newest one."
    )


class Writer(Protocol):
    """A fenced transactional producer: one partition's only writer, until a newer one starts."""

    async def transact(
        self, appends: Sequence[Append], *, first: int | None = None
    ) -> tuple[int, ...]:
        """Append all or nothing; return each append's last offset (of its last entry).

        `first`, where it is given, is the offset that the first entry has to get: the one behind
        the marker of what the caller knows to be committed. If it gets another one, the caller did
        not know the partition's end, and nothing becomes visible.
        Appends without entries are left out of what is returned. A batch is split below
        `BATCH_BYTES_MAX`; every send is confirmed before the commit is asked for.

        Raises:
            Fenced: a newer writer with this transactional id exists; nothing became visible.
            Rejected: the log refuses an entry for ever (too large); the transaction was aborted.
            Unavailable: the outcome is unknown, or `first` is wrong; only a new writer can tell.
        """
        ...

    async def end_open(
        self, appends: Sequence[Append] = (), *, first: int | None = None, committed: bool
    ) -> None:
        """End whatever stands open in any place of this writer; no transaction is under way.

        `committed`: make it visible, and `appends` with it; else all is aborted. A place may get
        one more marker than it needs. Where the first entry would not get the offset `first`,
        nothing is ended but in the places of `appends`, and that is aborted.

        Raises:
            Fenced: a newer writer with this transactional id exists.
            Unavailable: the outcome is unknown.
        """
        ...

    async def close(self) -> None:
        """Give the connection back; never raises, never waits longer than a bounded time."""
        ...


class Log(Protocol):
    """Committed records by topic and partition."""

    async def fence(self, transactional_id: str, places: Sequence[Place] = ()) -> Writer:
        """Start a writer; the predecessor's open transaction is ended and it is fenced.

        `places`: all that writers of this name write to.
        """
        ...

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return what the partition holds, as a reader of committed records sees it."""
        ...

    async def is_open(self, places: Sequence[Place]) -> bool:
        """Tell whether one of the places holds something that cannot be read yet.

        What is committed and on its way to readers may be waited for a moment.
        """
        ...

    async def standing_open(self, place: Place) -> Sequence[Record]:
        """Return the first records of a place that cannot be read yet, or were aborted since."""
        ...

    async def identity(self, topic: str) -> str:
        """Return what tells a topic from a later one of the same name; it has no dot."""
        ...

    def read(
        self, topic: str, partition: int, start: int, end: int, chunk_max: int = 1_000
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield (records, position after them) from `start` until the position reaches `end`.

        Offsets may jump: markers and aborted records occupy them. A yield may hold no records where
        only the position moved. Chunks hold at most `chunk_max` records.
        """
        ...

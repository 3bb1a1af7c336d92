"""The state store as the partition protocol sees it: fenced, and allowed to lose anything.

One hash a partition holds fields (customer states, position, marks) and a meta field; a due index
beside it orders customers by the instant at which somebody should look at them. The store may lose
everything, some fields or its newest writes at any moment; `Meta` and the counts in a `View` let
the protocol notice before it uses what is left.

Both implementations (`redis`, `memory`) pass one contract suite. Every method may raise
`Unavailable`: the outcome of that call is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

Cursor: TypeAlias = str
START: Cursor = ""
"""Where a scan begins, and what its last page returns."""


class Meta(NamedTuple):
    """Who owns the partition's view, and how much of the changelog it reflects."""

    owner: str
    applied: int  # the next changelog offset to apply (the `c` of the protocol)
    applied_at: int  # append time of the last applied record, seconds
    fields: int  # how many fields the hash holds, without meta
    dues: int  # how many entries the due index holds
    origin: str  # which changelog this view was built from; empty before the first apply


EMPTY = Meta(owner="", applied=0, applied_at=0, fields=0, dues=0, origin="")


class View(NamedTuple):
    """One consistent read: meta, the true counts, and the values asked for, in order."""

    meta: Meta
    fields: int
    dues: int
    values: list[bytes | None]


class Step(NamedTuple):
    """One fenced write: fields to set, due entries to move (None removes), what meta becomes."""

    applied: int
    applied_at: int
    origin: str
    fields: Mapping[bytes, bytes]
    dues: Mapping[bytes, int | None]


class Store(Protocol):
    """The view of all partitions of one application."""

    async def claim(self, partition: int, owner: str) -> Meta:
        """Make `owner` the owner, in one step; return meta as it was (`EMPTY` if there is none)."""
        ...

    async def wipe(self, partition: int, owner: str, heir: str) -> bool:
        """Forget everything of the partition, now `heir`'s; False where `owner` does not own it.

        Copies of the store from before name `owner`, so what they hold never passes for `heir`'s.
        """
        ...

    async def apply(self, partition: int, owner: str, applied: int, step: Step) -> bool:
        """Write `step` if the owner is `owner` and `applied` is what meta says; else return False.

        Meta's counts advance by what the write adds and removes; they are not counted anew, or a
        field lost since the last read would never be missed.
        """
        ...

    async def view(self, partition: int, names: Sequence[bytes]) -> View:
        """Read meta, counts and the fields `names` in one step."""
        ...

    async def due(self, partition: int, until: int, limit: int) -> list[bytes]:
        """Return at most `limit` customers whose due entry is <= `until`, earliest first."""
        ...

    async def scan(
        self, partition: int, cursor: Cursor, count: int
    ) -> tuple[Cursor, list[tuple[bytes, bytes]]]:
        """Go through the fields in pages of about `count`; `START` starts and ends a pass.

        A field that is there during the whole pass is returned at least once, by whichever servers:
        where another one answers than gave the cursor, the pass begins again.
        """
        ...

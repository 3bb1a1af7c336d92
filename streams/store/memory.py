"""The state store in memory: for `--embedded`, for tests, and for the simulation.

Besides the port it can do what a real store does to us on a bad day: go back in time (`snapshot`,
`restore`), lose everything (`lose`) or single fields (`lose_fields`) without changing meta, and
come back with its fields in another order (`restart`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import nsmallest

from streams.store.port import EMPTY, START, Cursor, Meta, Step, View


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A partition's view at one moment."""

    meta: Meta = EMPTY
    fields: dict[bytes, bytes] = field(default_factory=dict)
    dues: dict[bytes, int] = field(default_factory=dict)

    def copy(self) -> Snapshot:
        """Return the same view with dictionaries of its own."""
        return replace(self, fields=dict(self.fields), dues=dict(self.dues))


class MemoryStore:
    """The view of all partitions of one application; gone with the process."""

    def __init__(self, run: int = 0) -> None:
        """`run` tells servers, and starts of one, from each other."""
        self._partitions: dict[int, Snapshot] = {}
        self.run = run

    async def claim(self, partition: int, owner: str) -> Meta:
        """Make `owner` the owner, in one step; return meta as it was."""
        view = self._view(partition)
        self._partitions[partition] = replace(view, meta=view.meta._replace(owner=owner))
        return view.meta

    async def wipe(self, partition: int, owner: str, heir: str) -> bool:
        """Forget everything of the partition, now `heir`'s; False where `owner` does not own it."""
        if self._view(partition).meta.owner != owner:
            return False
        self._partitions[partition] = Snapshot(EMPTY._replace(owner=heir))
        return True

    async def apply(self, partition: int, owner: str, applied: int, step: Step) -> bool:
        """Write `step` if the owner is `owner` and `applied` is what meta says."""
        view = self._view(partition)
        if (view.meta.owner, view.meta.applied) != (owner, applied):
            return False
        # Counts advance by what this write adds, so that a loss just before it is not counted away.
        fields = view.meta.fields + sum(name not in view.fields for name in step.fields)
        view.fields.update(step.fields)
        dues = view.meta.dues
        for customer, due in step.dues.items():
            known = customer in view.dues
            dues += (due is not None) - known
            if due is not None:
                view.dues[customer] = due
            elif known:
                del view.dues[customer]
        meta = Meta(owner, step.applied, step.applied_at, fields, dues, step.origin)
        self._partitions[partition] = replace(view, meta=meta)
        return True

    async def view(self, partition: int, names: Sequence[bytes]) -> View:
        """Read meta, counts and the fields `names` in one step."""
        view = self._view(partition)
        values = [view.fields.get(name) for name in names]
        return View(view.meta, len(view.fields), len(view.dues), values)

    async def due(self, partition: int, until: int, limit: int) -> list[bytes]:
        """Return at most `limit` customers whose due entry is <= `until`, earliest first."""
        dues = self._view(partition).dues
        ready = ((due, customer) for customer, due in dues.items() if due <= until)
        return [customer for _, customer in nsmallest(limit, ready)]

    async def scan(
        self, partition: int, cursor: Cursor, count: int
    ) -> tuple[Cursor, list[tuple[bytes, bytes]]]:
        """Go through the fields in pages of about `count`; `START` starts and ends a pass."""
        # Fields keep the order in which they came, and single ones vanish only by `lose_fields`.
        fields = list(self._view(partition).fields.items())
        if self.run % 2:
            fields.reverse()
        run, _, place = cursor.partition(":")
        begin = int(place) if run == str(self.run) else 0
        following = begin + count
        page = fields[begin:following]
        return (f"{self.run}:{following}" if following < len(fields) else START), page

    async def close(self) -> None:
        """Nothing to give back."""

    def snapshot(self, partition: int) -> Snapshot:
        """Return a copy of the partition's view, for `restore`."""
        return self._view(partition).copy()

    def restore(self, partition: int, snapshot: Snapshot) -> None:
        """Go back to `snapshot`, as a server does that restarts from an old file."""
        self._partitions[partition] = snapshot.copy()

    def restart(self) -> None:
        """Be another server with the same data, as after an orderly restart."""
        self.run += 1

    def lose(self, partition: int) -> None:
        """Lose everything, meta too, as after FLUSHALL."""
        self._partitions.pop(partition, None)

    def lose_fields(self, partition: int, names: Iterable[bytes]) -> None:
        """Lose these fields and nothing else, as by eviction or a stray delete."""
        for name in names:
            self._view(partition).fields.pop(name, None)

    def lose_dues(self, partition: int, customers: Iterable[bytes]) -> None:
        """Lose these entries of the due index and nothing else."""
        for customer in customers:
            self._view(partition).dues.pop(customer, None)

    def _view(self, partition: int) -> Snapshot:
        return self._partitions.setdefault(partition, Snapshot())

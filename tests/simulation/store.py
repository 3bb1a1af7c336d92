"""The hostile store: it goes back in time, loses what it held, and does not always answer."""

from __future__ import annotations

from collections.abc import Sequence

from streams.store.memory import MemoryStore, Snapshot
from streams.store.port import Meta, Step, View
from tests.simulation.chance import Chance, point

_RECENT_MAX = 12
_BACKUPS_MAX = 4


class SimStore:
    """A memory store. The switches take a guarantee away, to show that it is needed."""

    atomic_claim = True
    conditional_apply = True  # on the owner
    offset_checked = True  # on the offset
    fenced_wipe = True

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.inner = MemoryStore()
        self.recent: list[Snapshot] = []
        self.backups: list[Snapshot] = []

    def remember(self, partition: int) -> None:
        """Keep a snapshot that a restart may bring back."""
        self.recent.append(self.inner.snapshot(partition))
        del self.recent[:-_RECENT_MAX]

    def back_up(self, partition: int) -> None:
        """Keep a snapshot that somebody may restore much later."""
        self.backups.append(self.inner.snapshot(partition))
        del self.backups[:-_BACKUPS_MAX]

    def suffer(self, partition: int) -> None:
        """Let one misfortune happen."""
        random = self.chance.random
        kinds = ("roll back", "restore a backup", "lose all", "lose due", "lose field")
        kind = random.choice((*kinds, "lose field"))
        self.chance.seen[kind] += 1
        snapshot = self.inner.snapshot(partition)
        if kind == "roll back" and self.recent:
            self.inner.restore(partition, random.choice(self.recent))
        elif kind == "restore a backup" and self.backups:
            self.inner.restore(partition, random.choice(self.backups))
        elif kind == "lose all":
            self.inner.lose(partition)
        elif kind == "lose field" and snapshot.fields:
            self.inner.lose_fields(partition, [random.choice(sorted(snapshot.fields))])
        elif kind == "lose due" and snapshot.dues:
            self.inner.lose_dues(partition, [random.choice(sorted(snapshot.dues))])

    async def claim(self, partition: int, owner: str) -> Meta:
        """Make `owner` the owner and return meta as it was."""
        await point()
        self.chance.lose_reply("claim: no reply, before")
        if self.atomic_claim:
            before = await self.inner.claim(partition, owner)
        else:
            before = (await self.inner.view(partition, [])).meta
            await point()
            snapshot = self.inner.snapshot(partition)
            meta = before._replace(
                owner=owner, fields=snapshot.meta.fields, dues=snapshot.meta.dues
            )
            self.inner.restore(partition, Snapshot(meta, snapshot.fields, snapshot.dues))
        self.remember(partition)
        self.chance.lose_reply("claim: no reply, after")
        await point()
        return before

    async def wipe(self, partition: int, owner: str) -> bool:
        """Forget everything, on condition of the owner."""
        await point()
        self.chance.lose_reply("wipe: no reply, before")
        if not self.fenced_wipe:
            owner_now = self.inner.snapshot(partition).meta.owner
            await self.inner.wipe(partition, owner_now)
            return True
        done = await self.inner.wipe(partition, owner)
        self.remember(partition)
        self.chance.lose_reply("wipe: no reply, after")
        await point()
        return done

    async def apply(self, partition: int, owner: str, applied: int, step: Step) -> bool:
        """Write, on condition of owner and offset."""
        await point()
        self.chance.lose_reply("apply: no reply, before")
        meta = self.inner.snapshot(partition).meta
        if not self.conditional_apply:
            owner = meta.owner
        if not self.offset_checked:
            applied = meta.applied
        done = await self.inner.apply(partition, owner, applied, step)
        self.remember(partition)
        self.chance.lose_reply("apply: no reply, after")
        await point()
        return done

    async def view(self, partition: int, names: Sequence[bytes]) -> View:
        """Read in one step."""
        await point()
        self.chance.lose_reply("view: no reply")
        view = await self.inner.view(partition, names)
        await point()
        return view

    async def due(self, partition: int, until: int, limit: int) -> list[bytes]:
        """Return who is due."""
        await point()
        self.chance.lose_reply("due: no reply")
        return await self.inner.due(partition, until, limit)

    async def scan(
        self, partition: int, cursor: int, count: int
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return a page of fields."""
        await point()
        self.chance.lose_reply("scan: no reply")
        return await self.inner.scan(partition, cursor, count)

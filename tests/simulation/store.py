"""The hostile store: it goes back in time, loses what it held, and does not always answer.

`Servers` is what stands in the machine room: a primary, perhaps one that was deposed and does not
know it, and the file from which a restart may bring back any state of the past. `SimStore` is one
worker's connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from streams.errors import Unavailable
from streams.store.memory import MemoryStore, Snapshot
from streams.store.port import EMPTY, Cursor, Meta, Step, View
from tests.simulation.chance import Chance, point

_PAST_MAX = 400  # whole writes that a restart can cut off
_BACKUPS_MAX = 4
_LAG_MAX = 6  # whole writes that a replica has not seen yet


class Servers:
    """The servers. The switches take a guarantee away, to show that it is needed."""

    atomic_claim = True
    offset_checked = True

    def __init__(self, chance: Chance, partition: int) -> None:
        self.chance = chance
        self.partition = partition
        self.primary = MemoryStore()
        self.deposed: MemoryStore | None = None  # some still write to it; nothing of it will stay
        self.full = False
        self.scripts_break = chance.random.random() < 0.3
        self.past: list[Snapshot] = []
        self.backups: list[Snapshot] = []

    def remember(self, server: MemoryStore) -> None:
        """Keep what a server holds after a write, as its append-only file does."""
        if server is self.primary:
            self.past.append(server.snapshot(self.partition))
            del self.past[:-_PAST_MAX]

    def back_up(self) -> None:
        """Keep a copy that somebody may restore much later."""
        self.backups.append(self.primary.snapshot(self.partition))
        del self.backups[:-_BACKUPS_MAX]

    def suffer(self) -> None:
        """Let one misfortune happen."""
        kinds: dict[str, Callable[[], object]] = {
            "roll back": lambda: self._restore(self.past),
            "restore a backup": lambda: self._restore(self.backups),
            "lose all": lambda: self.primary.lose(self.partition),
            "lose due": self._lose_due,
            "lose field": self._lose_field,
            "fail over": self._fail_over,
            "deposed server ends": self._close_deposed,
            "memory full": lambda: setattr(self, "full", True),
            "restart": self.primary.restart,
        }
        kind = self.chance.random.choice((*kinds, "lose field"))
        self.chance.seen[kind] += 1
        kinds[kind]()

    def mend(self) -> None:
        """Let there be memory again, and one server that everybody speaks to."""
        self.full = False
        self.deposed = None

    def _restore(self, snapshots: Sequence[Snapshot]) -> None:
        if snapshots:
            self.primary.restore(self.partition, self.chance.random.choice(snapshots))

    def _fail_over(self) -> None:
        """A replica that lags becomes the primary; who is connected does not notice yet."""
        behind = self.past[-_LAG_MAX:]
        self.deposed, self.primary = self.primary, MemoryStore(self.primary.run + 1)
        self._restore(behind)

    def _close_deposed(self) -> None:
        self.deposed = None

    def _lose_field(self) -> None:
        fields = sorted(self.primary.snapshot(self.partition).fields)
        if fields:
            self.primary.lose_fields(self.partition, [self.chance.random.choice(fields)])

    def _lose_due(self) -> None:
        dues = sorted(self.primary.snapshot(self.partition).dues)
        if dues:
            self.primary.lose_dues(self.partition, [self.chance.random.choice(dues)])


class SimStore:
    """One worker's connection to the servers."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.chance = servers.chance
        self._server = servers.primary

    async def claim(self, partition: int, owner: str) -> Meta:
        """Make `owner` the owner and return meta as it was."""
        server = await self._writing("claim")
        if self.servers.atomic_claim:
            before = await server.claim(partition, owner)
        else:
            before = (await server.view(partition, [])).meta
            await point()
            snapshot = server.snapshot(partition)
            meta = before._replace(
                owner=owner, fields=snapshot.meta.fields, dues=snapshot.meta.dues
            )
            server.restore(partition, Snapshot(meta, snapshot.fields, snapshot.dues))
        await self._written(server, "claim")
        return before

    async def wipe(self, partition: int, owner: str, heir: str) -> bool:
        """Forget everything, on condition of the owner."""
        server = await self._writing("wipe")
        if self.servers.scripts_break and self.chance.strikes("wipe: broken off", 0.03):
            if server.snapshot(partition).meta.owner == owner:
                server.lose(partition)
            raise Unavailable("wipe: broken off")
        done = await server.wipe(partition, owner, heir)
        await self._written(server, "wipe")
        return done

    async def apply(self, partition: int, owner: str, applied: int, step: Step) -> bool:
        """Write, on condition of owner and offset."""
        server = await self._writing("apply")
        meta = (await server.view(partition, [])).meta
        if not self.servers.offset_checked:
            applied = meta.applied
        if self.servers.scripts_break and self.chance.strikes("apply: broken off", 0.03):
            if (meta.owner, meta.applied) == (owner, applied):
                self._apply_half(server, partition, step)
            raise Unavailable("apply: broken off")
        done = await server.apply(partition, owner, applied, step)
        await self._written(server, "apply")
        return done

    async def view(self, partition: int, names: Sequence[bytes]) -> View:
        """Read in one step."""
        view = await (await self._reading("view")).view(partition, names)
        await point()
        return view

    async def due(self, partition: int, until: int, limit: int) -> list[bytes]:
        """Return who is due."""
        return await (await self._reading("due")).due(partition, until, limit)

    async def scan(
        self, partition: int, cursor: Cursor, count: int
    ) -> tuple[Cursor, list[tuple[bytes, bytes]]]:
        """Return a page of fields."""
        return await (await self._reading("scan")).scan(partition, cursor, count)

    def _connected(self) -> MemoryStore:
        """Return the server that we speak to, which is perhaps not the primary any more."""
        servers = self.servers
        if self._server is not servers.primary and self._server is not servers.deposed:
            self._server = servers.primary
            raise Unavailable("the server has ended")
        if self._server is servers.deposed:
            self.chance.seen["spoke to a deposed server"] += 1
        return self._server

    async def _reading(self, call: str) -> MemoryStore:
        await point()
        self.chance.lose_reply(f"{call}: no reply")
        return self._connected()

    async def _writing(self, call: str) -> MemoryStore:
        await point()
        self.chance.lose_reply(f"{call}: no reply, before")
        if self.servers.full:
            self.chance.seen[f"{call}: out of memory"] += 1
            raise Unavailable("OOM command not allowed")
        return self._connected()

    async def _written(self, server: MemoryStore, call: str) -> None:
        self.servers.remember(server)
        self.chance.lose_reply(f"{call}: no reply, after")
        await point()

    def _apply_half(self, server: MemoryStore, partition: int, step: Step) -> None:
        """Take meta away and write some of a step, as a script does that ends in the middle."""
        random, snapshot = self.chance.random, server.snapshot(partition)
        snapshot.fields.update(islice(step.fields.items(), random.randint(0, len(step.fields))))
        for customer, due in islice(step.dues.items(), random.randint(0, len(step.dues))):
            if due is None:
                snapshot.dues.pop(customer, None)
            else:
                snapshot.dues[customer] = due
        server.restore(partition, replace(snapshot, meta=EMPTY))

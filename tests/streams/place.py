"""One partition's log and store in memory, and who owns them in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import msgspec
import pytest

from models.decisions import AnyDecision
from models.errors import Reason
from streams.batch import EVENT_BYTES_MAX
from streams.clock import ManualClock
from streams.errors import Doubt
from streams.ledger import Position
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry, Record
from streams.partition import Partition
from streams.protocol import PartitionSettings
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.topics import LOG, STATE

NOW = 1_730_000_000


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.restored: list[tuple[int, bool]] = []
        self.letters: list[Reason] = []
        self.doubts: list[str] = []

    def taken_over(self, partition: int, seconds: float, restored: int, *, wiped: bool) -> None:
        assert (partition, seconds) == (0, 0)
        self.restored.append((restored, wiped))

    def batch(
        self, partition: int, records: int, seconds: float, outputs: Mapping[str, int]
    ) -> None:
        assert (partition, seconds) == (0, 0)
        assert records + len(outputs) >= 0

    def published(self, decisions: Sequence[AnyDecision]) -> None:
        assert all(each.id for each in decisions)

    def dead_letters(self, partition: int, reasons: Sequence[Reason]) -> None:
        assert partition == 0
        self.letters += reasons

    def timers(self, partition: int, fired: int) -> None:
        assert (partition, fired > 0) == (0, True)

    def doubted(self, partition: int, reason: str) -> None:
        assert partition == 0
        self.doubts.append(reason)


class Member:
    """A coordinator that always confirms, unless told not to."""

    says = True

    async def confirmed(self) -> bool:
        return self.says


class Place:
    """A log, a store, and partitions that own them in turn."""

    def __init__(self) -> None:
        self.log = MemoryLog(lambda: NOW)
        self.store = MemoryStore()
        self.told = Told()
        self.member = Member()
        self.clock = ManualClock(NOW)
        self.names = (f"name-{i}" for i in count())

    def partition(self, partitions: int = 1, app: str = "test") -> Partition:
        return Partition(
            0,
            self.log,
            self.store,
            PartitionSettings(app=app, partitions=partitions),
            clock=self.clock,
            membership=self.member,
            observer=self.told,
            draw=lambda: next(self.names),
        )

    async def taken(self) -> Partition:
        partition = self.partition()
        await partition.take_over()
        return partition

    def append(self, *entries: Entry) -> None:
        self.log.append(Append(LOG, 0, entries))

    async def records(self, topic: str = LOG) -> list[Record]:
        bounds = await self.log.bounds(topic, 0)
        found: list[Record] = []
        async for records, _ in self.log.read(topic, 0, bounds.start, bounds.end):
            found += records
        return found

    async def feed(self, partition: Partition) -> None:
        """Hand in everything from the position on, again after every doubt."""
        for _ in range(10):
            try:
                if partition.next is None:
                    await partition.take_over()
                end = (await self.log.bounds(LOG, 0)).end
                await partition.process(await self.records(), partition.next or 0, end)
            except Doubt:
                continue
            return
        pytest.fail("the partition does not move on")

    async def position(self) -> Position:
        newest = [r.value for r in await self.records(STATE) if r.key == keys.POSITION][-1]
        return msgspec.json.decode(newest or b"", type=Position)


def purchase(number: int, customer: bytes = b"anna", **more: object) -> Entry:
    fields = {
        "event": "purchase", "event_id": f"e{number}", "source": "shop", "occurred_at": NOW,
        "order_id": f"o{number}", "net_amount_minor": 100, "currency": "EUR",
    }  # fmt: skip
    return Entry(customer, msgspec.json.encode({**fields, **more}))


def large(number: int) -> Entry:
    """A record that the log takes, but that is larger than an event may be."""
    return purchase(number, more="x" * EVENT_BYTES_MAX)

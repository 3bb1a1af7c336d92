"""The partition protocol on a memory log and store: what the simulation's world does not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from unittest.mock import AsyncMock

import msgspec
import pytest

from models.errors import Reason
from streams.batch import EVENT_BYTES_MAX
from streams.clock import ManualClock
from streams.errors import Doubt, Halt, Unavailable
from streams.ledger import Position
from streams.log import memory
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry, Record
from streams.log.port import Place as LogPlace
from streams.partition import Partition
from streams.protocol import PartitionSettings
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.topics import LOG, STATE

NOW = 1_730_000_000
DEAD = f"{LOG}.dlq"


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

    def published(self, outputs: Mapping[str, Sequence[Entry]]) -> None:
        assert all(outputs.values())

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
        self.names = (f"name-{i}" for i in count())

    def partition(self, partitions: int = 1) -> Partition:
        return Partition(
            0,
            self.log,
            self.store,
            PartitionSettings(app="test", partitions=partitions),
            clock=ManualClock(NOW),
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


async def test_a_new_changelog_begins_with_its_origin_and_a_position() -> None:
    place = Place()
    partition = await place.taken()
    assert [r.key for r in await place.records(STATE)] == [keys.ORIGIN, keys.POSITION]
    assert (partition.next, partition.now, partition.settled) == (0, None, False)
    assert partition.position == await place.position()


async def test_a_successor_goes_on_where_the_predecessor_stood() -> None:
    place = Place()
    first = await place.taken()
    place.append(purchase(1), purchase(2))
    await place.feed(first)
    second = await place.taken()
    assert second.position == await place.position() == first.position
    with pytest.raises(Doubt):
        await first.process([], second.next or 0, (second.next or 0) + 1)
    assert first.next is None
    assert place.told.doubts == ["Doubt"]


async def test_who_is_not_confirmed_as_a_member_takes_nothing_over() -> None:
    place = Place()
    place.member.says = False
    with pytest.raises(Doubt, match="does not confirm our membership"):
        await place.partition().take_over()
    assert await place.records(STATE) == []


async def test_what_is_not_taken_over_processes_nothing() -> None:
    with pytest.raises(Doubt, match="not taken over"):
        await Place().partition().process([], 0, 1)


async def test_an_idle_owner_commits_again_until_readers_see_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1))
    await place.feed(partition)
    await partition.work_ahead()
    await partition.work_ahead()
    before = len(await place.records(STATE))
    asking = AsyncMock(side_effect=[Unavailable("no answer"), True, True, False])
    monkeypatch.setattr(place.log, "is_open", asking)
    await partition.work_ahead()
    asking.assert_not_awaited()  # readers were known to see everything
    place.append(purchase(2))
    await place.feed(partition)
    before += 2  # a state and the position
    for _ in range(8):
        await partition.work_ahead()
    assert asking.await_count == 4
    assert LogPlace(STATE, 0) in asking.await_args_list[0].args[0]
    assert len(await place.records(STATE)) == before + 2
    assert partition.position == await place.position()
    assert place.told.doubts == []


async def test_a_gap_is_doubt() -> None:
    place = Place()
    partition = await place.taken()
    with pytest.raises(Doubt, match="a gap: fetched from 5, expected 0"):
        await partition.process([], 5, 6)
    assert partition.position is None


async def test_the_number_of_partitions_is_for_life() -> None:
    place = Place()
    await place.taken()
    with pytest.raises(Halt, match="begun with 1 partitions and is now read with 2"):
        await place.partition(partitions=2).take_over()


async def test_records_that_vanished_unread_stop_the_partition() -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1), purchase(2))
    await partition.drop()
    place.log.trim(LOG, 0, 1)
    with pytest.raises(Halt, match=r"the next record to take is 0, but .* holds 1 to 2.*restore"):
        await place.taken()


async def test_a_changelog_without_its_beginning_stops_the_partition() -> None:
    place = Place()
    await place.taken()
    place.log.trim(STATE, 0, 1)
    with pytest.raises(Halt, match="does not begin with its origin; it was truncated"):
        await place.taken()


async def test_a_store_that_lost_a_field_is_wiped_and_restored() -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1), purchase(2, b"bert"))
    await place.feed(partition)
    whole = place.store.snapshot(0).fields
    place.store.lose_fields(0, [keys.customer_field(b"bert")])
    place.append(purchase(3))
    end = (await place.log.bounds(LOG, 0)).end
    with pytest.raises(Doubt, match="the store holds 3 fields and 0 dues instead of 4"):
        await partition.process(await place.records(), partition.next or 0, end)
    await place.feed(partition)
    assert place.told.restored[-1] == (len(await place.records(STATE)) - 2, True)
    assert place.store.snapshot(0).fields.keys() == whole.keys()


async def test_a_store_that_lost_everything_is_restored() -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1))
    await place.feed(partition)
    whole = place.store.snapshot(0)
    place.store.lose(0)
    await place.taken()
    again = place.store.snapshot(0)
    assert (again.fields, again.dues) == (whole.fields, whole.dues)


async def test_a_refused_write_to_the_store_is_doubt() -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1))
    apply = place.store.apply

    async def refused(*_: object) -> bool:
        return False

    place.store.apply = refused  # type: ignore[method-assign,assignment]  # a store that moved on
    with pytest.raises(Doubt, match="newer owner, or lost what was written"):
        await partition.process(await place.records(), 0, 1)
    place.store.apply = apply  # type: ignore[method-assign]
    assert partition.position is None
    assert (await place.taken()).next == (await place.position()).next == 1


async def test_what_is_too_large_is_set_aside_with_its_beginning() -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1), large(2), purchase(3))
    await place.feed(partition)
    assert place.told.letters == [Reason.TOO_LARGE]
    (letter,) = await place.records(DEAD)
    whole = large(2).value or b""
    assert whole.startswith(letter.value or b"-")
    said = dict(letter.headers)
    assert (said["dlq.offset"], said["dlq.length"]) == (b"1", b"%d" % len(whole))
    assert partition.next == 3


async def test_a_log_that_refuses_a_write_stops_the_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Setting the record aside would make what a log leads to depend on a broker's settings."""
    place = Place()
    partition = await place.taken()
    place.append(purchase(1))
    before = await place.records(STATE)
    monkeypatch.setattr(memory, "ENTRY_BYTES_MAX", 100)
    with pytest.raises(Halt, match=r"the log refuses what a batch .*raise max\.message\.bytes"):
        await partition.process(await place.records(), 0, 1)
    assert place.told.doubts == ["Rejected"]
    assert partition.position is None
    assert (await place.records(STATE), await place.records(DEAD)) == (before, [])
    monkeypatch.undo()  # somebody raised it
    await place.feed(partition)
    assert partition.next == 1


async def test_poison_is_set_aside_with_its_bytes() -> None:
    place = Place()
    partition = await place.taken()
    place.append(Entry(b"anna", b"\xff"), Entry(None, purchase(1).value), purchase(2))
    await place.feed(partition)
    assert place.told.letters == [Reason.BAD_SCHEMA, Reason.NO_CUSTOMER]
    assert [r.value for r in await place.records(DEAD)] == [b"\xff", purchase(1).value]

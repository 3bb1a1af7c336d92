"""Take-overs on a memory log and store: who goes on, from where, and what stops a partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import AsyncMock, call

import pytest

from models.customer import unpack
from models.events import Tick, encode
from streams.errors import Doubt, Halt
from streams.ledger import Origin
from streams.log.memory import MemoryLog, MemoryWriter
from streams.log.port import Entry, Record
from streams.log.port import Place as LogPlace
from streams.marks import MARK_HEADER
from streams.protocol import LOG_ENDS, Ended
from streams.store import keys
from streams.store.memory import Snapshot
from streams.store.port import Meta
from streams.topics import LOG, STATE
from tests.rules.driving import activation, book
from tests.streams.place import NOW, Place, purchase


async def test_a_new_changelog_begins_with_its_origin_and_a_position() -> None:
    place = Place()
    partition = await place.taken()
    assert [r.key for r in await place.records(STATE)] == [keys.ORIGIN, keys.POSITION]
    assert (partition.next, partition.now, partition.settled) == (0, None, False)
    assert partition.position == await place.position()


async def test_another_application_does_not_go_on_with_a_changelog() -> None:
    place = Place()
    await place.taken()
    other = place.partition(app="other")
    with pytest.raises(Halt, match=r"belong to the application 'test'.*TIERSTREAM_APP=test"):
        await other.take_over()
    assert [r.key for r in await place.records(STATE)] == [keys.ORIGIN, keys.POSITION]


@pytest.mark.parametrize("app", ["", "test", "test.eu-1"])
def test_an_origin_is_read_as_it_was_written(app: str) -> None:
    """Names of applications may have dots; the first changelogs do not name any."""
    origin = Origin("drawn", "log", app)
    assert Origin.read(str(origin)) == origin
    assert origin.foreign(app or "test") is None
    assert Origin.read("drawn.log") == Origin("drawn", "log", "")


async def test_a_successor_goes_on_where_the_predecessor_stood() -> None:
    place = Place()
    first = await place.taken()
    place.append(purchase(1), purchase(2))
    await place.feed(first)
    second = await place.taken()
    assert second.position == await place.position() == first.position
    assert place.told.restored[-1] == (0, False)  # the store has it all
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


async def test_a_log_that_was_made_anew_stops_the_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    await place.taken()
    monkeypatch.setattr(place.log, "identity", AsyncMock(return_value="another"))
    with pytest.raises(Halt, match=r"was made anew: this changelog was begun with another topic"):
        await place.taken()


@pytest.mark.parametrize("offset", [0, 4])
async def test_what_stands_open_where_a_changelog_begins_is_ended_before_it_is_begun(
    offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further on is what somebody else may be about: it is for who sees the end."""
    place, ended = Place(), AsyncMock()
    opened = [Record(offset, NOW, keys.ORIGIN, b"drawn.log")]
    monkeypatch.setattr(place.log, "standing_open", AsyncMock(return_value=opened))
    monkeypatch.setattr(MemoryWriter, "end_open", ended)
    with pytest.raises(Ended):
        await place.partition().take_over()
    assert ended.await_args_list == ([] if offset else [call(committed=False)])
    assert await place.records(STATE) == []


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


async def test_a_store_with_something_else_in_the_place_of_a_mark_is_wiped() -> None:
    """Also where something else comes between: what was seen of it is not forgotten."""
    place = Place()
    partition = await place.taken()
    place.append(purchase(1)._replace(headers=((MARK_HEADER, b"shop#id/0:7"),)))
    await place.feed(partition)
    whole = place.store.snapshot(0)
    fields = dict(whole.fields)
    fields[b"strange"] = fields.pop(keys.source_field(b"shop#id/0"))
    place.store.restore(0, replace(whole, fields=fields))
    successor = place.partition()
    with pytest.raises(Doubt, match="lost a source mark"):
        await successor.take_over()
    place.member.says = False
    with pytest.raises(Doubt, match="does not confirm"):
        await successor.take_over()
    place.member.says = True
    await successor.take_over()
    assert successor.marks == {b"shop#id/0": 7}
    assert place.store.snapshot(0).fields == whole.fields


async def test_what_others_have_open_in_the_log_is_ended_so_often_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every other doubt begins the count anew, and so does a success."""
    place = Place()
    await place.taken()

    async def is_open(places: Sequence[LogPlace]) -> bool:
        return LogPlace(LOG, 0) in places

    monkeypatch.setattr(place.log, "is_open", is_open)
    partition = place.partition()
    for _ in range(2):
        place.member.says = False
        with pytest.raises(Doubt, match="does not confirm"):
            await partition.take_over()
        place.member.says = True
        for _ in range(LOG_ENDS):
            with pytest.raises(Ended):
                await partition.take_over()
        await partition.take_over()
        assert partition.next == 0


async def test_who_cannot_go_on_closes_the_writer_that_it_began_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, closed = Place(), AsyncMock()
    await place.taken()
    monkeypatch.setattr(MemoryWriter, "close", closed)
    with pytest.raises(Halt):
        await place.partition(partitions=2).take_over()
    assert closed.await_count == 1


async def test_a_store_that_lost_everything_is_restored() -> None:
    place = Place()
    partition = await place.taken()
    begun = Entry(None, encode(activation(0, book()))), Entry(None, encode(Tick(t=NOW)))
    place.append(*begun, purchase(1))
    await place.feed(partition)
    whole = place.store.snapshot(0)
    assert list(whole.dues) == [b"anna"]
    place.store.lose(0)
    await place.taken()
    again = place.store.snapshot(0)
    assert (again.fields, again.dues) == (whole.fields, whole.dues)


@pytest.mark.parametrize("late_s", [0, 1])
async def test_a_store_that_may_have_missed_what_was_deleted_is_wiped(late_s: int) -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1))
    await place.feed(partition)
    place.clock.advance(7 * 86_400 // 2 + late_s)
    await place.taken()
    assert place.told.restored[-1] == ((4, True) if late_s else (0, False))


async def test_a_store_that_goes_back_to_before_it_was_wiped_is_not_believed() -> None:
    """It reflects as much of a former log as there is of this one, and names who claimed it."""
    place = Place()
    place.append(purchase(1))
    await place.feed(await place.taken())
    place.log, claim = MemoryLog(lambda: NOW), place.store.claim  # somebody made all topics anew
    claimed: list[Snapshot] = []

    async def claiming(partition: int, owner: str) -> Meta:
        before = await claim(partition, owner)
        claimed.append(place.store.snapshot(partition))
        return before

    place.store.claim = claiming  # type: ignore[method-assign]
    partition = await place.taken()
    place.append(purchase(2, b"bert"))
    await place.feed(partition)
    assert claimed[0].meta.applied == place.store.snapshot(0).meta.applied
    place.store.restore(0, claimed[0])
    place.append(purchase(3, b"bert"))
    await place.feed(partition)
    fields = place.store.snapshot(0).fields
    assert keys.customer_field(b"anna") not in fields
    assert unpack(fields[keys.customer_field(b"bert")]).facts.orders == [2]

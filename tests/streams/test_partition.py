"""The partition protocol on a memory log and store: what the simulation's world does not do."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import AsyncMock, call

import pytest

from models.errors import BadRulebook, Reason
from models.events import CustomersMerged, Tick, encode
from rules import eras
from rules.book import Book
from streams import batch
from streams.errors import Doubt, Halt, Unavailable
from streams.log import memory
from streams.log.memory import MemoryWriter
from streams.log.port import Append, Entry
from streams.log.port import Place as LogPlace
from streams.protocol import LOG_ENDS, Pace
from streams.store.memory import MemoryStore
from streams.store.port import Step, View
from streams.topics import LOG, STATE, TIER_CHANGED
from tests.rules.driving import activation, book
from tests.streams.place import NOW, Place, large, purchase

DEAD = f"{LOG}.dlq"


async def test_what_is_not_taken_over_processes_nothing() -> None:
    partition = Place().partition()
    with pytest.raises(Doubt, match="not taken over"):
        await partition.process([], 0, 1)
    assert (partition.next, partition.now, partition.settled) == (None, None, False)


async def test_who_has_nothing_to_do_writes_nothing() -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1), Entry(None, encode(Tick(t=NOW))))
    await place.feed(partition)
    while not partition.settled:
        await partition.work_ahead()
    before = await place.records(STATE)
    await partition.work_ahead()
    assert await place.records(STATE) == before


async def test_an_idle_owner_looks_until_readers_see_what_it_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, ended = Place(), AsyncMock()
    monkeypatch.setattr(MemoryWriter, "end_open", ended)
    partition = await place.taken()
    place.append(purchase(1))
    await place.feed(partition)
    asking = AsyncMock(side_effect=[True, True, False])
    monkeypatch.setattr(place.log, "is_open", asking)
    await partition.work_ahead()
    assert ended.await_args_list == [call(committed=True)] * 2
    assert LogPlace(STATE, 0) in asking.await_args_list[0].args[0]
    await partition.work_ahead()
    assert asking.await_count == 3  # it is known that they see everything
    assert place.told.doubts == []


@pytest.mark.parametrize("idle", [False, True])
async def test_readers_have_to_see_what_was_committed_before_more_is_sent(
    monkeypatch: pytest.MonkeyPatch, *, idle: bool
) -> None:
    place = Place()
    partition = await place.taken()
    place.append(purchase(1))
    await place.feed(partition)
    place.append(purchase(2))
    before = await place.records(STATE)
    monkeypatch.setattr(place.log, "is_open", AsyncMock(side_effect=Unavailable("no answer")))
    with pytest.raises(Unavailable, match="no answer"):
        await (partition.work_ahead() if idle else partition.process(await place.records(), 0, 2))
    assert (await place.records(STATE), partition.next) == (before, None)
    assert place.told.doubts == ["Unavailable"]


async def test_what_others_have_open_where_a_record_was_sent_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, ended, asked = Place(), AsyncMock(), list[Sequence[LogPlace]]()
    partition = await place.taken()
    merged = CustomersMerged(
        event_id="m", source="crm", occurred_at=NOW, absorbed="anna", survivor="bert", by="kim"
    )
    place.append(purchase(1), Entry(b"anna", encode(merged)))
    await place.feed(partition)

    async def is_open(places: Sequence[LogPlace]) -> bool:
        asked.append(places)
        assert len(asked) < 10
        return LogPlace(LOG, 0) in places

    monkeypatch.setattr(place.log, "is_open", is_open)
    monkeypatch.setattr(MemoryWriter, "end_open", ended)
    await partition.work_ahead()
    assert ended.await_count == LOG_ENDS
    assert LogPlace(STATE, 0) in asked[-1]  # of what is only ours, it is known


async def test_who_came_before_the_first_tick_is_concluded_with_it() -> None:
    """However often her owner was idle before."""
    place = Place()
    partition = await place.taken()
    place.append(Entry(None, encode(activation(0, book()))), purchase(1))
    await place.feed(partition)
    await partition.work_ahead()
    assert await place.records(TIER_CHANGED) == []
    place.append(Entry(None, encode(Tick(t=NOW))))
    await place.feed(partition)
    while not partition.settled:
        await partition.work_ahead()
    assert [each.key for each in await place.records(TIER_CHANGED)] == [b"anna"]


@pytest.mark.parametrize(("records", "looked_at"), [(1, 15), (100, 20)])
async def test_beside_records_a_share_of_the_timers_is_looked_at(
    records: int, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a trickle of records, more than a share."""
    place, due = Place(), AsyncMock(return_value=[])
    partition = await place.taken()
    place.append(Entry(None, encode(Tick(t=NOW))))
    await place.feed(partition)
    monkeypatch.setattr(place.store, "due", due)
    place.append(*(purchase(number) for number in range(records)))
    await place.feed(partition)
    assert due.await_args_list == [call(0, partition.now, looked_at)]


async def test_a_gap_is_doubt() -> None:
    place = Place()
    partition = await place.taken()
    with pytest.raises(Doubt, match="a gap: fetched from 5, expected 0"):
        await partition.process([], 5, 6)
    assert partition.position is None


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


async def test_what_takes_too_long_is_tried_again_with_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, written = Place(), list[int]()
    place.append(*(purchase(number, b"%d" % number) for number in range(900)))
    transact = MemoryWriter.transact

    async def narrow(
        writer: MemoryWriter, appends: Sequence[Append], *, first: int | None = None
    ) -> tuple[int, ...]:
        written.append(sum(len(append.entries) for append in appends))
        if written[-1] > 300:
            raise Unavailable("too long")
        return await transact(writer, appends, first=first)

    monkeypatch.setattr(MemoryWriter, "transact", narrow)
    partition = await place.taken()
    await place.feed(partition)
    assert partition.next == 900
    assert written[1:3] == [901, 501]
    assert set(place.told.doubts) == {"Unavailable"}
    monkeypatch.undo()
    place.append(*(purchase(number) for number in range(900)))
    await place.feed(partition)
    assert partition._pace.share > 0.25


def test_what_is_fast_enough_is_done_as_much_as_usual_and_no_more() -> None:
    pace = Pace()
    pace.slower()
    shares = [pace.of(1_000)]
    for _ in range(5):
        pace.faster()
        shares.append(pace.of(1_000))
    assert shares == [500, 625, 781, 976, 1_000, 1_000]


async def test_a_store_that_is_rebuilt_too_slowly_is_given_less_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, steps = Place(), list[int]()
    place.append(*(purchase(number, b"%d" % number) for number in range(900)))
    await place.feed(await place.taken())
    place.store.lose(0)
    apply = MemoryStore.apply

    async def narrow(
        store: MemoryStore, partition: int, owner: str, applied: int, step: Step
    ) -> bool:
        steps.append(len(step.fields))
        if steps[-1] > 300:
            raise Unavailable("too long")
        return await apply(store, partition, owner, applied, step)

    monkeypatch.setattr(MemoryStore, "apply", narrow)
    partition = place.partition()
    for _ in range(2):
        with pytest.raises(Unavailable, match="too long"):
            await partition.take_over()
    await partition.take_over()
    assert sum(steps[2:]) >= 900


async def test_a_rulebook_that_only_an_older_version_took_halts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    partition = await place.taken()
    place.append(Entry(None, encode(activation(0, book()))))
    await place.feed(partition)

    def refused(_: str) -> Book:
        raise BadRulebook("line 3: `x` is no fact any more")

    monkeypatch.setattr(eras, "compiled", refused)
    with pytest.raises(Halt, match=r"accepted by another version.*no fact any more.*Go back to"):
        await place.partition().take_over()


async def test_a_log_of_a_newer_version_halts(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    partition = await place.taken()
    place.append(Entry(None, encode(activation(0, book()))))
    await place.feed(partition)
    monkeypatch.setattr(eras, "ENGINE", eras.ENGINE - 1)
    with pytest.raises(Halt, match="use the newer version"):
        await place.partition().take_over()


async def test_where_states_are_large_a_batch_is_cut_and_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one loads about as many states as it can use, and all of it is done in the end."""
    monkeypatch.setattr(batch, "READ_BYTES_MAX", 1_000)
    place, view, sizes = Place(), MemoryStore.view, list[int]()

    async def viewed(self: MemoryStore, partition: int, fields: Sequence[bytes]) -> View:
        sizes.append(len(fields))
        return await view(self, partition, fields)

    customers = [b"c%d" % number for number in range(100)]
    partition = await place.taken()
    place.append(*(purchase(n, customer) for n, customer in enumerate(customers)))
    await place.feed(partition)
    monkeypatch.setattr(MemoryStore, "view", viewed)
    place.append(*(purchase(n + 100, customer) for n, customer in enumerate(customers)))
    await place.feed(partition)
    assert partition.next == len(await place.records()) == 200
    assert sizes[0] == 100
    assert len(sizes) > 5
    assert max(sizes[1:]) < 30
    assert place.told.letters == place.told.doubts == []

"""What every log must do, whatever it is made of. A module that binds the suite gives `bench`."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Protocol

import pytest

from streams.errors import Doubt, Fenced, Rejected, Unavailable
from streams.log.port import BATCH_BYTES_MAX, Append, Bounds, Entry, Log, Place, Record

_names = itertools.count()


class LogBench(Protocol):
    """A log under test, and what the port does not let us do to it."""

    topic: str  # both have two partitions and nobody else uses them
    other_topic: str
    name: str  # a transactional id that nobody else uses

    @property
    def log(self) -> Log: ...

    async def die_within_transaction(self, transactional_id: str, append: Append) -> None:
        """Send entries in a transaction that its writer never ends."""
        ...

    async def trim(self, topic: str, partition: int, start: int) -> None:
        """Delete what lies below `start`."""
        ...


def entries(count: int, size: int = 10, prefix: str = "v") -> list[Entry]:
    number = next(_names)
    return [
        Entry(b"k%d" % index, f"{prefix}{number}-{index}".encode().ljust(size, b"."))
        for index in range(count)
    ]


async def read_all(log: Log, topic: str, partition: int = 0) -> list[Record]:
    start, end = await log.bounds(topic, partition)
    return [record async for chunk, _ in log.read(topic, partition, start, end) for record in chunk]


async def settle(bench: LogBench) -> None:
    """Wait until readers see what the bench's writer committed: a successor starts after that.

    A commit is confirmed before its markers are in the partitions, so readers may lag behind it.
    """
    await bench.log.fence(bench.name)


def values(what: Sequence[Entry | Record]) -> list[bytes | None]:
    return [each.value for each in what]


class LogContract:
    """The suite."""

    async def test_an_untouched_partition_is_empty(self, bench: LogBench) -> None:
        assert await bench.log.bounds(bench.topic, 1) == Bounds(0, 0)
        assert await read_all(bench.log, bench.topic, 1) == []

    async def test_a_topic_keeps_its_identity(self, bench: LogBench) -> None:
        identity = await bench.log.identity(bench.topic)
        assert identity
        assert "." not in identity
        assert await bench.log.identity(bench.topic) == identity

    async def test_records_come_back_as_they_went_in(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        sent = [
            Entry(b"key", b"value", (("one", b"1"), ("two", b""))),
            Entry(None, b"\x00\xff"),
            Entry(b"key", None),
        ]
        assert await writer.transact([Append(bench.topic, 0, sent)]) == (2,)
        await settle(bench)
        read = await read_all(bench.log, bench.topic)
        assert [Entry(r.key, r.value, r.headers) for r in read] == sent
        assert [r.offset for r in read] == [0, 1, 2]

    async def test_append_times_are_whole_seconds_and_do_not_run_backwards(
        self, bench: LogBench
    ) -> None:
        writer = await bench.log.fence(bench.name)
        for _ in range(3):
            await writer.transact([Append(bench.topic, 0, entries(2))])
        await settle(bench)
        times = [record.timestamp for record in await read_all(bench.log, bench.topic)]
        assert times == sorted(times)
        assert 1_500_000_000 < times[0] < 10_000_000_000  # seconds: neither ms nor a counter

    async def test_offsets_skip_the_markers_of_transactions(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        first, second = entries(3), entries(2)
        assert await writer.transact([Append(bench.topic, 0, first)]) == (2,)
        assert await writer.transact([Append(bench.topic, 0, second)]) == (5,)
        await settle(bench)
        assert await bench.log.bounds(bench.topic, 0) == Bounds(0, 7)
        read = await read_all(bench.log, bench.topic)
        assert values(read) == values([*first, *second])
        assert [record.offset for record in read] == [0, 1, 2, 4, 5]

    async def test_a_transaction_that_would_begin_elsewhere_is_not_made(
        self, bench: LogBench
    ) -> None:
        writer = await bench.log.fence(bench.name)
        sent = entries(3)
        await writer.transact([Append(bench.topic, 0, sent)], first=0)
        await writer.transact([Append(bench.topic, 0, entries(1))], first=4)
        with pytest.raises(Unavailable, match="begun at 6, not at 4"):
            await writer.transact([Append(bench.topic, 0, entries(1))], first=4)
        with pytest.raises(Unavailable, match="spent"):
            await writer.transact([Append(bench.topic, 0, entries(1))], first=6)
        await settle(bench)
        assert len(await read_all(bench.log, bench.topic)) == len(sent) + 1

    async def test_what_stands_open_is_told_until_it_is_ended(self, bench: LogBench) -> None:
        places = [Place(bench.other_topic, 0), Place(bench.topic, 0)]
        writer = await bench.log.fence(bench.name, places)
        await writer.transact([Append(bench.topic, 0, entries(1))])
        await settle(bench)
        assert not await bench.log.is_open(places)
        await bench.die_within_transaction(bench.name, Append(bench.topic, 0, entries(2)))
        assert await bench.log.is_open(places)
        successor = await bench.log.fence(bench.name, places)
        assert not await bench.log.is_open(places)
        await successor.end_open(committed=True)  # although nothing is
        await successor.transact([Append(bench.other_topic, 0, entries(1))])
        await settle(bench)
        assert len(await read_all(bench.log, bench.topic)) == 1

    async def test_one_transaction_covers_topics_and_partitions(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        states, outputs, others = entries(4), entries(3), entries(1)
        offsets = await writer.transact(
            [
                Append(bench.topic, 0, states),
                Append(bench.other_topic, 0, outputs),
                Append(bench.other_topic, 1, others),
            ]
        )
        assert offsets == (3, 2, 0)
        await settle(bench)
        assert values(await read_all(bench.log, bench.topic)) == values(states)
        assert values(await read_all(bench.log, bench.other_topic)) == values(outputs)
        assert values(await read_all(bench.log, bench.other_topic, 1)) == values(others)

    async def test_appends_without_entries_are_left_out(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        empty = Append(bench.other_topic, 0, [])
        assert await writer.transact([empty, Append(bench.topic, 0, entries(2))]) == (1,)
        assert await writer.transact([empty]) == ()
        assert await writer.transact([Append(bench.topic, 0, entries(1))]) == (3,)
        assert await bench.log.bounds(bench.other_topic, 0) == Bounds(0, 0)

    async def test_offsets_are_right_where_an_append_is_split(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        await writer.transact([Append(bench.topic, 0, entries(1))])
        large = entries(70, size=BATCH_BYTES_MAX // 20)
        offsets = await writer.transact(
            [Append(bench.topic, 0, large), Append(bench.other_topic, 0, entries(5))]
        )
        assert offsets == (71, 4)
        await settle(bench)
        read = await read_all(bench.log, bench.topic)
        assert values(read)[1:] == values(large)
        assert read[-1].offset == 71

    async def test_a_read_yields_chunks_and_the_position_after_each(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        sent = entries(25)
        for first in range(0, 25, 5):
            await writer.transact([Append(bench.topic, 0, sent[first : first + 5])])
        await settle(bench)
        found: list[Record] = []
        position = 0
        async for chunk, after in bench.log.read(bench.topic, 0, 0, 30, chunk_max=7):
            assert len(chunk) <= 7
            assert after > position
            assert all(position <= record.offset < after for record in chunk)
            found += chunk
            position = after
        assert position == 30
        assert values(found) == values(sent)

    @pytest.mark.parametrize(
        ("start", "end", "offsets"),
        [(1, 6, [1, 2, 4, 5]), (2, 5, [2, 4]), (3, 4, []), (0, 3, [0, 1, 2]), (4, 4, [])],
    )
    async def test_a_read_keeps_to_its_range(
        self, bench: LogBench, start: int, end: int, offsets: list[int]
    ) -> None:
        writer = await bench.log.fence(bench.name)
        for _ in range(2):
            await writer.transact([Append(bench.topic, 0, entries(3))])
        await settle(bench)
        position = start
        found = []
        async for chunk, after in bench.log.read(bench.topic, 0, start, end):
            found += [record.offset for record in chunk]
            position = after
        assert found == offsets
        assert position == end

    async def test_what_was_trimmed_is_out_of_bounds(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        await writer.transact([Append(bench.topic, 0, entries(10))])
        await settle(bench)
        await bench.trim(bench.topic, 0, 4)
        assert await bench.log.bounds(bench.topic, 0) == Bounds(4, 11)
        assert [r.offset for r in await read_all(bench.log, bench.topic)] == list(range(4, 10))
        with pytest.raises(Unavailable):
            [each async for each in bench.log.read(bench.topic, 0, 2, 11)]

    async def test_a_newer_writer_fences_the_older(self, bench: LogBench) -> None:
        older = await bench.log.fence(bench.name)
        await older.transact([Append(bench.topic, 0, entries(1))])
        newer = await bench.log.fence(bench.name)
        for _ in range(2):
            with pytest.raises(Fenced):
                await older.transact([Append(bench.topic, 0, entries(1))])
        await newer.transact([Append(bench.topic, 0, entries(1))])
        await older.close()
        await newer.transact([Append(bench.topic, 0, entries(1))])
        await settle(bench)
        assert [r.offset for r in await read_all(bench.log, bench.topic)] == [0, 2, 4]

    async def test_other_writers_are_left_alone(self, bench: LogBench) -> None:
        mine = await bench.log.fence(bench.name)
        await bench.log.fence(bench.name + "-other")
        assert await mine.transact([Append(bench.topic, 0, entries(1))]) == (0,)

    async def test_an_open_transaction_is_ended_by_the_next_writer(self, bench: LogBench) -> None:
        first = await bench.log.fence(bench.name)
        await first.transact([Append(bench.topic, 0, entries(2))])
        await settle(bench)
        await bench.die_within_transaction(bench.name, Append(bench.topic, 0, entries(3)))
        assert await bench.log.bounds(bench.topic, 0) == Bounds(0, 3)  # it holds the end back
        second = await bench.log.fence(bench.name)
        start, end = await bench.log.bounds(bench.topic, 0)
        assert end == 7  # two, a marker, three aborted, a marker
        assert [r.offset for r in await read_all(bench.log, bench.topic)] == [0, 1]
        assert await second.transact([Append(bench.topic, 0, entries(1))]) == (7,)
        await settle(bench)
        assert [r.offset for r in await read_all(bench.log, bench.topic)] == [0, 1, 7]
        chunks = [each async for each in bench.log.read(bench.topic, 0, start, end)]
        assert chunks[-1][1] == end

    async def test_a_rejected_transaction_leaves_nothing_to_see(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        await writer.transact([Append(bench.topic, 0, entries(1))])
        with pytest.raises(Rejected):
            await writer.transact(
                [
                    Append(bench.topic, 0, entries(5)),
                    Append(bench.other_topic, 0, [*entries(2), *entries(1, size=3 << 20)]),
                ]
            )
        with pytest.raises(Doubt):  # spent
            await writer.transact([Append(bench.topic, 0, entries(1))])
        successor = await bench.log.fence(bench.name)
        assert len(await read_all(bench.log, bench.topic)) == 1
        assert await read_all(bench.log, bench.other_topic) == []
        after = entries(2)
        await successor.transact(
            [Append(bench.topic, 0, after), Append(bench.other_topic, 0, after)]
        )
        await settle(bench)
        assert values(await read_all(bench.log, bench.topic))[1:] == values(after)
        assert values(await read_all(bench.log, bench.other_topic)) == values(after)

    async def test_an_entry_may_be_large(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        large = [*entries(1), *entries(2, size=1_000_000), *entries(1)]
        assert await writer.transact([Append(bench.topic, 0, large)]) == (3,)
        await settle(bench)
        assert values(await read_all(bench.log, bench.topic)) == values(large)

    async def test_a_closed_writer_takes_nothing_more(self, bench: LogBench) -> None:
        writer = await bench.log.fence(bench.name)
        await writer.close()
        await writer.close()
        with pytest.raises(Unavailable):
            await writer.transact([Append(bench.topic, 0, entries(1))])
        assert await bench.log.bounds(bench.topic, 0) == Bounds(0, 0)

    async def test_writers_of_several_partitions_do_not_disturb_each_other(
        self, bench: LogBench
    ) -> None:
        async def work(partition: int) -> None:
            writer = await bench.log.fence(f"{bench.name}-{partition}")
            for _ in range(10):
                await writer.transact([Append(bench.topic, partition, entries(3))])
            await bench.log.fence(f"{bench.name}-{partition}")

        await asyncio.gather(work(0), work(1))
        for partition in (0, 1):
            assert await bench.log.bounds(bench.topic, partition) == Bounds(0, 40)
            assert len(await read_all(bench.log, bench.topic, partition)) == 30

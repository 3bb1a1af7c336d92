"""The in-memory log keeps the contract, and can be followed and broken in its own ways."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Rejected
from streams.log.memory import ENTRY_BYTES_MAX, MemoryLog
from streams.log.port import Append, Bounds, Entry
from tests.contracts.log import LogContract, entries, read_all, values


class MemoryBench:
    """A log whose clock advances with every reading."""

    topic = "states"
    other_topic = "outputs"
    name = "writer"

    def __init__(self) -> None:
        self.log = MemoryLog(now=itertools.count(1_600_000_000).__next__)

    async def die_within_transaction(self, transactional_id: str, append: Append) -> None:
        (await self.log.fence(transactional_id)).stage([append])

    async def trim(self, topic: str, partition: int, start: int) -> None:
        self.log.trim(topic, partition, start)


@pytest.fixture
def bench() -> MemoryBench:
    return MemoryBench()


@pytest.fixture
def log(bench: MemoryBench) -> MemoryLog:
    return bench.log


class TestMemoryLog(LogContract):
    """The shared suite, in memory."""


async def test_appends_without_transaction_take_no_marker(log: MemoryLog) -> None:
    assert log.append(Append("sources", 0, entries(3))) == 2
    assert log.append(Append("sources", 0, entries(1))) == 3
    assert await log.bounds("sources", 0) == Bounds(0, 4)


async def test_an_oversized_entry_is_rejected_whole(log: MemoryLog) -> None:
    with pytest.raises(Rejected, match="sources"):
        log.append(Append("sources", 0, [*entries(1), *entries(1, size=ENTRY_BYTES_MAX + 1)]))
    assert await log.bounds("sources", 0) == Bounds(0, 0)


async def test_a_follower_is_woken_by_what_it_can_read(log: MemoryLog) -> None:
    writer = await log.fence("id")
    follower = asyncio.create_task(log.wait("states", 0, after=0))
    writer.stage([Append("states", 0, entries(2))])
    await asyncio.sleep(0)
    assert not follower.done()
    writer.commit()
    assert await follower == 3
    assert await log.wait("states", 0, after=2) == 3


async def test_a_staged_transaction_lets_later_ones_wait(log: MemoryLog) -> None:
    slow, quick = await log.fence("slow"), await log.fence("quick")
    slow_entries, quick_entries = entries(2), entries(2)
    slow.stage([Append("states", 0, slow_entries)])
    await quick.transact([Append("states", 0, quick_entries)])
    assert await read_all(log, "states") == []
    slow.commit()
    assert values(await read_all(log, "states")) == values([*slow_entries, *quick_entries])


async def test_compaction_keeps_the_newest_of_each_key(log: MemoryLog) -> None:
    log.append(Append("states", 0, [Entry(b"a", b"1"), Entry(b"b", b"2"), Entry(b"a", b"3")]))
    log.compact("states", 0)
    assert [(r.offset, r.value) for r in await read_all(log, "states")] == [(1, b"2"), (2, b"3")]
    assert await log.bounds("states", 0) == Bounds(0, 3)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 4), st.booleans()), max_size=20),
    st.integers(1, 5),
)
def test_readers_see_exactly_what_was_committed(
    plan: list[tuple[str, int, bool]], chunk_max: int
) -> None:
    async def run() -> None:
        log = MemoryLog(now=lambda: 0)
        expected: list[bytes | None] = []
        for writer_id, count, commit in plan:
            writer = await log.fence(writer_id)
            batch = entries(count)
            offsets = writer.stage([Append("states", 0, batch)])
            if commit:
                writer.commit()
                expected += values(batch)
            else:
                await log.fence(writer_id)
            assert (await log.bounds("states", 0)).end == offsets[0] + 2
        start, end = await log.bounds("states", 0)
        position = start
        found = []
        async for chunk, after in log.read("states", 0, start, end, chunk_max):
            assert len(chunk) <= chunk_max
            assert position < after
            position = after
            found += values(chunk)
        assert (found, position) == (expected, end)

    asyncio.run(run())

"""The inbox: small batches wait for each other, and a large one waits for nothing."""

from __future__ import annotations

import asyncio

from streams.inbox import Inbox
from tests.streams.test_agents import Batch

LONG_S = 60.0


async def test_a_small_batch_waits_for_others_until_they_are_enough() -> None:
    inbox = Inbox(2, LONG_S)
    for offset in (0, 2):
        first, second = Batch(offset, 1), Batch(offset + 1, 1)
        await inbox.put(first)
        gathering = asyncio.create_task(inbox.gather(LONG_S))
        await asyncio.sleep(0.01)
        assert not gathering.done()
        await inbox.put(second)
        assert await asyncio.wait_for(gathering, 1) == [first, second]


async def test_a_batch_above_the_bound_is_handed_out_alone() -> None:
    inbox, batches = Inbox(2, LONG_S), [Batch(0, 1), Batch(1, 3), Batch(4, 1)]
    putting = [asyncio.create_task(inbox.put(batch)) for batch in batches]
    gathered = [await asyncio.wait_for(inbox.gather(LONG_S), 1) for _ in batches[:2]]
    assert gathered == [batches[:1], batches[1:2]]
    inbox.close()
    await asyncio.gather(*putting)
    assert [batch.outcome for batch in batches] == [None, None, "dropped"]

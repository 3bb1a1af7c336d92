"""Owners in doubt: how long they wait, and what it means where a changelog has gone back."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock

import pytest

from streams.errors import Doubt, StreamError
from streams.metrics import Metrics
from streams.owner import BACK_OFF_S, Owner
from tests.streams.test_agents import LIMITS, LOG, Batch, FakePartition


class Last(Batch):
    """A batch after which its owner leaves."""

    async def given_to(self, partition: FakePartition) -> None:
        self.owner = Owner((LOG, 0), partition, AsyncMock(), LIMITS, Metrics())
        await self.owner.inbox.put(self)
        await self.owner.run()

    def done(self, note: str = "") -> None:
        super().done(note)
        self.owner.leave()


async def test_who_is_in_doubt_again_and_again_waits_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition, sleep = FakePartition(0), AsyncMock()
    partition.script["take_over"] = [Doubt("no answer") for _ in BACK_OFF_S]
    partition.script["process"] = [Doubt("no answer")]
    monkeypatch.setattr(asyncio, "sleep", sleep)
    batch = Last(0, 1)
    await batch.given_to(partition)
    waited = [call.args[0] for call in sleep.await_args_list]
    assert waited == [*BACK_OFF_S, BACK_OFF_S[-1], BACK_OFF_S[-1]]
    assert batch.outcome == "done"


async def test_a_changelog_that_has_gone_back_ends_the_worker_to_be_read_from_there() -> None:
    """What lies between was fetched before, and nobody would fetch it again."""
    partition = FakePartition(0)
    partition.next = 30
    batch = Last(40, 1)
    with pytest.raises(StreamError, match=r"fetched from 40, but its changelog has gone .* to 30"):
        await batch.given_to(partition)
    assert (batch.outcome, partition.processed) == ("dropped", [])

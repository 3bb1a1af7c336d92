"""Partitions share the consumers that they ask for offsets: one's failure is not the others'."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import Unavailable
from streams.log import kafka
from streams.log.kafka import KafkaLog
from streams.log.port import Bounds, Place

FAILING, WAITING = 0, 1


class Consumer:
    """Fails for one partition, waits for another's answer; once stopped it answers nobody."""

    made: ClassVar[list[Consumer]]

    def __init__(self, **_: object) -> None:
        self.answered = asyncio.Event()
        self.is_stopped = False
        self.made.append(self)

    async def start(self) -> None:
        """Connect to nothing."""

    async def stop(self) -> None:
        self.is_stopped = True

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        number = places[0].partition
        if number == FAILING and len(self.made) <= 2:
            message = "gone"
            raise KafkaError(message)
        if number == WAITING:
            await self.answered.wait()
            if self.is_stopped:
                await asyncio.Event().wait()
        return dict.fromkeys(places, 7)

    beginning_offsets = end_offsets


@pytest.fixture(autouse=True)
def _consumers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Consumer, "made", [], raising=False)
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Consumer)


async def test_a_question_that_fails_leaves_the_others_their_consumer() -> None:
    log = KafkaLog("nowhere:9092")
    waiting = asyncio.create_task(log.is_open([Place("log", WAITING)]))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await log.is_open([Place("log", FAILING)])
    assert await log.bounds("log", FAILING) == Bounds(7, 7), "asked of another consumer"
    shared, anew = Consumer.made[:2], Consumer.made[2:]
    for consumer in shared:
        consumer.answered.set()
    assert await asyncio.wait_for(waiting, 5) is False
    await asyncio.sleep(0)
    assert [each.is_stopped for each in (*shared, *anew)] == [True, True, False]
    await log.close()
    assert all(each.is_stopped for each in anew)

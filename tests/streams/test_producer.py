"""Deliveries wait in lines: they travel together, fail together, and do not time out each other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from unittest.mock import AsyncMock, patch

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from streams.errors import Rejected, StreamError, Unavailable
from streams.log import producer as module
from streams.log.port import Append, Entry
from streams.log.producer import KafkaProducer

_SOON_S = 5.0
LOG, LETTERS = "log", "letters"


@dataclass
class Sent:
    """A batch on its way to the broker."""

    topic: str
    values: list[str]
    confirmed: asyncio.Future[None]


@dataclass
class Wire:
    """What a producer sends, in order, until a test says what became of it."""

    batches: list[Sent] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)  # topics whose partitions nobody tells
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[None]:
        assert partition == 0
        if topic in self.unknown:
            await asyncio.get_running_loop().create_future()  # as aiokafka's, when it is closed
        batch._set_producer_state(1, 0, 0)
        values = [record.value.decode() for record in DefaultRecordBatch(batch._build())]
        sent = Sent(topic, values, asyncio.get_running_loop().create_future())
        async with self.grown:
            self.batches.append(sent)
            self.grown.notify_all()
        return sent.confirmed

    async def sent(self, number: int) -> Sent:
        async with asyncio.timeout(_SOON_S), self.grown:
            await self.grown.wait_for(lambda: len(self.batches) > number)
        return self.batches[number]

    async def confirm(self, number: int) -> None:
        (await self.sent(number)).confirmed.set_result(None)


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def producer(wire: Wire) -> AsyncIterator[KafkaProducer]:
    with (
        patch.object(AIOKafkaProducer, "start", AsyncMock()),
        patch.object(AIOKafkaProducer, "send_batch", side_effect=wire.send_batch),
    ):
        made = KafkaProducer("127.0.0.1:1")
        yield made
        await made.close()


def append(*values: str, topic: str = LOG) -> Append:
    return Append(topic, 0, [Entry(None, value.encode()) for value in values])


def delivery(producer: KafkaProducer, *appends: Append) -> asyncio.Task[None]:
    return asyncio.create_task(producer.deliver(appends))


async def ended(deliveries: Sequence[asyncio.Task[None]]) -> list[BaseException | None]:
    async with asyncio.timeout(_SOON_S):
        return await asyncio.gather(*deliveries, return_exceptions=True)


async def test_what_waits_together_travels_together_in_order(
    wire: Wire, producer: KafkaProducer
) -> None:
    deliveries = [delivery(producer, append("1"))]
    await wire.sent(0)
    deliveries += [delivery(producer, append("2", "3")), delivery(producer, append("4"))]
    await asyncio.sleep(0.01)
    assert [sent.values for sent in wire.batches] == [["1"]]
    await wire.confirm(0)
    await wire.confirm(1)
    assert await ended(deliveries) == [None, None, None]
    assert [sent.values for sent in wire.batches] == [["1"], ["2", "3", "4"]]


async def test_a_delivery_larger_than_a_batch_does_not_hold_up_its_neighbours_line(
    wire: Wire, producer: KafkaProducer
) -> None:
    large = ["a" * 40_000, "b" * 40_000, "c" * 100_000]
    deliveries = [delivery(producer, append(*large), append("letter", topic=LETTERS))]
    await wire.sent(1)
    deliveries.append(delivery(producer, append("behind")))
    for number in range(5):
        await wire.confirm(number)
    assert await ended(deliveries) == [None, None]
    lines = [[sent.values for sent in wire.batches if sent.topic == at] for at in (LOG, LETTERS)]
    assert lines == [[*([each] for each in large), ["behind"]], [["letter"]]]


async def test_a_delivery_is_done_when_all_of_it_is_confirmed(
    wire: Wire, producer: KafkaProducer
) -> None:
    both = delivery(producer, append("1"), append("letter", topic=LETTERS))
    await wire.confirm(0)
    await wire.sent(1)
    await asyncio.sleep(0.01)
    assert not both.done()
    await wire.confirm(1)
    assert await ended([both]) == [None]


async def test_what_is_cancelled_is_taken_back_and_others_go_on(
    wire: Wire, producer: KafkaProducer
) -> None:
    first = delivery(producer, append("1"))
    await wire.sent(0)
    second, third = (delivery(producer, append(value)) for value in "23")
    await asyncio.sleep(0.01)
    second.cancel()
    first.cancel()
    await asyncio.sleep(0.01)
    await wire.confirm(0)
    await wire.confirm(1)
    assert await ended([third]) == [None]
    assert [sent.values for sent in wire.batches] == [["1"], ["3"]]


async def test_a_failure_is_told_at_once_to_everybody_who_waits(
    wire: Wire, producer: KafkaProducer
) -> None:
    wire.unknown = {LETTERS}
    deliveries = [
        delivery(producer, append("under way")),
        delivery(producer, append("waits")),
        delivery(producer, append("its topic is not known yet", topic=LETTERS)),
        delivery(producer, append("half"), append("of it", topic=LETTERS)),
    ]
    await asyncio.sleep(0.01)
    (await wire.sent(0)).confirmed.set_exception(KafkaError("gone"))
    assert [type(error) for error in await ended(deliveries)] == [Unavailable] * 4
    wire.unknown.clear()
    again = delivery(producer, append("again"))
    await wire.confirm(1)
    assert await ended([again]) == [None]
    assert [sent.values for sent in wire.batches][1:] == [["again"]]


async def test_what_aiokafka_cancels_is_in_doubt_too(wire: Wire, producer: KafkaProducer) -> None:
    deliveries = [delivery(producer, append(value)) for value in "12"]
    (await wire.sent(0)).confirmed.cancel()
    assert [type(error) for error in await ended(deliveries)] == [Unavailable] * 2


async def test_only_the_delivery_of_a_refused_record_is_refused(
    wire: Wire, producer: KafkaProducer
) -> None:
    deliveries = [
        delivery(producer, append("x" * 100_000), append("letter", topic=LETTERS)),
        delivery(producer, append("waits")),
        delivery(producer, append("other", topic="other")),
    ]
    await wire.sent(2)
    large = next(sent for sent in wire.batches if sent.topic == LOG)
    large.confirmed.set_exception(MessageSizeTooLargeError())
    errors = await ended(deliveries)
    assert [type(error) for error in errors] == [Rejected, Unavailable, Unavailable]


async def test_under_a_slow_link_deliveries_wait_longer_than_a_batch_may_take(
    wire: Wire, producer: KafkaProducer
) -> None:
    with patch.object(module, "_BATCH_S_MAX", 1.0):
        deliveries = [delivery(producer, append(f"{number}" * 60_000)) for number in range(6)]
        for number in range(6):
            await wire.sent(number)
            await asyncio.sleep(0.25)
            await wire.confirm(number)
        assert await ended(deliveries) == [None] * 6

        stuck = delivery(producer, append("never confirmed"))
        (error,) = await ended([stuck])
        assert isinstance(error, Unavailable)


async def test_closing_fails_what_waits(wire: Wire, producer: KafkaProducer) -> None:
    waiting = delivery(producer, append("1"))
    await wire.sent(0)
    await producer.close()
    (error,) = await ended([waiting])
    assert isinstance(error, StreamError)

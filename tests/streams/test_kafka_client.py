"""Connections are closed whatever state aiokafka's clients are in."""

import asyncio
from unittest.mock import AsyncMock, patch

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import Unavailable
from streams.log.kafka_client import Connections
from streams.log.port import Append, Entry
from streams.log.producer import KafkaProducer


@pytest.mark.parametrize("failure", [KafkaError("gone"), TimeoutError(), KeyError("a batch")])
async def test_a_producer_that_cannot_stop_is_cut_off(failure: Exception) -> None:
    connections = Connections()
    producer = connections.add(AIOKafkaProducer(bootstrap_servers="127.0.0.1:1"))
    sending = asyncio.create_task(asyncio.sleep(60))
    with (
        patch.object(producer, "stop", AsyncMock(side_effect=failure)),
        patch.object(producer.client, "close", AsyncMock()) as closed,
        patch.object(producer._sender, "_sender_task", sending),
    ):
        connections.drop(producer)
        await connections.close()
    assert closed.await_count == 1
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_what_has_its_turn_when_the_producer_has_ended_is_in_doubt_at_once() -> None:
    client = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    accumulator, place = client._message_accumulator, TopicPartition("log", 0)

    async def send(batch: object, topic: str, *, partition: int) -> object:
        return await accumulator.add_batch(batch, TopicPartition(topic, partition), 10)

    producer, append = KafkaProducer("127.0.0.1:1"), Append("log", 0, [Entry(None, b"value", ())])
    producer._connections.add(client)
    with (
        patch.object(producer, "_started", AsyncMock(return_value=client)),
        patch.object(client, "send_batch", send),
    ):
        first, second = (asyncio.create_task(producer.deliver([append])) for _ in range(2))
        await asyncio.sleep(0.01)
        accumulator._pop_batch(place)  # the sender takes the first, so that the second has its turn
        accumulator.fail_all(KafkaError("gone"))  # and ends
        for delivery in (first, second):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(delivery, 5)
    await producer.close()

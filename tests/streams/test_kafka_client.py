"""Connections are closed whatever state aiokafka's clients are in."""

import asyncio
from unittest.mock import AsyncMock, patch

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.log.kafka_client import Connections, send


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

    async def send_batch(batch: BatchBuilder, topic: str, *, partition: int) -> object:
        return await accumulator.add_batch(batch, TopicPartition(topic, partition), 10)

    def filled() -> BatchBuilder:
        batch = client.create_batch()
        batch.append(timestamp=None, key=None, value=b"value")
        return batch

    with patch.object(client, "send_batch", send_batch):
        first = await send(client, filled(), *place)
        second = asyncio.create_task(send(client, filled(), *place))
        await asyncio.sleep(0.01)
        accumulator._pop_batch(place)  # the sender takes the first, so that the second has its turn
        accumulator.fail_all(KafkaError("gone"))  # and ends
        for sent in (first, second):
            with pytest.raises(KafkaError):
                await asyncio.wait_for(sent, 5)
    await client.stop()

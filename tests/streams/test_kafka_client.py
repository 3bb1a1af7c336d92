"""Connections are closed whatever state aiokafka's clients are in."""

import asyncio
from unittest.mock import AsyncMock, patch

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.log import kafka_client
from streams.log.kafka_client import Connections, send


@pytest.mark.parametrize("failure", [KafkaError("gone"), TimeoutError(), KeyError("a batch")])
async def test_a_producer_that_cannot_stop_is_cut_off(failure: Exception) -> None:
    connections = Connections()
    producer = connections.add(AIOKafkaProducer(bootstrap_servers="127.0.0.1:1"))
    sending, asking = (asyncio.create_task(asyncio.sleep(60)) for _ in range(2))
    with (
        patch.object(producer, "stop", AsyncMock(side_effect=failure)),
        patch.object(producer._sender, "_sender_task", sending),
        patch.object(producer.client, "_sync_task", asking),
    ):
        connections.drop(producer)
        await connections.close()
    for task in (sending, asking):
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("kind", [AIOKafkaProducer, AIOKafkaConsumer])
async def test_a_connection_that_takes_nothing_more_does_not_keep_what_closes_it(
    kind: type[AIOKafkaProducer | AIOKafkaConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a link is cut: what was written waits, and aiokafka's close for that to be sent."""
    monkeypatch.setattr(kafka_client, "_STOP_S", 0.1)
    deaf = asyncio.Event()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await deaf.wait()
        writer.close()

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as server:
        connection = AIOKafkaConnection("127.0.0.1", server.sockets[0].getsockname()[1])
        with patch.object(connection, "_do_version_lookup", AsyncMock()):
            await connection.connect()
        connection._writer.write(bytes(50_000_000))
        transport = connection._protocol._transport
        client = kind(bootstrap_servers="127.0.0.1:1")
        inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
        inner._conns[1, 0] = connection
        connections = Connections()
        connections.add(client)
        await asyncio.wait_for(connections.close(), 5)
        assert transport.get_write_buffer_size() == 0, "nothing is kept for a link that may return"
        deaf.set()


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

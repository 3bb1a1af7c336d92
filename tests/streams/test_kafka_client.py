"""Connections are closed whatever state aiokafka's clients are in."""

import asyncio
from unittest.mock import AsyncMock, patch

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.log.kafka_client import Connections


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

"""A member's client gives up a broker that is silent soon enough to keep its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.structs import BrokerMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.engine.patience import hurry
from streams.engine.transport import BatchThread
from streams.settings import Settings

SILENT, OTHER = 1, 2
SESSION_S = 0.4
VERSIONS = {FetchRequest.API_KEY: (4, 4), HeartbeatRequest.API_KEY: (0, 0)}
FETCH = FetchRequest(100, 1, 1 << 20, 1, [("log", [(0, 0, 1 << 20)])])
HEARTBEAT = HeartbeatRequest("group", 1, "member")


@pytest.fixture
async def client() -> AsyncIterator[AIOKafkaClient]:
    """Yield the client of a member whose brokers take what is said and never answer."""
    over = asyncio.Event()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = AIOKafkaClient(request_timeout_ms=60_000)
        for broker in (SILENT, OTHER):
            client.cluster._brokers[broker] = BrokerMetadata(broker, "127.0.0.1", port, None)
        hurry(client, SESSION_S)
        yield client
        await client.close()
        over.set()


async def greeted(connection: AIOKafkaConnection) -> None:
    connection._versions = VERSIONS


async def test_a_lost_heartbeat_gives_up_all_connections_to_its_broker(
    client: AIOKafkaClient,
) -> None:
    with patch.object(AIOKafkaConnection, "_do_version_lookup", greeted):
        fetch, other = (asyncio.create_task(client.send(n, FETCH)) for n in (SILENT, OTHER))
        await asyncio.sleep(SESSION_S)
        assert not fetch.done(), "a fetch may last"
        with pytest.raises(RequestTimedOutError):
            async with asyncio.timeout(SESSION_S * 0.75):
                await client.send(SILENT, HEARTBEAT, group=ConnectionGroup.COORDINATION)
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(fetch, 5)
        assert not other.done(), "nothing was heard of that broker"
        other.cancel()


async def test_connecting_takes_no_longer_than_half_a_session(client: AIOKafkaClient) -> None:
    with pytest.raises((NodeNotReadyError, RequestTimedOutError)):
        async with asyncio.timeout(SESSION_S * 0.75):
            await client.send(SILENT, HEARTBEAT)
    with pytest.raises(NodeNotReadyError):
        async with asyncio.timeout(SESSION_S * 0.75):
            await client.send(SILENT, FETCH)


async def test_a_members_client_is_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    client, settings = AIOKafkaClient(), Settings()
    made = SimpleNamespace(_client=client)
    monkeypatch.setattr(AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: made)
    thread = object.__new__(BatchThread)
    thread.app = cast(Any, SimpleNamespace(of=settings))
    assert thread._create_worker_consumer(None) is made
    assert client._request_timeout_ms == settings.group.session_timeout_s / 2 * 1_000

"""How long a member of a group waits for an answer of its brokers.

aiokafka has one time-out for all requests, which has to last for a fetch that brings a lot over a
slow link, and for joining while others leave. A connection that is open at our end only would be
waited for as long, and the session be lost meanwhile. So nothing else waits longer than half a
session, connecting neither; then all connections to that broker are given up for new ones, and the
next heartbeat still comes in time.
"""

# ruff: noqa: SLF001, ANN401  adapting a library means touching what it keeps private, untyped

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import CloseReason
from aiokafka.errors import RequestTimedOutError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

_MAY_LAST = (FetchRequest, JoinGroupRequest, SyncGroupRequest)


def hurry(client: AIOKafkaClient, session_s: float) -> None:
    """Let a client that is not started yet give up what takes longer than half a session."""
    wait_s, lasting_s = session_s / 2, client._request_timeout_ms / 1_000
    connect, send = client._get_conn, client.send

    async def connected(node: Any, **options: Any) -> Any:
        connection = await connect(node, **options)
        if connection is not None:
            connection._request_timeout = lasting_s
        return connection

    async def answered(node: Any, request: Any, **options: Any) -> Any:
        if isinstance(request, _MAY_LAST):
            return await send(node, request, **options)
        try:
            async with asyncio.timeout(wait_s):
                return await send(node, request, **options)
        except TimeoutError as error:
            for (owner, _), connection in tuple(client._conns.items()):
                if owner == node:
                    connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from error

    client._request_timeout_ms = int(wait_s * 1_000)  # of connecting
    client._get_conn, client.send = connected, answered

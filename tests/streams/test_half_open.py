"""A connection that is open at our end only is given up soon, whatever the settings wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from streams.errors import Unavailable
from streams.log import kafka, positions
from streams.log.kafka import KafkaLog
from streams.log.positions import KafkaPositions
from streams.settings import Kafka

ASKED: dict[str, Callable[[KafkaLog, KafkaPositions], Awaitable[object]]] = {
    "fence": lambda log, _: log.fence("writer"),
    "bounds": lambda log, _: log.bounds("log", 0),
    "identity": lambda log, _: log.identity("log"),
    "ends": lambda _, asking: asking.ends(["log"]),
    "committed": lambda _, asking: asking.committed("group"),
}


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Yield the address of a broker that accepts connections and never says a word."""
    over = asyncio.Event()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        over.set()


@pytest.mark.parametrize("question", ASKED)
async def test_a_broker_that_says_nothing_is_given_up_soon(
    question: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (kafka, positions):
        monkeypatch.setattr(module, "ANSWER_MS_MAX", 100)
    client = Kafka(bootstrap=silent, request_timeout_s=60).client_options()
    log, asking = KafkaLog(silent, client=client), KafkaPositions(silent, client=client)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(asyncio.ensure_future(ASKED[question](log, asking)), 5)
    await log.close()
    await asking.close()

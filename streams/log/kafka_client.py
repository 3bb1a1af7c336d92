"""What writers and readers of the log share: connections, sending, what aiokafka's errors mean."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.errors import Fenced, Rejected, StreamError, Unavailable

_STOP_S = 5.0
_Client = TypeVar("_Client", AIOKafkaProducer, AIOKafkaConsumer)

METADATA_AGE_MS_MAX = 10_000
"""How old what a client knows of topics may be. A source that grows a partition, or is made anew,
has to be noticed within the clock's slack of a minute, lest ticks promise what nobody looked at;
aiokafka's own bound is five minutes."""
ANSWER_MS_MAX = 5_000
"""How long to wait for one answer. Then the connection is taken to be open at our end only, and the
question is asked again on another; what a link of 1 Mbit/s takes longer for is made smaller."""
READ_COMMITTED, READ_UNCOMMITTED = "read_committed", "read_uncommitted"  # aiokafka's names
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
FAILED = (KafkaError, OSError, TimeoutError, AssertionError, UnicodeDecodeError)
"""What aiokafka raises. A producer in a state that forbids the call fails an assertion; a name of a
header that is not UTF-8 cannot be read."""
_FENCED = (ProducerFenced, InvalidProducerEpoch)


class Connections:
    """Producers and consumers that are open or closing, so that none is left behind."""

    def __init__(self) -> None:
        self._open: set[AIOKafkaProducer | AIOKafkaConsumer] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, client: _Client) -> _Client:
        """Take note of a client that is about to start, and return it."""
        self._open.add(client)
        return client

    def drop(self, client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
        """Stop a client in the background; nothing happens where that was asked for before."""
        if client in self._open:
            self._open.discard(client)
            task = asyncio.create_task(_stop(client))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Stop every client, and wait for all that are closing: each takes a bounded time."""
        for client in tuple(self._open):
            self.drop(client)
        await asyncio.gather(*self._closing)


async def send(
    producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int
) -> asyncio.Future[Any]:
    """Put a batch under way; whoever waits for the future learns what became of it.

    Raises:
        KafkaError: what the producer has ended with, or that it was given up.
    """
    future: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
    future.add_done_callback(retrieve)
    # The batch had to wait until the one before it was taken, and aiokafka does not look again what
    # became of the producer by then: it may lie in a queue that nobody empties any more.
    if (error := producer._message_accumulator._exception) is not None:  # noqa: SLF001
        raise copy(error)
    return future


def retrieve(sent: asyncio.Future[Any]) -> None:
    """Look at the outcome of a send that nobody may wait for any more, lest asyncio complain."""
    if not sent.cancelled():
        sent.exception()


def meaning(doing: str, error: BaseException) -> StreamError:
    """Return what an error of aiokafka means to the protocol."""
    if isinstance(error, _FENCED):
        return Fenced(f"{doing} was refused: a newer writer with this id exists.")
    if isinstance(error, TOO_LARGE):
        return Rejected(
            f"{doing} was refused: a record is larger than the topic's max.message.bytes."
        )
    if isinstance(error, TimeoutError):
        return Unavailable(
            f"{doing} took too long. Is Kafka running, and does the topic exist? "
            "`tierstream doctor` looks at both."
        )
    if isinstance(error, KafkaConnectionError):
        return Unavailable(
            f"{doing} failed: no broker can be reached ({error}). Is Kafka running? "
            "TIERSTREAM_KAFKA_BOOTSTRAP says where it is expected."
        )
    return Unavailable(f"{doing} failed: {error!r}")


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop in good order; where that takes too long, end what goes on and cut the connections."""
    try:
        async with asyncio.timeout(_STOP_S):
            await client.stop()
    except (*FAILED, KeyError):  # KeyError: the sender misses a batch that was given up under it
        # There is no public way, and a task left behind would go on sending.
        if isinstance(client, AIOKafkaProducer):
            if (sender := client._sender.sender_task) is not None:  # noqa: SLF001
                sender.cancel()
            _cut(client.client)
        else:
            _cut(client._client)  # noqa: SLF001


def _cut(client: AIOKafkaClient) -> None:
    """End a client at once; closed in order, a connection waits until what it has is sent."""
    if client._sync_task is not None:  # noqa: SLF001
        client._sync_task.cancel()  # noqa: SLF001
    for connection in client._conns.values():  # noqa: SLF001
        connection.close()
        if (transport := connection._protocol._transport) is not None:  # noqa: SLF001
            transport.abort()

"""Where topics end, and how far a consumer group has come: what the clock and the player ask.

Every method may raise `Unavailable`: nothing was learnt, ask again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest

from streams.errors import Halt
from streams.log.kafka_client import (
    ANSWER_MS_MAX,
    FAILED,
    METADATA_AGE_MS_MAX,
    READ_COMMITTED,
    READ_UNCOMMITTED,
    meaning,
)
from streams.log.topic_ids import TOO_OLD, topic_id

_ANSWER_S_MAX = 15.0
_CLOSE_S_MAX = 5.0
_COORDINATOR_WAIT_S = 0.2
_NO_COORDINATOR_YET = (
    GroupCoordinatorNotAvailableError,  # the first question of a new cluster makes its topic
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)
_FETCH = 1
_RELEASES = ((13, "3.1"), (15, "3.5"), (16, "3.7"), (17, "3.9"))

_T = TypeVar("_T")

SourcePartition = tuple[str, int]  # topic, partition


class Position(NamedTuple):
    """How far a group has come: the next offset to process, and the note committed with it."""

    offset: int
    note: str


class Positions(Protocol):
    """Ends of topics and positions of consumer groups."""

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """Return every partition's end: one past the last record, readable yet or not.

        Behind a transaction under way, others' records are confirmed and wait; who asks whether all
        that came was taken in must not overlook them.

        Raises:
            Unavailable: also where one of the topics does not exist.
        """
        ...

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        """Return the positions that the group has committed; leave out partitions without one."""
        ...

    async def identity(self, topic: str) -> str:
        """Return what tells a topic from a later one of the same name."""
        ...

    async def close(self) -> None:
        """Give the connections back; never raises, never waits longer than a bounded time."""
        ...


class KafkaPositions:
    """Asks the brokers. Connections are opened at the first question, and anew after a failure."""

    def __init__(self, bootstrap: str, *, client: Mapping[str, Any] | None = None) -> None:
        self._options = {
            **(client or {}),
            "bootstrap_servers": bootstrap,
            "metadata_max_age_ms": METADATA_AGE_MS_MAX,
            "request_timeout_ms": ANSWER_MS_MAX,
        }
        self._admin: AIOKafkaAdminClient | None = None
        self._consumers: dict[str, AIOKafkaConsumer] = {}  # by what they may read
        self._lock = asyncio.Lock()

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """See `Positions.ends`."""
        return await self._ends(topics, READ_UNCOMMITTED)

    async def readable(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """Return to where every partition can be read: not beyond a transaction under way.

        Raises:
            Unavailable: also where one of the topics does not exist.
        """
        return await self._ends(topics, READ_COMMITTED)

    async def _ends(self, topics: Sequence[str], isolation: str) -> dict[SourcePartition, int]:
        async with self._asking(f"the ends of {', '.join(topics)}"):
            consumer, partitions = await self._partitions(topics, isolation)
            ends = await consumer.end_offsets(partitions)
            return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def starts(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """Return the first offset that every partition still holds; its end where it is empty.

        Raises:
            Unavailable: also where one of the topics does not exist.
        """
        async with self._asking(f"the starts of {', '.join(topics)}"):
            consumer, partitions = await self._partitions(topics)
            starts = await consumer.beginning_offsets(partitions)
            return {(tp.topic, tp.partition): start for tp, start in starts.items()}

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        """See `Positions.committed`."""
        async with self._asking(f"the positions of group {group}"):
            return await _of_coordinator(_positions, await self._administrator(), group)

    async def members(self, group: str) -> int:
        """Return how many members a consumer group has; 0 for one that nobody has ever joined.

        Raises:
            Unavailable: the brokers do not answer.
        """
        async with self._asking(f"the members of group {group}"):
            return await _of_coordinator(_members, await self._administrator(), group)

    async def identity(self, topic: str) -> str:
        """See `Positions.identity`: the id that the broker drew when the topic was created.

        Raises:
            Halt: the brokers are too old to tell.
        """
        async with self._asking(f"the id of topic {topic}"):
            return await topic_id(await self._administrator(), topic)

    async def cluster(self) -> tuple[int, str]:
        """Return the number of brokers, and which releases of Kafka they can be.

        Raises:
            Halt: they are too old.
            Unavailable: the brokers do not answer.
        """
        async with self._asking("what it is"):
            admin = await self._administrator()
            brokers = len((await admin.describe_cluster())["brokers"])
            return brokers, _release(admin._client)  # noqa: SLF001

    async def close(self) -> None:
        """See `Positions.close`."""
        closing = [consumer.stop() for consumer in self._consumers.values()]
        if self._admin is not None:
            closing.append(self._admin.close())
        self._admin = None
        self._consumers.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S_MAX):
                # Only reads were under way, and one that fails must not leave another open.
                await asyncio.gather(*closing, return_exceptions=True)

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_ANSWER_S_MAX), self._lock:
                yield
        except FAILED as error:
            await self.close()
            raise meaning(f"Asking for {what}", error) from error

    async def _partitions(
        self, topics: Sequence[str], isolation: str = READ_COMMITTED
    ) -> tuple[AIOKafkaConsumer, list[TopicPartition]]:
        """Return a consumer that runs, and all partitions of the topics."""
        consumer = self._consumers.get(isolation)
        if consumer is None:
            consumer = AIOKafkaConsumer(
                **self._options, isolation_level=isolation, enable_auto_commit=False
            )
            await _start(consumer, consumer.stop)
            self._consumers[isolation] = consumer
        partitions = []
        for topic in topics:
            # Waits for the topic's metadata, so that a new topic is not taken for an empty one.
            known = await consumer._client._wait_on_metadata(topic)  # noqa: SLF001
            partitions += [TopicPartition(topic, number) for number in known]
        return consumer, partitions

    async def _administrator(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(**self._options)
            await _start(admin, admin.close)
            self._admin = admin
        return self._admin


async def _start(client: Any, close: Callable[[], Awaitable[None]]) -> None:  # noqa: ANN401
    """Start a client; where that fails, or its caller gives up, leave nothing of it open."""
    try:
        await client.start()
    except BaseException:
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_S_MAX):
                await close()
        raise


async def _of_coordinator(
    ask: Callable[[AIOKafkaAdminClient, str], Awaitable[_T]], admin: AIOKafkaAdminClient, group: str
) -> _T:
    """Ask a group's coordinator, as soon as there is one."""
    while True:
        try:
            return await ask(admin, group)
        except _NO_COORDINATOR_YET:
            await asyncio.sleep(_COORDINATOR_WAIT_S)


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    (found,) = await admin.describe_consumer_groups([group])
    ((code, _, _, _, _, members, *_),) = found.groups
    if code:
        raise for_code(code)(f"the coordinator does not tell the members of group {group}")
    return len(members)


async def _positions(admin: AIOKafkaAdminClient, group: str) -> dict[SourcePartition, Position]:
    """Return a group's positions, or raise what the coordinator says.

    The library's own method takes a coordinator that is still loading for a group without any.
    """
    coordinator = await admin.find_coordinator(group)
    found = await admin._send_request(OffsetFetchRequest(group, None), coordinator)  # noqa: SLF001
    partitions = [(topic, *each) for topic, several in found.topics for each in several]
    for code in (found.error_code, *(code for *_, code in partitions)):
        if code:
            message = f"the coordinator does not tell the positions of group {group}"
            raise for_code(code)(message)
    return {
        (topic, number): Position(offset, note)
        for topic, number, offset, note, _ in partitions
        if offset >= 0
    }


def _release(client: Any) -> str:  # noqa: ANN401 - the library has no types
    """Return the release of Kafka that a connected broker is at least, by what it can speak.

    Brokers do not tell their version. Kafka 4.0 was the first to refuse the oldest fetch requests.
    Raises Halt where it is too old.
    """
    connection = next(iter(client._conns.values()))  # noqa: SLF001
    oldest, newest = connection._versions[_FETCH]  # noqa: SLF001
    if oldest > 0:
        return "Kafka 4.0 or newer"
    known = [name for version, name in _RELEASES if newest >= version]
    if not known:
        raise Halt(TOO_OLD)
    return f"Kafka {known[-1]} or newer"

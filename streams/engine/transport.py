"""Batches instead of events: Faust's transport, consumer and consumer thread, adapted."""

# ruff: noqa: SLF001, ANN401  adapting a library means touching what it keeps private, untyped

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

import faust
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from streams.engine.patience import hurry
from streams.errors import Halt
from streams.fetched import Agent, Fetched, Place
from streams.log.port import Record
from streams.settings import Settings

logger = logging.getLogger("faust.engine")  # as quiet as Faust's own
_T = TypeVar("_T")

_CALL_S_MAX = 10.0
_FETCH_S_MAX = 1.0
_ALL_FULL_S = 0.005
_SHARE_BYTES_MIN = 131_072  # of one answer, for a partition: many small batches cost more than few


class Positions(Enum):
    """Who knows where a partition is to be read from."""

    COMMITTED = "committed"  # the group's committed offset; from the start where there is none
    OWNED = "owned"  # the agent, which says so by `Engine.start_at`


class Host(Protocol):
    """What the transport asks of the Faust app that it works for."""

    of: Settings
    agent_driven: Agent
    positions: Positions


class BatchSchema(faust.Schema[Any, Any]):
    """Passes a batch through as it is."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return the decoder of a topic: the one that decodes nothing."""

        async def decode(message: ConsumerMessage, *, propagate: bool = False) -> Any:  # noqa: ARG001
            return app.create_event(None, message.value, None, message)

        return decode


class BatchThread(driver.AIOKafkaConsumerThread):
    """aiokafka's consumer in its own thread and event loop; every method here runs there."""

    logger = logger

    def __post_init__(self) -> None:
        """Start with no partition fetched; `reached` is how far each was."""
        super().__post_init__()
        self.reached: dict[Place, int] = {}

    @property
    def mine(self) -> Host:
        """The app, as what we know it to be."""
        return cast(Host, self.app)

    @property
    def client(self) -> Any:
        """The consumer that does the work."""
        return self._ensure_consumer()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.mine.of.batch.fetch_wait_ms
        consumer._isolation_level = "read_committed"
        hurry(consumer._client, self.mine.of.group.session_timeout_s)
        return consumer

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Allow positions to be looked up, for the moment between two assignments."""
        self.client._fetcher._default_reset_strategy = OffsetResetStrategy.EARLIEST
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """Hold owned partitions until their agents say where to start; share out what is fetched.

        Who comes first in an answer is drawn by lot, and gets a whole batch however large it is.
        """
        self.reached.clear()
        fetcher, bytes_max = self.client._fetcher, self.mine.of.batch.fetch_bytes_max
        fetcher._fetch_max_bytes = bytes_max
        share = max(bytes_max // max(1, len(assigned)), _SHARE_BYTES_MIN)
        fetcher._max_partition_fetch_bytes = min(bytes_max, share)
        if self.mine.positions is Positions.OWNED:
            for tp in map(TopicPartition._make, assigned):
                # A position, so that none is looked up; and no fetch from it.
                self.client.seek(tp, 0)
                self.client.pause(tp)
            fetcher._default_reset_strategy = OffsetResetStrategy.NONE
        await super().on_partitions_assigned(assigned, generation_id)

    async def start_at(self, tp: TopicPartition, offset: int) -> None:
        """Fetch a partition from `offset` on."""
        self.client.seek(tp, offset)
        self.reached[tp] = offset
        self.client.resume(tp)

    async def heartbeat(self) -> bool:
        """Tell whether the coordinator accepts a heartbeat, and no rebalance is under way."""
        coordinator = self.client._coordinator
        accepted = await coordinator._do_heartbeat()
        return bool(accepted) and not coordinator.need_rejoin(
            self.client._subscription.subscription
        )

    async def commit_finished(self, positions: Mapping[Place, OffsetAndMetadata]) -> None:
        """Commit positions for the group."""
        await self.client.commit({TopicPartition(*place): at for place, at in positions.items()})

    async def fetch(self, active: set[Any]) -> tuple[Any, list[Fetched]]:
        """Wait for records, at most `_FETCH_S_MAX`; return the assignment they belong to, and them.

        Once they are returned, the assignment's positions are behind them. A position that went
        back, since the log is shorter than it was, is one to deliver from too.

        Raises Halt where a record can never be read.
        """
        consumer = self.client
        try:
            fetched = await self._fetch_records(
                consumer, active, timeout=_FETCH_S_MAX, max_records=consumer._max_poll_records
            )
        except UnicodeDecodeError as error:
            raise Halt(_unreadable(consumer)) from error
        assignment = consumer._subscription.subscription.assignment
        batches = []
        for tp in active & assignment.tps:
            state, before = assignment.state_value(tp), self.reached.get(tp, -1)
            if state.paused or not state.has_valid_position or state.position == before:
                continue
            records = [
                Record(each.offset, each.timestamp // 1_000, each.key, each.value, each.headers)
                for each in fetched.get(tp, ())
            ]
            batches.append(Fetched(tp.topic, tp.partition, records, before, state.position))
            self.reached[tp] = state.position
        return assignment, batches


class BatchConsumer(driver.Consumer):
    """Delivers batches to agents, in the worker's event loop."""

    logger = logger

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.finished: dict[Place, OffsetAndMetadata] = {}

    @property
    def thread(self) -> BatchThread:
        """The thread in which aiokafka's consumer lives."""
        return cast(BatchThread, self._thread)

    @property
    def mine(self) -> Host:
        """The app, as what we know it to be."""
        return cast(Host, self.app)

    async def on_thread(self, call: Coroutine[Any, Any, _T], within_s: float = _CALL_S_MAX) -> _T:
        """Run a coroutine of the thread's there. Raises TimeoutError when it takes too long."""
        future = asyncio.run_coroutine_threadsafe(call, self.thread.thread_loop)
        async with asyncio.timeout(within_s):
            return await asyncio.wrap_future(future)

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Leave positions alone: aiokafka starts from the committed ones, or an agent seeks."""

    def ack(self, message: Message) -> bool:
        """Take a batch off the list of those that a rebalance waits for."""
        self._unacked_messages.discard(message)
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    async def commit(self, *_: Any, **__: Any) -> bool:
        """Commit what agents finished. A failure is logged and tried again with the next one."""
        assignment = self.assignment() if self.finished else set()
        finished, self.finished = self.finished, {}
        positions = {place: at for place, at in finished.items() if TP(*place) in assignment}
        if not positions:
            return False
        try:
            await self.on_thread(self.thread.commit_finished(positions))
        except (KafkaError, TimeoutError, OSError) as error:
            logger.warning("positions were not committed, which repeats work at worst: %r", error)
            self.finished = positions | self.finished
            return False
        return True

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Let agents finish and commit what they did before anything is given away."""
        await self.mine.agent_driven.revoked(revoked)
        await self.commit()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """Tell the agent what is its own before any of it arrives."""
        self.finished.clear()
        await self.mine.agent_driven.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)
        _forget_stopped(self.app)

    async def verify_all_partitions_active(self) -> None:
        """Leave stalls to the watchdog: Faust would look at its own commits, and there are none."""

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._deliver_next()
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def _deliver_next(self) -> None:
        """Fetch once, and hand what came to the actors of its partitions.

        A batch may be given up only together with its assignment: positions are behind it already.
        """
        await self._flowing()
        active = set(self._get_active_partitions())
        if not active:
            await asyncio.sleep(_ALL_FULL_S)
            return
        # A fetch waits for a rebalance that is under way.
        bound = self.mine.of.group.rebalance_timeout_s + _CALL_S_MAX
        assignment, batches = await self.on_thread(self.thread.fetch(active), bound)
        for batch in batches:
            await self._flowing()
            if not assignment.active:
                return
            message = _message(batch, self.app.consumer_generation_id)
            await self.wait_first(self.callback(message), self.suspend_flow.wait())

    async def _flowing(self) -> None:
        """Wait for the end of a rebalance."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())


def _forget_stopped(app: Any) -> None:
    """Let go of the actors of partitions that are gone: Faust stops them, and keeps them."""
    for agent in app.agents.values():
        stopped = [actor for actor in agent.supervisor._services if actor.should_stop]
        agent.supervisor.discard(*stopped)
        for actor in stopped:
            for node in (actor.beacon, actor.stream.beacon):
                if node.parent is not None:
                    node.detach(node.parent)
    app.monitor.events_by_task.clear()  # it keeps the name of each actor that there ever was


def _unreadable(consumer: Any) -> str:
    """Say which record aiokafka gave up at: it insists on UTF-8 in the names of headers."""
    at = "a record"
    for tp, found in consumer._fetcher._records.items():
        records: Any = getattr(found, "_partition_records", None)
        iterator: Any = getattr(records, "_records_iterator", None)
        if iterator is not None and iterator.gi_frame is None:
            at = f"offset {records.next_fetch_offset} of {tp.topic}, partition {tp.partition},"
    return (
        f"{at} has a header whose name is not UTF-8, and cannot be read. Correct its producer, "
        "commit the offset behind it for this consumer group (`kafka-consumer-groups.sh "
        "--reset-offsets`), and start the worker again"
    )


class BatchTransport(driver.Transport):
    """Faust's transport, with consumers of batches."""

    Consumer = BatchConsumer


def _message(batch: Fetched, generation: int) -> ConsumerMessage:
    """Return the batch as one message; Faust drops it where the generation is not its own."""
    return ConsumerMessage(
        topic=batch.topic,
        partition=batch.partition,
        offset=batch.after - 1,
        timestamp=0.0,
        timestamp_type=0,
        headers=[],
        key=None,
        value=cast(bytes, batch),
        checksum=None,
        tp=TP(batch.topic, batch.partition),
        generation_id=generation,
    )

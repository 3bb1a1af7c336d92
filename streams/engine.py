"""Faust, and the only file that knows it: group membership, assignment, fetching, positions.

An agent is handed whole batches, as they were fetched from one partition, and says when a batch is
done; Faust's own way, event by event, costs thirty times as much, and its acknowledgements are no
proof of work (it acknowledges what failed). What this file changes, and why:

* One Faust event a fetched batch, `noack`, one actor a partition. A batch under way during a
  rebalance is finished or dropped by its agent, then Faust goes on.
* Positions are committed from what agents finished, with a note, never from Faust's reckoning.
* `Positions.OWNED`: a partition is fetched only once its agent says from where, since the truth
  about the position is in the changelog. Nothing may reset such a position silently.
* Fetches wait briefly and read only what is committed; Faust fixes both otherwise.
* Crash-only: whatever goes wrong ends the process, and every call has a bound.

Private names of Faust and aiokafka are held in place by `tests/streams/test_engine_contract.py`.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

import faust
import mode
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage

from streams.errors import Unavailable
from streams.log.port import Record
from streams.settings import Settings

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_CALL_S_MAX = 10.0
_FETCH_S_MAX = 1.0
_ALL_FULL_S = 0.005
_BUFFERED_BATCHES = 16

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""


class Positions(Enum):
    """Who knows where a partition is to be read from."""

    COMMITTED = "committed"  # the group's committed offset; from the start where there is none
    OWNED = "owned"  # the agent, which says so by `Engine.start_at`


class Fetched(NamedTuple):
    """Records of one partition, fetched together.

    `before` is the position that they were read from, `after` the position behind them. Offsets in
    between may be missing: markers and aborted records occupy some. Without records only the
    position moved.
    """

    topic: str
    partition: int
    records: list[Record]
    before: int
    after: int


class Ticket:
    """A batch in the hands of an agent, which must call `done` or `drop`, once."""

    __slots__ = ("_consumer", "_event", "fetched")

    def __init__(self, fetched: Fetched, consumer: _Consumer, event: Any) -> None:  # noqa: ANN401
        self.fetched = fetched
        self._consumer = consumer
        self._event = event

    def done(self, note: str = "") -> None:
        """Say that every effect is durable; `note` is committed along with the position."""
        fetched = self.fetched
        position = OffsetAndMetadata(fetched.after, note)
        self._consumer.finished[fetched.topic, fetched.partition] = position
        self._event.ack()

    def drop(self) -> None:
        """Give the batch up: whoever owns the partition next fetches it again."""
        self._event.ack()


class Agent(Protocol):
    """What the engine drives. An exception from any method ends the worker."""

    async def assigned(self, partitions: Collection[Place]) -> None:
        """These partitions are ours from now on. Returns at once."""

    async def revoked(self, partitions: Collection[Place]) -> None:
        """These partitions are ours no longer; returns when nothing of theirs is under way."""

    async def take(self, ticket: Ticket) -> None:
        """A batch was fetched. Returns when there is room for the partition's next one."""


class Engine:
    """A member of a consumer group, driving one agent."""

    def __init__(
        self, group: str, topics: Collection[str], agent: Agent, positions: Positions, of: Settings
    ) -> None:
        self._app = _App(group, agent, positions, of)
        for topic in topics:
            self._app.subscribe_agent(topic)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises what ended the worker otherwise."""
        app = self._app
        starting, stopping = asyncio.ensure_future(app.start()), asyncio.ensure_future(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await app.wait_first(stopping)  # returns also when the app crashes
        if app.crash_reason is not None:
            raise app.crash_reason
        await app.finish()
        await app.stop()

    async def start_at(self, topic: str, partition: int, offset: int) -> None:
        """Fetch an assigned partition from `offset` on.

        Raises Unavailable where the partition is not ours any more, or the client does not answer.
        """
        try:
            await self._app.consumer.on_thread(
                self._app.consumer.thread.start_at(TopicPartition(topic, partition), offset)
            )
        except (KafkaError, TimeoutError, AssertionError, KeyError, AttributeError) as error:
            raise Unavailable(f"partition {partition} of {topic} cannot be sought") from error

    async def confirmed(self) -> bool:
        """Ask the group's coordinator whether we are a member of its present generation."""
        try:
            return await self._app.consumer.on_thread(self._app.consumer.thread.heartbeat())
        except (KafkaError, TimeoutError, OSError):
            return False


class _App(faust.App):  # type: ignore[misc]  # Faust publishes no types
    def __init__(self, group: str, agent: Agent, positions: Positions, of: Settings) -> None:
        self.agent_driven = agent
        self.positions = positions
        self.of = of
        super().__init__(
            group,
            broker=[f"kafka://{address.strip()}" for address in of.kafka.bootstrap.split(",")],
            broker_credentials=_credentials(of),
            broker_session_timeout=of.group.session_timeout_s,
            broker_heartbeat_interval=of.group.heartbeat_interval_s,
            broker_rebalance_timeout=of.group.rebalance_timeout_s,
            broker_request_timeout=of.kafka.request_timeout_s,
            broker_commit_interval=of.group.commit_interval_ms / 1_000,
            broker_max_poll_records=of.batch.records_max,
            consumer_max_fetch_size=of.batch.fetch_bytes_max,
            consumer_group_instance_id=of.group.instance_id,
            stream_buffer_maxsize=_BUFFERED_BATCHES,
            stream_wait_empty=True,
            agent_supervisor=mode.CrashingSupervisor,
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            datadir=tempfile.gettempdir(),
        )

    def subscribe_agent(self, topic: str) -> None:
        async def actor(stream: Any) -> None:  # noqa: ANN401
            async for event in stream.noack().events():
                await self.agent_driven.take(Ticket(event.value, self.consumer, event))

        channel = self.topic(topic, schema=_Schema())
        self.agent(channel, name=topic, isolated_partitions=True)(actor)

    async def finish(self) -> None:
        """Let the agent end its batches, and commit what it finished."""
        await self.agent_driven.revoked(self.consumer.assignment())
        await self.consumer.commit()

    def _new_transport(self) -> _Transport:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Make none: they are for tables, and there are no tables."""


class _Schema(faust.Schema):  # type: ignore[misc]
    """Passes a batch through as it is."""

    def compile(self, app: _App, **_: Any) -> Any:  # noqa: ANN401
        async def decode(message: ConsumerMessage, *, propagate: bool = False) -> Any:  # noqa: ANN401, ARG001
            return app.create_event(None, message.value, None, message)

        return decode


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """aiokafka's consumer in its own thread and event loop; every method here runs there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reached: dict[Place, int] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.app.of.batch.fetch_wait_ms
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        self._consumer._fetcher._default_reset_strategy = OffsetResetStrategy.EARLIEST
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        self.reached.clear()
        if self.app.positions is Positions.OWNED:
            for tp in map(TopicPartition._make, assigned):
                # A position, so that none is looked up; and no fetch from it.
                self._consumer.seek(tp, 0)
                self._consumer.pause(tp)
            self._consumer._fetcher._default_reset_strategy = OffsetResetStrategy.NONE
        await super().on_partitions_assigned(assigned, generation_id)

    async def start_at(self, tp: TopicPartition, offset: int) -> None:
        self._consumer.seek(tp, offset)
        self.reached[tp] = offset
        self._consumer.resume(tp)

    async def heartbeat(self) -> bool:
        coordinator = self._consumer._coordinator
        accepted = await coordinator._do_heartbeat()
        return bool(accepted) and not coordinator.need_rejoin(
            self._consumer._subscription.subscription
        )

    async def commit_finished(self, positions: Mapping[Place, OffsetAndMetadata]) -> None:
        await self._consumer.commit({TopicPartition(*place): at for place, at in positions.items()})

    async def fetch(self, active: set[Any]) -> list[Fetched]:
        """Return what has arrived, at most `records_max` records, within `_FETCH_S_MAX`."""
        consumer = self._consumer
        fetched = await self._fetch_records(
            consumer, active, timeout=_FETCH_S_MAX, max_records=consumer._max_poll_records
        )
        assignment = consumer._subscription.subscription.assignment
        batches = []
        for tp in active & assignment.tps:
            state, before = assignment.state_value(tp), self.reached.get(tp, -1)
            if state.paused or not state.has_valid_position or state.position <= before:
                continue
            records = [
                Record(each.offset, each.timestamp // 1_000, each.key, each.value, each.headers)
                for each in fetched.get(tp, ())
            ]
            batches.append(Fetched(tp.topic, tp.partition, records, before, state.position))
            self.reached[tp] = state.position
        return batches


class _Consumer(driver.Consumer):  # type: ignore[misc]
    """Delivers batches to agents, in the worker's event loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self.finished: dict[Place, OffsetAndMetadata] = {}

    @property
    def thread(self) -> _Thread:
        thread: _Thread = self._thread
        return thread

    async def on_thread(self, call: Coroutine[Any, Any, _T], within_s: float = _CALL_S_MAX) -> _T:
        """Run a coroutine of the thread's there. Raises TimeoutError when it takes too long."""
        future = asyncio.run_coroutine_threadsafe(call, self.thread.thread_loop)
        async with asyncio.timeout(within_s):
            return await asyncio.wrap_future(future)

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Leave positions alone: aiokafka starts from the committed ones, or an agent seeks."""

    def ack(self, message: ConsumerMessage) -> bool:
        """Take a batch off the list of those that a rebalance waits for."""
        self._unacked_messages.discard(message)
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    async def commit(self, *_: Any, **__: Any) -> bool:  # noqa: ANN401
        """Commit what agents finished. A failure is logged and tried again with the next one."""
        assignment = self.assignment() if self.finished else set()
        finished, self.finished = self.finished, {}
        positions = {tp: at for tp, at in finished.items() if tp in assignment}
        if not positions:
            return False
        try:
            await self.on_thread(self.thread.commit_finished(positions))
        except (KafkaError, TimeoutError, OSError) as error:
            _log.warning("positions were not committed, which repeats work at worst: %r", error)
            self.finished = positions | self.finished
            return False
        return True

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        await self.app.agent_driven.revoked(revoked)
        await self.commit()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        self.finished.clear()
        await super().on_partitions_assigned(assigned, generation_id)
        await self.app.agent_driven.assigned(assigned)

    async def _drain_messages(self, fetcher: Any) -> None:  # noqa: ANN401
        try:
            while not (self.should_stop or fetcher.should_stop):
                generation = self.app.consumer_generation_id
                async for batch in self._fetched():
                    if generation != self.app.consumer_generation_id or not self.flow_active:
                        break  # the partitions are given away: their owners fetch this again
                    message = _message(batch, generation)
                    await self.wait_first(self.callback(message), self.suspend_flow.wait())
        except (asyncio.CancelledError, *self.consumer_stopped_errors):
            if not self.app.should_stop:
                raise

    async def _fetched(self) -> AsyncIterator[Fetched]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = set(self._get_active_partitions())
        if not active:
            await asyncio.sleep(_ALL_FULL_S)
            return
        # A fetch waits for a rebalance that is under way.
        bound = self.app.of.group.rebalance_timeout_s + _CALL_S_MAX
        for batch in await self.on_thread(self.thread.fetch(active), bound):
            yield batch


class _Transport(driver.Transport):  # type: ignore[misc]
    Consumer = _Consumer


def _message(batch: Fetched, generation: int) -> ConsumerMessage:
    tp = driver.TP(batch.topic, batch.partition)
    return ConsumerMessage(
        *(batch.topic, batch.partition, batch.after - 1, 0.0, 0, [], None, batch, None, 0, 0, tp),
        generation_id=generation,
    )


def _credentials(of: Settings) -> Any:  # noqa: ANN401
    kafka = of.kafka
    context = kafka.ssl_context()
    if kafka.uses_sasl and kafka.sasl_password is not None:
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value(),
            ssl_context=context,
            mechanism=kafka.sasl_mechanism,
        )
    return None if context is None else faust.SSLCredentials(context=context)

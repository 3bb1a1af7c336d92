"""A member of a consumer group: the Faust app, and what agents may ask of it."""

# ruff: noqa: ANN401  the library has hardly any types

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from typing import Any, cast

import faust
import mode
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.tables import TableManager

from streams.engine.transport import (
    BatchConsumer,
    BatchSchema,
    BatchTransport,
    Positions,
    logger,
)
from streams.errors import Unavailable
from streams.fetched import Agent, Fetched, Place
from streams.log.kafka_client import METADATA_AGE_MS_MAX
from streams.settings import Settings

_BUFFERED_BATCHES = 16


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
        if not starting.done():
            return  # told to stop before there was anything to end
        starting.result()
        await app.wait_first(stopping)  # returns also when the app crashes
        if app.crash_reason is not None:
            raise app.crash_reason
        await app.finish()
        await app.stop()

    async def start_at(self, place: Place, offset: int) -> None:
        """Fetch an assigned partition from `offset` on.

        Raises Unavailable where the partition is not ours any more, or the client does not answer.
        """
        try:
            await self._app.batches.on_thread(
                self._app.batches.thread.start_at(TopicPartition(*place), offset)
            )
        except (KafkaError, TimeoutError, AssertionError, KeyError, AttributeError) as error:
            raise Unavailable(f"{place[0]}, partition {place[1]}, cannot be sought") from error

    async def confirmed(self) -> bool:
        """Ask the group's coordinator whether we are a member of its present generation."""
        try:
            return await self._app.batches.on_thread(self._app.batches.thread.heartbeat())
        except (KafkaError, TimeoutError, OSError):
            return False


class _App(faust.App):
    logger = logger

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
            consumer_metadata_max_age_ms=METADATA_AGE_MS_MAX,
            consumer_group_instance_id=of.group.instance_id,
            stream_buffer_maxsize=_BUFFERED_BATCHES,
            stream_wait_empty=True,
            agent_supervisor=mode.CrashingSupervisor,
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            TableManager=_NoTables,
            datadir=os.curdir,  # nothing is ever written there: a disk may be read-only
        )

    def subscribe_agent(self, topic: str) -> None:
        async def actor(stream: Any) -> None:
            async for event in stream.noack().events():
                await self.agent_driven.take(_Ticket(event.value, self.batches, event))

        channel = self.topic(topic, schema=BatchSchema())
        self.agent(channel, name=topic, isolated_partitions=True)(actor)

    @property
    def batches(self) -> BatchConsumer:
        return cast(BatchConsumer, self.consumer)

    async def finish(self) -> None:
        """Let the agent end its batches, and commit what it finished."""
        await self.agent_driven.revoked(self.consumer.assignment())
        await self.consumer.commit()

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Make none: they would hold tables."""


class _NoTables(TableManager):
    """Starts at once, where Faust waits a second for tables that might be registered."""

    logger = logger

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class _Ticket:
    """A fetched batch and the Faust event that carries it (`streams.fetched.Ticket`)."""

    __slots__ = ("_consumer", "_event", "fetched")

    def __init__(self, fetched: Fetched, consumer: BatchConsumer, event: Any) -> None:
        self.fetched = fetched
        self._consumer = consumer
        self._event = event

    def done(self, note: str = "") -> None:
        """See `streams.fetched.Ticket.done`."""
        fetched = self.fetched
        position = OffsetAndMetadata(fetched.after, note)
        self._consumer.finished[fetched.topic, fetched.partition] = position
        self._event.ack()

    def drop(self) -> None:
        """See `streams.fetched.Ticket.drop`."""
        self._event.ack()


def _credentials(of: Settings) -> Any:
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

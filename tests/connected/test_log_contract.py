"""The log on a real broker keeps the contract; what only a real broker can do to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.producer import sender
from aiokafka.structs import TopicPartition

from deploy.local.kafka import Kafka
from streams.errors import Doubt, Unavailable
from streams.log.kafka import KafkaLog, Timeouts
from streams.log.port import Append
from tests.contracts.log import LogContract, entries, read_all, settle


class KafkaBench:
    """A log on the shared broker, with two topics of its own."""

    def __init__(self, bootstrap: str, app: str, log: KafkaLog) -> None:
        self.log = log
        self.topic = f"{app}.states"
        self.other_topic = f"{app}.outputs"
        self.name = app
        self._bootstrap = bootstrap

    async def create_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            stamped = {"message.timestamp.type": "LogAppendTime"}
            await admin.create_topics(
                [
                    NewTopic(name, 2, 1, topic_configs=stamped)
                    for name in (self.topic, self.other_topic)
                ]
            )
        finally:
            await admin.close()

    async def die_within_transaction(self, transactional_id: str, append: Append) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, transactional_id=transactional_id
        )
        await producer.start()
        await producer.begin_transaction()
        for key, value, _ in append.entries:
            await producer.send_and_wait(append.topic, value, key=key, partition=append.partition)
        await producer.stop()

    async def trim(self, topic: str, partition: int, start: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            place = TopicPartition(topic, partition)
            await admin.delete_records({place: RecordsToDelete(start)})
        finally:
            await admin.close()


@pytest.fixture
async def bench(kafka: str, app_name: str) -> AsyncIterator[KafkaBench]:
    log = KafkaLog(kafka)
    bench = KafkaBench(kafka, app_name, log)
    await bench.create_topics()
    yield bench
    await log.close()


class TestKafkaLog(LogContract):
    """The shared suite, on a broker."""


async def test_a_cancelled_transaction_spends_its_writer(bench: KafkaBench) -> None:
    writer = await bench.log.fence(bench.name)
    task = asyncio.create_task(writer.transact([Append(bench.topic, 0, entries(3))]))
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Doubt):
        await writer.transact([Append(bench.topic, 0, entries(1))])
    await writer.close()
    successor = await bench.log.fence(bench.name)
    await successor.transact([Append(bench.topic, 0, entries(1))])
    await settle(bench)
    assert len(await read_all(bench.log, bench.topic)) in {1, 4}  # before or after its commit


async def test_a_frozen_broker_keeps_nobody_waiting(tmp_path: Path) -> None:
    with Kafka.start(tmp_path) as cluster:
        log = KafkaLog(cluster.bootstrap, timeouts=Timeouts(transact_s=1, read_s=1))
        bench = KafkaBench(cluster.bootstrap, "frozen", log)
        await bench.create_topics()
        writer = await log.fence(bench.name)
        await writer.transact([Append(bench.topic, 0, entries(2))])
        await settle(bench)
        writer = await log.fence(bench.name)

        cluster.pause()
        with pytest.raises(Unavailable, match="took too long"):
            await writer.transact([Append(bench.topic, 0, entries(3))])
        with pytest.raises(Unavailable, match="took too long"):
            await log.bounds(bench.topic, 0)
        async with asyncio.timeout(0.1):
            await writer.close()
        cluster.resume()

        await settle(bench)
        assert len(await read_all(log, bench.topic)) in {2, 5}  # nothing, or all of it
        await log.close()


async def test_a_topic_that_does_not_exist_is_unavailable_in_bounded_time(
    kafka: str, app_name: str
) -> None:
    log = KafkaLog(kafka, timeouts=Timeouts(start_s=5, transact_s=1, read_s=1))
    try:
        with pytest.raises(Unavailable, match="does the topic exist"):
            await log.bounds("nowhere", 0)
        writer = await log.fence(app_name)
        with pytest.raises(Unavailable, match="does the topic exist"):
            await writer.transact([Append("nowhere", 0, entries(1))])
        await writer.close()
    finally:
        await log.close()


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    log = KafkaLog("127.0.0.1:1")
    with pytest.raises(Unavailable, match="TIERSTREAM_KAFKA_BOOTSTRAP"):
        await log.fence("id")
    with pytest.raises(Unavailable, match="TIERSTREAM_KAFKA_BOOTSTRAP"):
        await log.bounds("anything", 0)
    with pytest.raises(Unavailable, match="TIERSTREAM_KAFKA_BOOTSTRAP"):
        [each async for each in log.read("anything", 0, 0, 1)]
    await log.close()


def test_the_wait_for_markers_is_where_we_set_it() -> None:
    assert "BACKOFF_OVERRIDE" in sender.AddPartitionsToTxnHandler.handle_response.__code__.co_names


def test_timeouts_keep_their_relation() -> None:
    with pytest.raises(ValueError, match="still waits"):
        Timeouts(transact_s=30, expire_s=20)

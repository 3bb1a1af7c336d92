"""Ingress and what it stands on, on a real broker: delivery, positions, identities, feeds."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from models.errors import Reason
from streams.clock import SystemClock
from streams.errors import Rejected, Unavailable
from streams.ingress import Ingress, IngressSettings, sources_of
from streams.log.feed import Item, KafkaFeed, kafka_feed
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry, Record
from streams.log.positions import KafkaPositions, Position
from streams.log.producer import KafkaProducer
from streams.topics import LOG, Catalogue

PARTITIONS = 3


class Unobserved:
    def ingested(self, topic: str, accepted: int, seconds: float) -> None: ...
    def refused(self, topic: str, reason: Reason, count: int) -> None: ...
    def unknown_fields(self, topic: str, count: int) -> None: ...
    def deleted_unread(self, topic: str, count: int) -> None: ...


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[KafkaProducer]:
    made = KafkaProducer(kafka)
    yield made
    await made.close()


@pytest.fixture
async def positions(kafka: str) -> AsyncIterator[KafkaPositions]:
    made = KafkaPositions(kafka)
    yield made
    await made.close()


async def make(admin: AIOKafkaAdminClient, *names: str, partitions: int = PARTITIONS) -> None:
    await admin.create_topics([NewTopic(name, partitions, 1) for name in names])


async def coordinated(positions: KafkaPositions) -> None:
    """Wait for a coordinator of the group: a new cluster makes its topic at the first question."""
    async with asyncio.timeout(20):
        while True:
            try:
                await positions.committed("ingress")
            except Unavailable:
                await asyncio.sleep(0.1)
            else:
                return


async def read_all(feed: KafkaFeed, count: int) -> list[Item]:
    items: list[Item] = []
    async with asyncio.timeout(20):
        while len(items) < count:
            items += await feed.take()
    return items


async def test_source_records_arrive_in_the_log_and_bad_ones_beside_it(
    kafka: str,
    app_name: str,
    admin: AIOKafkaAdminClient,
    producer: KafkaProducer,
    positions: KafkaPositions,
) -> None:
    catalogue = Catalogue(f"{app_name}.", PARTITIONS, 400, 30, 7)
    source, log = catalogue.name("customer.purchase.v1"), catalogue.name(LOG)
    await make(admin, source, f"{source}.dlq", log)
    settings = IngressSettings(log, PARTITIONS, "ingress")
    ingress = Ingress(
        sources_of(catalogue), producer, positions, settings, SystemClock(), Unobserved()
    )
    values = [purchase(number, f"C-{number % 50}") for number in range(1_000)]
    values[500] = b"{}"
    records = [Record(number, 0, None, value) for number, value in enumerate(values)]
    await coordinated(positions)
    await ingress.handle(source, 1, records)

    identity = await positions.identity(source)
    async with kafka_feed(kafka, [log, f"{source}.dlq"], from_start=True) as feed:
        items = await read_all(feed, 1_000)
    letters = [item for item in items if item.topic != log]
    assert [dict(item.record.headers)["dlq.offset"] for item in letters] == [b"500"]
    for number in range(PARTITIONS):
        held = [item.record for item in items if item.topic == log and item.partition == number]
        assert {partition_for(record.key or b"", PARTITIONS) for record in held} == {number}
        marks = [dict(record.headers)["mark"].decode() for record in held]
        offsets = [int(mark.rpartition(":")[2]) for mark in marks]
        assert offsets == sorted(offsets)
        assert {mark.rpartition(":")[0] for mark in marks} == {f"{source}#{identity}/1"}


async def test_a_delivery_larger_than_a_batch_is_split_and_keeps_its_order(
    kafka: str, app_name: str, admin: AIOKafkaAdminClient, producer: KafkaProducer
) -> None:
    await make(admin, app_name)
    entries = [Entry(b"k", b"%d" % number + b"x" * 1_000) for number in range(3_000)]
    await producer.deliver([Append(app_name, 0, entries), Append(app_name, 2, entries[:5])])
    async with kafka_feed(kafka, [app_name], from_start=True) as feed:
        items = await read_all(feed, 3_005)
    held = [item.record.value for item in items if item.partition == 0]
    assert held == [entry.value for entry in entries]


async def test_a_record_that_no_topic_takes_is_rejected_and_the_next_delivery_works(
    app_name: str, admin: AIOKafkaAdminClient, producer: KafkaProducer, positions: KafkaPositions
) -> None:
    await make(admin, app_name, partitions=1)
    with pytest.raises(Rejected, match=r"max\.message\.bytes"):
        await producer.deliver([Append(app_name, 0, [Entry(b"k", b"x" * 1_200_000)])])
    await producer.deliver([Append(app_name, 0, [Entry(b"k", b"v")])])
    assert await positions.ends([app_name]) == {(app_name, 0): 1}


async def test_a_topic_made_anew_has_another_identity(
    app_name: str, admin: AIOKafkaAdminClient, positions: KafkaPositions
) -> None:
    await make(admin, app_name)
    first = await positions.identity(app_name)
    assert await positions.identity(app_name) == first
    assert len(first) == 22
    await admin.delete_topics([app_name])
    await asyncio.sleep(0.5)
    await make(admin, app_name)
    await asyncio.sleep(0.5)
    assert await positions.identity(app_name) not in {first, ""}


async def test_a_topic_that_is_not_there_has_no_identity(positions: KafkaPositions) -> None:
    with pytest.raises(Unavailable, match="UnknownTopicOrPartition"):
        await positions.identity("nowhere")


async def test_a_groups_positions_come_with_their_notes(
    kafka: str, app_name: str, admin: AIOKafkaAdminClient, positions: KafkaPositions
) -> None:
    await make(admin, app_name)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=app_name, enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TopicPartition(app_name, 1)])
    await consumer.commit({TopicPartition(app_name, 1): (7, "1800000000")})
    await consumer.stop()
    assert await positions.committed(app_name) == {(app_name, 1): Position(7, "1800000000")}


async def test_partitions_start_where_records_were_deleted(
    app_name: str, admin: AIOKafkaAdminClient, producer: KafkaProducer, positions: KafkaPositions
) -> None:
    await make(admin, app_name, partitions=2)
    await producer.deliver([Append(app_name, 1, [Entry(b"k", b"v")] * 10)])
    assert await positions.starts([app_name]) == {(app_name, 0): 0, (app_name, 1): 0}
    before = RecordsToDelete(before_offset=7)
    await admin.delete_records({TopicPartition(app_name, 1): before})
    assert await positions.starts([app_name]) == {(app_name, 0): 0, (app_name, 1): 7}
    with pytest.raises(Unavailable, match="the starts of nowhere"):
        await positions.starts(["nowhere"])


async def test_the_cluster_tells_what_it_is(positions: KafkaPositions) -> None:
    assert await positions.cluster() == (1, "Kafka 4.0 or newer")


def purchase(number: int, customer: str) -> bytes:
    return json.dumps(
        {
            "event": "purchase",
            "event_id": f"e{number}",
            "customer_id": customer,
            "occurred_at": "2026-08-02T16:00:00Z",
            "source": "shop",
            "schema_version": 1,
            "order_id": f"o{number}",
            "net_amount_minor": 100,
            "currency": "GBP",
        }
    ).encode()

"""What a member of a group gets of what brokers hold, whatever one answer of theirs may hold."""

import asyncio
from collections import defaultdict
from collections.abc import Collection

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.engine.member import Engine
from streams.engine.transport import Positions
from streams.fetched import Place, Ticket
from streams.settings import Batch, Kafka, Settings

PARTITIONS, SMALL, SMALL_BYTES, LARGE_BYTES = 8, 2_000, 100, 900_000


class Collector:
    """An agent that keeps what it is handed; `complete` is set once it has `expected` records."""

    def __init__(self, expected: int) -> None:
        self.sizes: dict[Place, list[int]] = defaultdict(list)
        self.offsets: dict[Place, list[int]] = defaultdict(list)
        self.complete = asyncio.Event()
        self._expected = expected

    async def assigned(self, places: Collection[Place]) -> None: ...

    async def revoked(self, places: Collection[Place]) -> None: ...

    async def take(self, ticket: Ticket) -> None:
        fetched = ticket.fetched
        place = (fetched.topic, fetched.partition)
        self.offsets[place] += [record.offset for record in fetched.records]
        self.sizes[place] += [len(record.value or b"") for record in fetched.records]
        ticket.done()
        if sum(map(len, self.offsets.values())) == self._expected:
            self.complete.set()


async def test_an_answer_that_holds_less_than_a_batch_or_a_record_loses_nothing(
    kafka: str, app_name: str
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(app_name, PARTITIONS, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka, max_batch_size=950_000) as producer:
        for number in range(PARTITIONS):
            for size, count in ((SMALL_BYTES, SMALL), (LARGE_BYTES, 1), (SMALL_BYTES, 1)):
                batch = producer.create_batch()
                for _ in range(count):
                    assert batch.append(timestamp=None, key=None, value=bytes(size))
                await (await producer.send_batch(batch, app_name, partition=number))

    settings = Settings(
        app=app_name, kafka=Kafka(bootstrap=kafka), batch=Batch(fetch_bytes_max=16_384)
    )
    agent = Collector(PARTITIONS * (SMALL + 2))
    stop = asyncio.Event()
    engine = Engine(app_name, [app_name], agent, Positions.COMMITTED, settings)
    running = asyncio.create_task(engine.run(stop))
    async with asyncio.timeout(60):
        await agent.complete.wait()
    stop.set()
    await running
    places = [(app_name, number) for number in range(PARTITIONS)]
    assert agent.offsets == {place: list(range(SMALL + 2)) for place in places}
    sizes = [SMALL_BYTES] * SMALL + [LARGE_BYTES, SMALL_BYTES]
    assert agent.sizes == dict.fromkeys(places, sizes)

"""What becomes of a commit whose markers the brokers forget, and of those who relied on it.

`streams.log.kafka_writer` tells when that happens. Here the coordinator never hears of the commit,
and the partitions are told not to ask it: both know what they would after such a crash.
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.kafka import Kafka
from streams.errors import Unavailable
from streams.log.kafka import KafkaLog
from streams.log.kafka_writer import KafkaWriter
from streams.log.port import Append, Place
from tests.connected.test_log_contract import KafkaBench
from tests.contracts.log import entries, read_all, settle, values

_TRUSTING = {"transaction.partition.verification.enable": "false"}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of the module's own, whose partitions take what the coordinator does not know."""
    with Kafka.start(tmp_path_factory.mktemp("kafka"), broker_config=_TRUSTING) as cluster:
        yield cluster.bootstrap


@pytest.fixture
async def bench(kafka: str, app_name: str) -> AsyncIterator[KafkaBench]:
    log = KafkaLog(kafka)
    bench = KafkaBench(kafka, app_name, log)
    await bench.create_topics()
    yield bench
    await log.close()


async def test_a_writer_can_make_its_forgotten_commit_visible(bench: KafkaBench) -> None:
    states, outputs, later = entries(3), entries(2), entries(1)
    writer = await bench.log.fence(bench.name, _places(bench))
    both = [Append(bench.topic, 0, states), Append(bench.other_topic, 1, outputs)]
    assert await _forgotten(writer, both) == (2, 1)
    assert await bench.log.is_open(_places(bench))
    assert await read_all(bench.log, bench.topic) == []

    await writer.end_open(committed=True)
    assert not await bench.log.is_open(_places(bench))
    assert await writer.transact([Append(bench.topic, 0, later)], first=4) == (4,)
    await settle(bench)
    assert values(await read_all(bench.log, bench.topic)) == values([*states, *later])
    assert values(await read_all(bench.log, bench.other_topic, 1)) == values(outputs)


@pytest.mark.parametrize("committed", [True, False])
async def test_a_successor_ends_what_stands_open_in_some_places(
    bench: KafkaBench, *, committed: bool
) -> None:
    states, outputs, last = entries(3), entries(2), entries(1)
    writer = await bench.log.fence(bench.name, _places(bench))
    await writer.transact([Append(bench.topic, 0, states)])
    await _forgotten(writer, [Append(bench.other_topic, 1, outputs)])
    successor = await bench.log.fence(bench.name, _places(bench))
    assert await bench.log.is_open([Place(bench.other_topic, 1)])
    assert not await bench.log.is_open([Place(bench.topic, 0)])
    found = await bench.log.standing_open(Place(bench.other_topic, 1))
    assert [record.value for record in found] == values(outputs)

    append = Append(bench.topic, 0, last)
    await successor.end_open([append], first=4, committed=committed)
    assert not await bench.log.is_open(_places(bench))
    assert await bench.log.standing_open(Place(bench.other_topic, 1)) == []
    read = await read_all(bench.log, bench.topic)
    assert values(read) == values([*states, *last] if committed else states)
    read = await read_all(bench.log, bench.other_topic, 1)
    assert values(read) == (values(outputs) if committed else [])


async def test_nothing_is_ended_by_somebody_who_does_not_know_the_end(bench: KafkaBench) -> None:
    writer = await bench.log.fence(bench.name, _places(bench))
    await writer.transact([Append(bench.topic, 0, entries(3))])
    await _forgotten(writer, [Append(bench.other_topic, 1, entries(2))])
    successor = await bench.log.fence(bench.name, _places(bench))
    with pytest.raises(Unavailable, match="begun at 4, not at 3"):
        await successor.end_open([Append(bench.topic, 0, entries(1))], first=3, committed=False)
    assert await bench.log.is_open([Place(bench.other_topic, 1)])


def _places(bench: KafkaBench) -> list[Place]:
    return [Place(topic, n) for topic in (bench.topic, bench.other_topic) for n in (0, 1)]


async def _forgotten(writer: KafkaWriter, appends: list[Append]) -> tuple[int, ...]:
    """Make a transaction that looks committed to its writer, and of which only records are left."""
    sender, transactions = writer._producer._sender, writer._producer._txn_manager

    async def added(places: set[object]) -> None:
        for place in list(places):
            transactions.partition_added(place)

    async def committed(_result: object) -> None:
        transactions.complete_transaction()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sender, "_do_add_partitions_to_txn", added)
        patch.setattr(sender, "_do_txn_commit", committed)
        return await writer.transact(appends)

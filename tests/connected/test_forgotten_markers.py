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


async def test_a_writer_that_goes_on_makes_its_forgotten_commit_good(bench: KafkaBench) -> None:
    states, outputs, later = entries(3), entries(2), entries(1)
    writer = await bench.log.fence(bench.name, _places(bench))
    both = [Append(bench.topic, 0, states), Append(bench.other_topic, 1, outputs)]
    assert await _forgotten(writer, both) == (2, 1)
    assert await bench.log.is_open(_places(bench))
    assert await read_all(bench.log, bench.topic) == []

    assert await writer.transact([Append(bench.topic, 0, later)], first=4) == (3,)
    await settle(bench)
    assert values(await read_all(bench.log, bench.topic)) == values([*states, *later])
    assert values(await read_all(bench.log, bench.other_topic, 1)) == values(outputs)
    assert not await bench.log.is_open(_places(bench))


async def test_what_stands_open_beside_the_changelog_is_made_good_too(bench: KafkaBench) -> None:
    outputs, later = entries(2), entries(1)
    writer = await bench.log.fence(bench.name, _places(bench))
    await _forgotten(writer, [Append(bench.other_topic, 1, outputs)])
    assert await bench.log.is_open([Place(bench.other_topic, 1)])
    assert not await bench.log.is_open([Place(bench.topic, 0)])

    await writer.transact([Append(bench.topic, 0, later)], first=0, everywhere=True)
    await settle(bench)
    assert values(await read_all(bench.log, bench.topic)) == values(later)
    assert values(await read_all(bench.log, bench.other_topic, 1)) == values(outputs)
    assert not await bench.log.is_open(_places(bench))


async def test_a_successor_can_abort_a_forgotten_commit_everywhere(bench: KafkaBench) -> None:
    both = [Append(bench.topic, 0, entries(3)), Append(bench.other_topic, 1, entries(2))]
    await _forgotten(await bench.log.fence(bench.name, _places(bench)), both)
    successor = await bench.log.fence(bench.name, _places(bench))
    assert await bench.log.is_open(_places(bench))
    await successor.end_open()
    again = entries(1)
    await successor.transact([Append(bench.topic, 0, again)])
    await settle(bench)
    assert values(await read_all(bench.log, bench.topic)) == values(again)
    assert await read_all(bench.log, bench.other_topic, 1) == []
    assert not await bench.log.is_open(_places(bench))


async def test_a_transaction_that_would_begin_further_off_is_not_made(bench: KafkaBench) -> None:
    writer = await bench.log.fence(bench.name, _places(bench))
    await _forgotten(writer, [Append(bench.topic, 0, entries(3))])
    with pytest.raises(Unavailable, match="begun at 3, not at 5"):
        await writer.transact([Append(bench.topic, 0, entries(1))], first=5)


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

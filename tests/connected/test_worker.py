"""The customers worker as a process, on real Kafka and Valkey: it starts, works, shares, dies."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from deploy.local.processes import free_port
from models.events import Purchase, encode
from streams import topics
from streams.app import EXIT_HALT
from streams.ledger import Position
from streams.log.kafka import KafkaLog
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry
from streams.log.producer import KafkaProducer
from streams.settings import Group, Kafka, Redis, Settings, Topic
from streams.store import keys
from streams.store.redis import RedisStore

PARTITIONS = 4
CUSTOMERS = [b"c%d" % number for number in range(200)]
ROOT = Path(__file__).parents[2]


@dataclass
class WorkerProcess:
    """One worker, and what its pages say."""

    settings: Settings
    instance: str
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        variables = {
            "TIERSTREAM_APP": self.settings.app,
            "TIERSTREAM_KAFKA_BOOTSTRAP": self.settings.kafka.bootstrap,
            "TIERSTREAM_REDIS_URL": self.settings.redis.url,
            "TIERSTREAM_TOPIC_PREFIX": self.settings.topic.prefix,
            "TIERSTREAM_PARTITIONS": str(self.settings.partitions),
            "TIERSTREAM_GROUP_INSTANCE_ID": self.instance,
            "TIERSTREAM_WEB_PORT": str(self.port),
            "TIERSTREAM_TICKER": "off",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", "customers"],
                env={**os.environ, **variables},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def end(self, number: signal.Signals) -> int:
        """Send a signal; return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def page(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (urllib.error.URLError, OSError):
            return 0, ""

    def positions(self) -> dict[int, int]:
        """Return the position of each partition that this process has moved."""
        found = re.findall(
            r'^tierstream_position\{partition="(\d+)"\} (\S+)',
            self.page("/metrics")[1],
            re.MULTILINE,
        )
        return {int(partition): int(float(position)) for partition, position in found}


@dataclass
class Deployment:
    """A deployment of its own on the shared services."""

    settings: Settings
    producer: KafkaProducer
    log: KafkaLog
    store: RedisStore
    written: int = 0

    async def purchase(self, count: int) -> None:
        """Write canonical purchases to the log."""
        entries: list[list[Entry]] = [[] for _ in range(PARTITIONS)]
        for number in range(self.written, self.written + count):
            key = CUSTOMERS[number % len(CUSTOMERS)]
            event = Purchase(
                event_id=f"e{number}",
                source="test",
                occurred_at=1_790_000_000,
                order_id=f"o{number}",
                net_amount_minor=1_000,
                currency="GBP",
            )
            entries[partition_for(key, PARTITIONS)].append(Entry(key, encode(event)))
        self.written += count
        await self.producer.deliver(
            [Append(self.log_topic, number, each) for number, each in enumerate(entries) if each]
        )

    @property
    def log_topic(self) -> str:
        return topics.Catalogue.of(self.settings).name(topics.LOG)

    async def ends(self) -> dict[int, int]:
        """Return where each partition of the log ends."""
        return {
            number: (await self.log.bounds(self.log_topic, number)).end
            for number in range(PARTITIONS)
        }

    async def processed(self) -> dict[int, int]:
        """Return where each partition stands, as the store has it."""
        found = {}
        for number in range(PARTITIONS):
            (value,) = (await self.store.view(number, [keys.POSITION])).values
            if value is not None:
                found[number] = msgspec.json.decode(value, type=Position).next
        return found

    async def caught_up(self, within_s: float = 40) -> None:
        """Wait until everything in the log is processed."""
        async with asyncio.timeout(within_s):
            while await self.processed() != await self.ends():  # noqa: ASYNC110  other processes
                await asyncio.sleep(0.05)

    async def check_changelog(self) -> None:
        """Every transaction moved the position on: nothing was processed twice or skipped."""
        state = topics.Catalogue.of(self.settings).name(topics.STATE)
        for number in range(PARTITIONS):
            start, end = await self.log.bounds(state, number)
            at = [
                msgspec.json.decode(record.value, type=Position).next
                async for records, _ in self.log.read(state, number, start, end)
                for record in records
                if record.key == keys.POSITION and record.value is not None
            ]
            assert at == sorted(set(at)), f"partition {number} went over offsets again"


@pytest.fixture
async def deployment(kafka: str, valkey: str, app_name: str) -> AsyncIterator[Deployment]:
    settings = Settings(
        app=app_name,
        partitions=PARTITIONS,
        kafka=Kafka(bootstrap=kafka),
        redis=Redis(url=valkey),
        topic=Topic(prefix=f"{app_name}."),
        group=Group(),
    )
    await topics.create(settings)
    producer, log = KafkaProducer(kafka), KafkaLog(kafka)
    store = RedisStore(valkey, app_name)
    yield Deployment(settings, producer, log, store)
    await producer.close()
    await log.close()
    await store.close()


@pytest.fixture
def workers(deployment: Deployment, tmp_path: Path) -> Iterator[list[WorkerProcess]]:
    """Two workers, not started; whatever still runs at the end is killed."""
    made = [
        WorkerProcess(deployment.settings, f"customers-{number}", tmp_path / f"{number}.log")
        for number in (1, 2)
    ]
    yield made
    for worker in made:
        if worker.process is not None and worker.process.poll() is None:
            worker.end(signal.SIGKILL)


async def test_topics_are_made_once_and_found_as_they_must_be(deployment: Deployment) -> None:
    assert await topics.create(deployment.settings) == []
    assert await topics.check(deployment.settings) == []
    other = deployment.settings.model_copy(update={"partitions": 6})
    findings = await topics.check(other)
    assert {"segment.log.v1", "segment.state.v1"} <= {
        finding.topic.removeprefix(deployment.settings.topic.prefix) for finding in findings
    }
    assert all("TIERSTREAM_PARTITIONS=4" in finding.mend for finding in findings)


async def test_a_worker_without_its_topics_names_them_and_what_to_do(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = deployment.settings.model_copy(update={"topic": Topic(prefix="nowhere.")})
    worker = WorkerProcess(settings, "customers-1", tmp_path / "log")
    worker.start()
    assert worker.process is not None
    assert worker.process.wait(timeout=30) == EXIT_HALT
    told = worker.log.read_text()
    assert "nowhere.segment.log.v1: does not exist; run `tierstream topics create`" in told
    assert "Traceback" not in told


async def test_a_worker_whose_port_is_taken_says_which_and_what_to_do(
    deployment: Deployment, tmp_path: Path
) -> None:
    worker = WorkerProcess(deployment.settings, "customers-1", tmp_path / "log")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", worker.port))
        taken.listen()
        worker.start()
        assert worker.process is not None
        assert worker.process.wait(timeout=30) == EXIT_HALT
    said = worker.log.read_text()
    assert f"port {worker.port} of 127.0.0.1 cannot be bound" in said
    assert "TIERSTREAM_WEB_PORT" in said
    assert "Traceback" not in said


async def test_a_worker_processes_the_log_and_stops_when_told(
    deployment: Deployment, workers: list[WorkerProcess]
) -> None:
    worker = workers[0]
    await deployment.purchase(5_000)
    worker.start()
    await deployment.caught_up()
    assert worker.page("/readyz") == (200, "ready\n")
    assert worker.page("/livez")[0] == 200
    assert worker.positions() == await deployment.ends()
    metrics = worker.page("/metrics")[1]
    assert all(customer.decode() not in metrics for customer in CUSTOMERS[10:])
    began = monotonic()
    assert worker.end(signal.SIGTERM) == 0
    assert monotonic() - began < 5
    await deployment.check_changelog()


async def test_a_killed_worker_that_starts_again_goes_on_before_its_session_ends(
    deployment: Deployment, workers: list[WorkerProcess]
) -> None:
    worker = workers[0]
    worker.start()
    await deployment.purchase(1_000)
    await deployment.caught_up()
    for _ in range(2):
        await deployment.purchase(3_000)
        worker.end(signal.SIGKILL)
        await deployment.purchase(1_000)
        began = monotonic()
        worker.start()
        await deployment.caught_up()
        assert monotonic() - began < deployment.settings.group.session_timeout_s
    await deployment.check_changelog()


async def test_partitions_are_shared_out_and_come_back(
    deployment: Deployment, workers: list[WorkerProcess]
) -> None:
    first, second = workers
    first.start()
    await deployment.purchase(2_000)
    await deployment.caught_up()
    second.start()
    async with asyncio.timeout(40):
        while len(second.positions()) != PARTITIONS // 2:
            await deployment.purchase(200)
            await asyncio.sleep(0.2)
    await deployment.caught_up()
    assert second.end(signal.SIGTERM) == 0
    await deployment.purchase(2_000)
    await deployment.caught_up()
    assert first.positions() == await deployment.ends()
    assert first.end(signal.SIGTERM) == 0
    await deployment.check_changelog()

"""The local services crash, come back and end as their owners say."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis

from deploy.local.background import started_at
from deploy.local.kafka import Kafka
from deploy.local.valkey import Valkey

TOPIC = "kept"


async def test_kafka_keeps_what_it_acknowledged_over_a_crash(tmp_path: Path) -> None:
    with Kafka.start(tmp_path) as kafka:
        await _create_topic(kafka.bootstrap, replicas=1)
        await _append(kafka.bootstrap, b"before")
        kafka.kill()
        kafka.restart()
        await _append(kafka.bootstrap, b"after")
        assert await _read(kafka.bootstrap, count=2) == [b"before", b"after"]


async def test_three_brokers_serve_on_without_one(tmp_path: Path) -> None:
    with Kafka.start(tmp_path, brokers=3) as kafka:
        await _create_topic(kafka.bootstrap, replicas=3)
        kafka.kill(1)
        await _append(kafka.bootstrap, b"with two")
        kafka.restart(1)
        assert await _read(kafka.bootstrap, count=1) == [b"with two"]


def test_a_folder_is_used_again(tmp_path: Path) -> None:
    with Kafka.start(tmp_path) as first:
        formatted = (tmp_path / "broker-1" / "log" / "meta.properties").read_text()
    with Kafka.start(tmp_path) as second:
        assert second.pids != first.pids
        assert (tmp_path / "broker-1" / "log" / "meta.properties").read_text() == formatted


def test_valkey_keeps_its_data_over_a_crash(tmp_path: Path) -> None:
    with Valkey.start(tmp_path) as valkey, Redis.from_url(valkey.url) as client:
        client.set("kept", "yes")
        time.sleep(1.2)  # the append-only file is synced each second
        valkey.kill()
        valkey.restart()
        assert client.get("kept") == b"yes"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_valkey_without_persistence_comes_back_empty(tmp_path: Path) -> None:
    with (
        Valkey.start(tmp_path, persist=False) as valkey,
        Redis.from_url(valkey.url) as client,
    ):
        client.set("lost", "yes")
        valkey.kill()
        valkey.restart()
        assert client.get("lost") is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_owner_leaves_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from deploy.local.valkey import Valkey\n"
        "valkey = Valkey.start(Path(sys.argv[1])); print(valkey.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        service_pid = int(owner.stdout.readline())
        assert started_at(service_pid) is not None
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    deadline_s = time.monotonic() + 5
    while started_at(service_pid) is not None:
        assert time.monotonic() < deadline_s, "the service outlived its owner"
        time.sleep(0.02)


async def _create_topic(bootstrap: str, *, replicas: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 1, replicas)])
    finally:
        await admin.close()


async def _append(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(TOPIC, value)


async def _read(bootstrap: str, *, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        return [(await consumer.getone()).value for _ in range(count)]

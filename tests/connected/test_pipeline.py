"""Both workers as processes, from the source topics to the outputs, and what people ask of them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from models.calendar import rfc3339
from streams.commands.telling import TOLD
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry, Record
from streams.settings import Role
from tests.faults.findings import Findings
from tests.faults.judge import Remains, collected, judge
from tests.faults.run import Ground, ground
from tests.faults.scene import PARTITIONS, Load, Scene, scene

ROOT = Path(__file__).parents[2]
TRACED, TRACE = "traced-1", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PURCHASE = "customer.purchase.v1"


@pytest.fixture(scope="module")
def own() -> Iterator[Ground]:
    with ground("pipeline") as made:
        yield made


@pytest.fixture
async def pipeline(own: Ground) -> AsyncIterator[Scene]:
    """A deployment with both workers that has come to rest after some seconds of mixed input."""
    load = Load(seed=4, events_per_s=1_000, poison_share=0.05)
    async with scene(own.kafka, own.valkey, own.folder, load, print) as made:
        await made.activate(1)
        for role in Role:
            made.worker(role, f"{role}-1").start()
        feeding = asyncio.create_task(made.feeder.run(load.events_per_s))
        await made.resume()
        await buy_with_a_trace(made)
        feeding.cancel()
        await asyncio.wait([feeding])
        await made.settle()
        yield made
        await made.stop_workers()


async def buy_with_a_trace(made: Scene) -> None:
    purchase = {
        "event": "purchase",
        "event_id": "traced-purchase",
        "occurred_at": rfc3339(made.feeder.now),
        "source": "shop",
        "schema_version": 1,
        "customer_id": TRACED,
        "order_id": "traced-order",
        "net_amount_minor": 300_000,
        "currency": "GBP",
    }
    headers = (("traceparent", TRACE), ("ours", b"ignored"))
    entry = Entry(TRACED.encode(), json.dumps(purchase).encode(), headers)
    topic = made.reached.catalogue.name(PURCHASE)
    await made.reached.producer.deliver(
        [Append(topic, partition_for(TRACED.encode(), PARTITIONS), [entry])]
    )


async def test_everything_published_comes_out_once_and_can_be_asked_for(pipeline: Scene) -> None:
    await judged(pipeline)
    remains = await collected(pipeline.reached)
    outputs = [(topic, record) for topic in TOLD for _, record in remains.topic(topic)]
    for topic, record in outputs:
        check_headers(topic, record)
    assert {topic for topic, _ in outputs} == set(TOLD)
    check_trace([record for _, record in outputs])
    check_letters(remains)
    for command, answer in (
        (["customer", TRACED], "GBP 3,000.00"),
        (["explain", TRACED], f"{TRACED} at "),
        (["replay", "--verify"], "equal"),
        (["doctor"], "noeviction"),
    ):
        said = await asyncio.to_thread(tierstream, pipeline, *command)
        assert answer in said, said


async def judged(pipeline: Scene) -> None:
    findings = Findings()
    await judge(pipeline.reached, findings)
    assert findings.clean, "\n".join(findings.notes)


def check_headers(topic: str, record: Record) -> None:
    """CloudEvents 1.0 in binary mode, and the same facts in the value."""
    value, headers = json.loads(record.value or b""), dict(record.headers)
    customer = value["customer_id"].encode()
    assert record.key == customer
    assert headers.pop("ce_source").startswith(b"urn:tierstream:")
    assert headers.pop("ce_dataschema").endswith(topic.encode())
    headers.pop("traceparent", None)
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": value["id"].encode(),
        "ce_type": topic.encode(),
        "ce_subject": customer,
        "ce_partitionkey": customer,
        "ce_time": value["occurred_at"].encode(),
        "content-type": b"application/json",
    }
    assert {"revision", "sequence", "cause", "rulebook", "origin"} <= value.keys()


def check_trace(outputs: list[Record]) -> None:
    """What an event causes is part of its trace; what time causes is not."""
    mine = [record for record in outputs if record.key == TRACED.encode()]
    for record in mine:
        by_event = json.loads(record.value or b"")["cause"]["kind"] == "event"
        assert dict(record.headers).get("traceparent") == (TRACE if by_event else None)
    assert mine


def check_letters(remains: Remains) -> None:
    """Poison lies beside its topic, with a reason and where it came from."""
    letters = [dict(record.headers) for _, record in remains.topic(f"{PURCHASE}.dlq")]
    assert {"NOT_JSON", "BAD_SCHEMA", "TOO_LARGE"} <= {
        letter["dlq.reason"].decode() for letter in letters
    }
    assert all(letter["dlq.message"] and letter["dlq.at"] for letter in letters)


def tierstream(pipeline: Scene, *arguments: str) -> str:
    """Run a command; return what it says. It has to end well."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={**os.environ, **pipeline.variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

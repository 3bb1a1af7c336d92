"""Both workers as processes, from the source topics to the outputs, and what people ask of them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from models.calendar import rfc3339
from models.errors import Reason
from streams import topics
from streams.commands.common import CommandFailed, reach
from streams.commands.doctor import Mark, Symptom, examine
from streams.ledger import START
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry, Record
from streams.outputs import dead_letter
from streams.settings import Kafka, Redis, Role, Settings, Topic
from streams.store import keys
from streams.store.port import Step
from streams.topics import OUTPUTS
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
    for role in Role:
        assert await pipeline.reached.positions.members(pipeline.settings.consumer_group(role))
    remains = await collected(pipeline.reached)
    outputs = [(topic, record) for topic in OUTPUTS for _, record in remains.topic(topic)]
    for topic, record in outputs:
        check_headers(topic, record)
    assert {topic for topic, _ in outputs} == set(OUTPUTS)
    check_trace([record for _, record in outputs])
    check_letters(remains)
    for command, answer in (
        (["customer", TRACED], "GBP 3,000.00"),
        (["explain", TRACED], f"{TRACED} at "),
        (["replay", "--verify"], "equal"),
        (["doctor"], f"{PURCHASE}.dlq: "),
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


@pytest.fixture
async def fresh(kafka: str, valkey: str, app_name: str) -> Settings:
    """A deployment whose topics have just been made; no worker has ever run."""
    settings = Settings(
        app=app_name,
        partitions=4,
        kafka=Kafka(bootstrap=kafka),
        redis=Redis(url=valkey),
        topic=Topic(prefix=f"{app_name}."),
    )
    await topics.create(settings)
    return settings


@pytest.mark.parametrize("partitions", [2, 8])
async def test_commands_refuse_another_partition_count_than_the_log_has(
    fresh: Settings, partitions: int
) -> None:
    with pytest.raises(CommandFailed) as refused:
        async with reach(fresh.model_copy(update={"partitions": partitions})):
            pytest.fail("reached")
    assert f"segment.log.v1: has 4 partitions instead of {partitions}; " in str(refused.value)
    assert "set TIERSTREAM_PARTITIONS=4" in str(refused.value)


async def test_commands_without_topics_say_how_these_are_made(fresh: Settings) -> None:
    elsewhere = fresh.model_copy(update={"topic": Topic(prefix="nowhere.")})
    with pytest.raises(CommandFailed) as refused:
        async with reach(elsewhere):
            pytest.fail("reached")
    assert str(refused.value) == (
        "nowhere.segment.log.v1: does not exist; run `tierstream topics create`"
    )


@pytest.mark.parametrize("change", [{"topic": Topic(prefix="nowhere.")}, {"partitions": 8}])
async def test_a_doctor_asks_nothing_of_topics_that_are_not_as_they_must_be(
    fresh: Settings, change: dict[str, object]
) -> None:
    *_, topic, last = await examined(fresh.model_copy(update=change))
    assert (topic.mark, last.mark) == (Mark.ILL, Mark.NOTE)
    assert last.text.startswith("nothing more is looked at before that is mended")


async def test_a_doctor_finds_the_store_of_another_log_and_dead_letters(fresh: Settings) -> None:
    position = msgspec.json.encode(msgspec.structs.replace(START, next=10_031, partitions=4))
    letters = [
        dead_letter(PURCHASE, 0, Record(number, 0, b"anna", b"{"), Reason.NOT_JSON, text, 0)
        for number, text in enumerate(("first", "the\x1bnewest"))
    ]
    async with reach(fresh) as reached:
        await reached.store.claim(0, "test")
        step = Step(1, 0, "origin", {keys.POSITION: position}, {})
        assert await reached.store.apply(0, "test", 0, step)
        topic = reached.catalogue.name(PURCHASE) + topics.DEAD_LETTER_SUFFIX
        await reached.producer.deliver([Append(topic, 0, letters)])
        assert await reached.positions.members(fresh.consumer_group(Role.CUSTOMERS)) == 0
    found = await examined(fresh)
    (ahead,) = [each for each in found if each.text.startswith("partition 0: ")]
    assert ahead.mark is Mark.ILL
    assert "the store is 10,031 records ahead of the log" in ahead.text
    assert "TIERSTREAM_REDIS_URL" in ahead.text
    (piled,) = [each for each in found if each.text.startswith(topic)]
    assert piled.mark is Mark.NOTE
    assert ": 2 dead letters, the newest of " in piled.text
    assert piled.text.endswith(": NOT_JSON: the newest")


async def examined(settings: Settings) -> list[Symptom]:
    return [symptom async for symptom in examine(settings)]

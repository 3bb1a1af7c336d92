"""Each shipped rulebook in force: its examples become customers, and go through both workers.

What comes out has to be what an oracle makes of the log, and to show everything that the rulebook
can conclude: every tier, category and churn band, every policy and action.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.calendar import rfc3339
from models.events import TAGS, CustomerEvent, Profile, encode
from models.wire.topics import home_of
from rules import catalog
from rules.book import Book
from rules.compiler.compile import compile_book
from rules.examples.rehearsal import unreached
from rules.examples.timeline import timeline
from streams import topics
from streams.commands.common import Reach, reach
from streams.commands.ruling import activation
from streams.jobs.play import Stage, play
from streams.jobs.publish import SourceEvent
from streams.ledger import Position
from streams.log.port import Append, Entry
from streams.settings import Kafka, Redis, Role, Settings, Topic
from streams.store import keys
from streams.topics import CONTROL, DEAD_LETTER_SUFFIX
from tests.faults.findings import Findings
from tests.faults.judge import Remains, collected, judge
from tests.faults.workers import Worker

PARTITIONS = 2
YEARS_BACK = 4  # a whole cycle of leap years: months, days and windows stay what they were
INSTANTS = ("occurred_at", "purchased_at", "until", "valid_until")
SETTLE_S_MAX = 40.0
STOP_S_MAX = 20.0


@pytest.mark.parametrize("name", catalog.NAMES)
async def test_a_shipped_rulebook_at_work(
    kafka: str, valkey: str, app_name: str, tmp_path: Path, name: str
) -> None:
    text = told_earlier(catalog.text(name))
    book = compile_book(text, name)
    settings = Settings(
        app=app_name,
        partitions=PARTITIONS,
        kafka=Kafka(bootstrap=kafka),
        redis=Redis(url=valkey),
        topic=Topic(prefix=f"{app_name}."),
    )
    async with at_work(settings, tmp_path) as (reached, stage):
        await put_into_force(reached, stage, text, book)
        last = await play(customers(book), stage, book.zone, progress=lambda _, __: None)
        await settled(reached, last)
    async with reach(settings) as reached:
        findings = Findings()
        await judge(reached, findings)
        assert findings.clean, "\n".join(findings.notes)
        remains = await collected(reached)
    assert letters(remains) == []
    assert unreached(book, shown(remains)) == set()


def told_earlier(text: str) -> str:
    """Move all dates into the past: no clock of a log runs ahead of the wall clock."""
    return re.sub(r"\b(\d{4})(?=-\d\d-\d\d\b)", lambda year: str(int(year[0]) - YEARS_BACK), text)


def customers(book: Book) -> Iterator[SourceEvent]:
    """Yield the events of the examples, each of which is about a customer of its own."""
    for number, story in enumerate(book.source.examples):
        customer = f"{book.name}-{number}"
        for moment in timeline(story, book.zone, book.currency):
            if moment.event is not None:
                yield published(customer, moment.event)


def published(customer: str, event: CustomerEvent) -> SourceEvent:
    """Return an event as a producer would write it."""
    said: dict[str, Any] = {name: each for name, each in plain(event).items() if each is not None}
    said |= {name: rfc3339(said[name]) for name in INSTANTS if name in said}
    if isinstance(event, Profile):
        said["patch"] = nested(event.patch)
    said |= {"event_id": f"{customer}-{event.event_id}", "customer_id": customer}
    topic = home_of(TAGS[type(event)])
    assert topic is not None
    value = json.dumps(said | {"schema_version": 1}, ensure_ascii=False).encode()
    return SourceEvent(topic, customer.encode(), value, event.occurred_at)


def plain(event: CustomerEvent) -> dict[str, Any]:
    """Return an event's fields; quantities are decimal numbers where producers write them."""

    def written(part: Any) -> Any:  # noqa: ANN401 - JSON of any form
        if isinstance(part, list):
            return [written(each) for each in part]
        if isinstance(part, dict) and part.get("quantity_milli") is not None:
            part = part | {"quantity": part["quantity_milli"] / 1_000}
        if isinstance(part, dict):
            return {name: written(each) for name, each in part.items() if name != "quantity_milli"}
        return part

    found: dict[str, Any] = written(msgspec.json.decode(encode(event)))
    return found


def nested(patch: dict[str, Any]) -> dict[str, Any]:
    """Turn dotted names into objects, and when a consent was given into a text."""
    found: dict[str, Any] = {}
    for dotted, value in patch.items():
        *outer, name = dotted.split(".")
        inner = found
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = rfc3339(value) if name == "at" and isinstance(value, int) else value
    return found


@asynccontextmanager
async def at_work(settings: Settings, folder: Path) -> AsyncIterator[tuple[Reach, Stage]]:
    """Make topics and run both workers; those that still run at the end are stopped."""
    await topics.create(settings)
    variables = {
        "TIERSTREAM_APP": settings.app,
        "TIERSTREAM_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
        "TIERSTREAM_REDIS_URL": settings.redis.url,
        "TIERSTREAM_TOPIC_PREFIX": settings.topic.prefix,
        "TIERSTREAM_PARTITIONS": str(settings.partitions),
        "TIERSTREAM_GROUP_COMMIT_INTERVAL_MS": "10",
        "TIERSTREAM_TICKER": "off",
    }
    async with AsyncExitStack() as owned:
        reached = await owned.enter_async_context(reach(settings))
        for role in Role:
            worker = Worker(role, f"{role}-1", variables, folder)
            worker.start()
            owned.push_async_callback(asyncio.to_thread, worker.stop, STOP_S_MAX)
        group = settings.consumer_group(Role.INGRESS)
        yield reached, Stage(reached.catalogue, group, reached.producer, reached.positions)


async def put_into_force(reached: Reach, stage: Stage, text: str, book: Book) -> None:
    entry = Entry(None, activation(text, book, by="test"))
    await reached.producer.deliver([Append(reached.catalogue.name(CONTROL), 0, [entry])])
    await stage.passed()


async def settled(reached: Reach, last: int) -> None:
    """Wait until every timer up to the last tick has fired."""
    async with asyncio.timeout(SETTLE_S_MAX):
        for number in range(PARTITIONS):
            while not await rests(reached, number, last):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)


async def rests(reached: Reach, partition: int, last: int) -> bool:
    (value,) = (await reached.store.view(partition, [keys.POSITION])).values
    if value is None:
        return False
    position = msgspec.json.decode(value, type=Position)
    return position.settled and position.now == last


def letters(remains: Remains) -> list[bytes]:
    """Return why anything was set aside."""
    return [
        dict(record.headers)["dlq.message"]
        for (topic, _), records in remains.records.items()
        if topic.endswith(DEAD_LETTER_SUFFIX)
        for record in records
    ]


def shown(remains: Remains) -> set[str]:
    """Return what the output topics tell, as `rules.examples.rehearsal.unreached` names it."""
    told = {
        topic: [json.loads(record.value or b"") for _, record in remains.topic(topic)]
        for topic in topics.OUTPUTS
    }
    found = {f"tier={each['to']}" for each in told["segment.tier-changed.v1"]}
    found |= {f"band={each['to_band']}" for each in told["segment.churn-risk.v1"]}
    for each in told["segment.changed.v1"]:
        names = {*each["current"], *each["removed"], each["from"]}
        found |= {f"{each['dimension']}={name}" for name in names}
    for each in told["segment.action-requested.v1"]:
        kind = "policy" if each["policy"] else "action"
        found.add(f"{kind}={each['action']}")
    return found

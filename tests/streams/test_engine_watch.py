"""A newer engine has an era begun that says so: asked for by one owner, and begun once."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import msgspec
import pytest

from models import events
from models.wire import accept
from models.wire.topics import TOPICS
from rules.eras import ENGINE, EraRecord
from streams.batch import Batch
from streams.clock import ManualClock
from streams.engine_watch import EngineWatch, raised
from streams.errors import Halt
from streams.ledger import START, Ledger
from streams.log.memory import MemoryLog
from streams.log.port import Record
from streams.log.producer import MemoryProducer
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step
from streams.topics import CONTROL
from tests.rules.driving import activation, book

NOW = 1_790_000_000
NEWER = ENGINE + 1


@dataclass
class Partition:
    number: int = 0
    now: int | None = NOW
    settled: bool = True


async def store_of(engine: int, number: int = 0) -> MemoryStore:
    """Return a store of which a partition is concluded by an engine."""
    store = MemoryStore()
    era = EraRecord(number=3, since=None, cause_type="", cause_by="", book=book(), engine=engine)
    fields = {
        keys.POSITION: msgspec.json.encode(msgspec.structs.replace(START, now=NOW)),
        keys.BOOK: msgspec.json.encode((0,)),
        keys.era_field(0): msgspec.json.encode(era),
    }
    await store.claim(number, "me")
    assert await store.apply(number, "me", 0, Step(1, NOW, "origin", fields, {}))
    return store


async def asked(log: MemoryLog) -> list[events.Event]:
    """Return what ingress would make of the control topic."""
    bounds = await log.bounds(CONTROL, 0)
    found = [
        accept(TOPICS[CONTROL], record.key, record.value, record.headers, offset=record.offset)
        async for records, _ in log.read(CONTROL, 0, 0, bounds.end)
        for record in records
    ]
    return [each.event for each in found]


async def test_a_newer_engine_is_asked_for_once() -> None:
    log, clock = MemoryLog(lambda: NOW), ManualClock(NOW)
    watch = EngineWatch(
        Partition(), await store_of(ENGINE), MemoryProducer(log), CONTROL, clock, NEWER
    )
    assert await watch.look()
    assert not await watch.look(), "ingress needs a moment to bring it"
    (event,) = await asked(log)
    assert event == events.EngineRaised(
        number=0, by="worker", engine=NEWER, tzdata=version("tzdata")
    )
    clock.advance(600)
    assert await watch.look(), "it did not come: somebody has to ask again"


async def test_the_owner_of_any_partition_asks() -> None:
    log = MemoryLog(lambda: NOW)
    watch = EngineWatch(
        Partition(number=1),
        await store_of(ENGINE, 1),
        MemoryProducer(log),
        CONTROL,
        ManualClock(NOW),
        NEWER,
    )
    assert await watch.look(), "the first partition may be an older worker's still"
    assert len(await asked(log)) == 1


@pytest.mark.parametrize(
    ("partition", "engine"),
    [(Partition(), ENGINE), (Partition(now=None), NEWER)],
)
async def test_nobody_else_asks(partition: Partition, engine: int) -> None:
    log = MemoryLog(lambda: NOW)
    store = await store_of(ENGINE)
    watch = EngineWatch(partition, store, MemoryProducer(log), CONTROL, ManualClock(NOW), engine)
    assert not await watch.look()
    assert await asked(log) == []


def record(offset: int, event: events.Event) -> Record:
    return Record(offset, NOW, None, events.encode(event))


def engine_raised(number: int, engine: int) -> events.EngineRaised:
    return events.EngineRaised(number=number, by="worker", engine=engine, tzdata="2026a")


def test_an_engine_asked_for_twice_begins_one_era() -> None:
    old = activation(0, book())
    log = [
        record(0, events.Tick(t=NOW)),
        record(1, old),
        record(2, engine_raised(1, ENGINE)),
        record(3, engine_raised(2, ENGINE - 1)),
    ]
    begun = Ledger(msgspec.structs.replace(START, partitions=1))
    result = Batch("test", 0, 1, begun, log, 4).compute({})
    assert [era.number for era in result.ledger.eras] == [0]
    assert result.taken == len(log)
    assert result.reasons == []


def test_an_older_worker_halts_where_a_newer_engine_begins() -> None:
    log = [record(0, events.Tick(t=NOW)), record(1, engine_raised(1, NEWER))]
    begun = Ledger(msgspec.structs.replace(START, partitions=1))
    with pytest.raises(Halt, match="use the newer version"):
        Batch("test", 0, 1, begun, log, 2).compute({})


def test_what_is_asked_is_what_ingress_takes() -> None:
    accepted = accept(TOPICS[CONTROL], None, raised(NEWER, NOW), (), offset=7)
    assert accepted.event == events.EngineRaised(
        number=7, by="worker", engine=NEWER, tzdata=version("tzdata")
    )

"""The watch over the churn model: once a day, of a bounded sample, and never during a backlog."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
import pytest

from models import events
from models.calendar import DAY_S
from models.churn_live import Realised
from models.customer import CustomerState, Facts, pack
from rules.eras import EraRecord
from streams import churn_watch
from streams.churn_watch import BEHIND_S_MAX, SAMPLE_MAX, ChurnWatch
from streams.clock import ManualClock
from streams.errors import Unavailable
from streams.ledger import START
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step
from streams.topics import CONTROL
from tests.rules.driving import book

TODAY = 20_000
NOW = TODAY * DAY_S + 7_200
MODEL = events.ChurnModelActivated(
    number=1, by="ann", version=4, r=0.7, alpha_days=60.0, a=0.2, b=3.0
)


@dataclass
class Partition:
    now: int | None = NOW
    settled: bool = True
    number: int = 0


class Observer:
    def __init__(self) -> None:
        self.models: list[tuple[int, int, int | None]] = []
        self.found: list[Realised] = []

    def churn_model(self, partition: int, version: int, age_s: int | None) -> None:
        self.models.append((partition, version, age_s))

    def churn_quality(self, partition: int, found: Realised) -> None:
        assert partition == 0
        self.found.append(found)


class Scene:
    """A partition whose customers bought twenty days ago; every second one has come back since."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), ManualClock(NOW + 60)
        self.log = MemoryLog(lambda: NOW - 600)
        self.log.append(Append(CONTROL, 0, [Entry(None, b"{}"), Entry(None, b"{}")]))
        self.partition, self.observer = Partition(), Observer()
        self.watch = ChurnWatch(
            self.partition, self.store, self.log, CONTROL, self.clock, self.observer
        )

    async def fill(self, customers: int, model: events.ChurnModelActivated | None = MODEL) -> None:
        era = EraRecord(number=1, since=None, cause_type="", cause_by="", book=book(), model=model)
        fields = {keys.customer_field(b"%d" % n): state(come_back=n % 2 == 0) for n in
                  range(customers)}  # fmt: skip
        fields[keys.POSITION] = msgspec.json.encode(msgspec.structs.replace(START, now=NOW))
        fields[keys.BOOK] = msgspec.json.encode((0,))
        fields[keys.era_field(0)] = msgspec.json.encode(era)
        await self.store.claim(0, "me")
        assert await self.store.apply(0, "me", 0, Step(1, NOW, "origin", fields, {}))


def state(*, come_back: bool) -> bytes:
    days = [TODAY - 40, TODAY - 20, *([TODAY - 5] if come_back else [])]
    return pack(
        CustomerState(
            facts=Facts(
                first_purchase_at=days[0] * DAY_S, last_purchase_at=days[-1] * DAY_S,
                purchase_days=len(days), days=days, net_minor=[1] * len(days),
                orders=[1] * len(days),
            )
        )
    )  # fmt: skip


async def test_what_came_is_told_once_a_day() -> None:
    scene = Scene()
    await scene.fill(400)
    await scene.watch.look()
    await scene.watch.look()
    assert scene.observer.models == [(0, 4, 660), (0, 4, 660)]
    (found,) = scene.observer.found
    assert (found.customers, found.realised) == (400, 0.5)
    assert 0.5 < found.predicted < 1.0
    scene.clock.advance(DAY_S)
    scene.partition.now = NOW + DAY_S
    await scene.watch.look()
    assert len(scene.observer.found) == 2


async def test_a_sample_is_bounded() -> None:
    scene = Scene()
    await scene.fill(SAMPLE_MAX + 500)
    await scene.watch.look()
    assert scene.observer.found[0].customers == SAMPLE_MAX


async def test_the_default_model_has_no_age_and_few_customers_no_rates() -> None:
    scene = Scene()
    await scene.fill(50, None)
    await scene.watch.look()
    assert scene.observer.models == [(0, 0, None)]
    assert scene.observer.found == []


async def test_without_an_era_there_is_nothing_to_watch() -> None:
    scene = Scene()
    await scene.watch.look()
    assert scene.observer.models == []


@pytest.mark.parametrize(
    ("now", "settled", "ahead"), [(None, True, 0), (NOW, False, 0), (NOW, True, BEHIND_S_MAX)]
)
async def test_a_backlog_does_not_pay_for_it(now: int | None, ahead: int, *, settled: bool) -> None:
    scene = Scene()
    await scene.fill(400)
    scene.partition.now, scene.partition.settled = now, settled
    scene.clock.advance(ahead)
    await scene.watch.look()
    assert scene.observer.models == []
    assert scene.observer.found == []


async def test_it_outlives_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, looks, often = Scene(), 0, asyncio.Event()

    async def look(_: ChurnWatch) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            often.set()
        raise Unavailable("no store")

    monkeypatch.setattr(churn_watch, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(ChurnWatch, "look", look)
    running = asyncio.create_task(scene.watch.run())
    await often.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

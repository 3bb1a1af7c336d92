"""Live quality follows from the log: whoever looks, after whatever happened, finds the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from zlib import crc32

import msgspec
import pytest

from models import events
from models.calendar import DAY_S, calendar
from models.churn import PRIOR
from models.churn_forecast import risk
from models.churn_history import snapshot
from models.churn_live import Realised
from models.churn_model import RiskModel
from models.churn_watch import matured, weekly
from rules import catalog
from rules.eras import EraRecord
from streams.churn_watch import SAMPLE_MAX, ChurnWatch
from streams.clock import ManualClock
from streams.jobs.churn.states import Population
from streams.jobs.churn.watching import InForce, Told, as_json, ever_in_force, told_of, weeks_of
from streams.ledger import START
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step
from streams.topics import CONTROL
from tests.churn.data import online_retail
from tests.churn.test_streamed import streamed

UTC = calendar("UTC")
TODAY = int(online_retail().day.max())
NOW = (TODAY + 1) * DAY_S + 7_200  # the day after the data end: all of it lies behind
QUARTER_DAYS = 91
GLOOMY = events.ChurnModelActivated(
    number=1, by="ann", version=1, r=0.7, alpha_days=300.0, a=0.2, b=3.0
)
POPULATION = Population(online_retail(), (), 4_339, NOW, None, UTC)


@dataclass
class Owner:
    """A partition, and what its owner's watch tells."""

    number: int = 0
    now: int | None = NOW
    settled: bool = True
    found: list[Realised] = field(default_factory=list)

    def churn_model(self, partition: int, version: int, age_s: int | None) -> None:
        assert (partition, version, age_s) == (0, 0, None)

    def churn_quality(self, partition: int, found: Realised) -> None:
        assert partition == 0
        self.found.append(found)


async def stored(states: dict[bytes, bytes], seed: bytes) -> MemoryStore:
    """Put states into a store; as in Redis, their order is that of hashes with a seed of its own.

    In the order of arrival those who buy often would come first, and be all of a sample.
    """
    book = catalog.text("retail")
    era = EraRecord(number=0, since=None, cause_type="", cause_by="", book=book)
    order = sorted(states, key=lambda customer: crc32(seed + customer))
    fields = {keys.customer_field(customer): states[customer] for customer in order}
    fields[keys.POSITION] = msgspec.json.encode(msgspec.structs.replace(START, now=NOW))
    fields[keys.BOOK] = msgspec.json.encode((0,))
    fields[keys.era_field(0)] = msgspec.json.encode(era)
    store = MemoryStore()
    await store.claim(0, "me")
    assert await store.apply(0, "me", 0, Step(1, NOW, "origin", fields, {}))
    return store


async def seen_by_a_new_owner(store: MemoryStore) -> Realised:
    owner = Owner()
    log, clock = MemoryLog(lambda: NOW), ManualClock(NOW)
    await ChurnWatch(owner, store, log, CONTROL, clock, owner).look()
    (found,) = owner.found
    return found


@pytest.mark.long
async def test_a_new_owner_finds_what_the_last_one_found() -> None:
    store = await stored(streamed(Random(1)), b"one")
    first = await seen_by_a_new_owner(store)
    assert await seen_by_a_new_owner(store) == first
    # A store that is built again hands out others first; the rates are those of another sample.
    rebuilt = await seen_by_a_new_owner(await stored(streamed(Random(2)), b"two"))
    day = TODAY - QUARTER_DAYS
    (whole,) = weekly(matured(online_retail(), PRIOR, QUARTER_DAYS, TODAY, weeks=1))
    assert whole.day == day
    for found in (first, rebuilt):
        assert found.customers > SAMPLE_MAX / 2
        assert found.predicted == pytest.approx(whole.quality.predicted_rate, abs=0.03)
        assert found.realised == pytest.approx(whole.quality.churn_rate, abs=0.03)


def test_each_week_was_told_by_the_model_of_its_day() -> None:
    changed = TODAY - QUARTER_DAYS - 30
    models = [InForce(0, RiskModel(), None), InForce(1, RiskModel.of(GLOOMY), changed * DAY_S)]
    weeks = weeks_of(POPULATION, RiskModel.of(GLOOMY), QUARTER_DAYS, TODAY)
    told = told_of(POPULATION, models, weeks, QUARTER_DAYS, TODAY)
    assert told.keys() == {week.day for week in weeks}
    assert {each.version for each in told.values()} == {0, 1}
    for week in weeks:
        then = told[week.day]
        assert then.version == (week.day >= changed)
        if then.version:
            assert then.predicted_rate == week.quality.predicted_rate
        else:
            taken = snapshot(online_retail(), week.day)
            said = float(risk(PRIOR, taken.histories, QUARTER_DAYS).mean())
            assert then.predicted_rate == pytest.approx(said)


def test_a_line_says_what_was_told() -> None:
    used = InForce(1, RiskModel.of(GLOOMY), NOW - 60)
    weeks = weeks_of(POPULATION, used.model, QUARTER_DAYS, TODAY)
    line = msgspec.json.decode(
        as_json(used, QUARTER_DAYS, weeks, NOW, {weeks[-1].day: Told(3, 0.5)})
    )
    assert line["weeks"][-1]["told"] == {"version": 3, "predicted_rate": 0.5}
    assert line["weeks"][0]["told"] is None


async def test_the_control_topic_knows_every_model() -> None:
    clock = ManualClock(NOW)
    log = MemoryLog(clock.now)
    fitted = activated(2), b"no JSON", activated(3)
    for value in fitted:
        log.append(Append(CONTROL, 0, [Entry(None, value)]))
        clock.advance(60)
    found = await ever_in_force(log, CONTROL)
    assert [(each.version, each.since) for each in found] == [(0, None), (2, NOW), (3, NOW + 120)]
    assert found[0].model == RiskModel()
    assert found[2].model.parameters.alpha_days == 300.0


def activated(version: int) -> bytes:
    event = {
        "event": "churn-model.activated", "event_id": f"m{version}", "source": "test",
        "occurred_at": "2011-12-01T00:00:00Z", "schema_version": 1, "by": "ann",
        "version": version, "r": 0.7, "alpha_days": 300.0, "a": 0.2, "b": 3.0,
    }  # fmt: skip
    return msgspec.json.encode(event)

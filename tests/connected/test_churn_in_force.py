"""A churn model and RFM cuts are taken from the store, and put into force under running workers.

What comes out has to be what an oracle makes of the log: a control event in every partition, every
customer scored again, and outputs that name the version and the activation that made them.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models import events
from models.calendar import DAY_S, Calendar, calendar, rfc3339
from models.customer import CustomerState, unpack
from models.wire.topics import home_of
from rules.churn_risk import raw_risk, standing
from rules.compiler.compile import compile_book
from rules.eras import Era
from streams.cli import app
from streams.commands.common import Reach, reach
from streams.jobs.play import Stage, play
from streams.jobs.publish import SourceEvent
from streams.settings import Kafka, Redis, Settings, Topic
from streams.store import keys
from streams.stored_eras import newest
from streams.topics import LOG
from tests.connected.test_rulebooks import PARTITIONS, at_work, letters, put_into_force, settled
from tests.faults.findings import Findings
from tests.faults.judge import Remains, collected, judge

BOOK = """
rulebook: in_force
version: 1
label: {en: In force}
zone: UTC
currency: EUR
rfm: true
tiers:
  upgrade: immediate
  downgrade: to_qualified
  ladder: [{name: all, label: {en: All}}]
churn:
  horizon: 28d
  bands: {medium: {enter: 50, keep: 45}, high: {enter: 75, keep: 68}}
  minimum_stay: 24h
  minimum_history: 14d
"""
CUSTOMERS = 120
WEEKS = 30
FIRST_DAY = int(datetime(2022, 3, 7, tzinfo=UTC).timestamp()) // DAY_S
CUT_WEEK = 22
EVALUATE = ("churn", "evaluate", "--cut", Calendar.date(FIRST_DAY + 7 * CUT_WEEK).isoformat())


async def test_a_model_and_cuts_are_put_into_force_at_work(
    kafka: str, valkey: str, app_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        app=app_name,
        partitions=PARTITIONS,
        kafka=Kafka(bootstrap=kafka),
        redis=Redis(url=valkey),
        topic=Topic(prefix=f"{app_name}."),
    )
    for name, value in {
        "APP": app_name,
        "KAFKA_BOOTSTRAP": kafka,
        "REDIS_URL": valkey,
        "TOPIC_PREFIX": f"{app_name}.",
        "PARTITIONS": str(PARTITIONS),
    }.items():
        monkeypatch.setenv(f"TIERSTREAM_{name}", value)
    async with at_work(settings, tmp_path) as (reached, stage):
        await put_into_force(reached, stage, BOOK, compile_book(BOOK, "in_force"))
        zone = calendar("UTC")
        today = await play(purchases(), stage, zone, beyond_days=1, progress=lambda *_: None)
        await settled(reached, today)

        shown = await command("churn", "fit", "--activate", "--reason", "first fit")
        assert f"of {CUSTOMERS} customers" in shown
        assert "Version 1 is on its way into force." in shown
        era = await in_force(reached, stage, today)
        assert era.record.model is not None
        assert (era.record.model.version, era.record.model.reason) == (1, "first fit")

        recut = json.loads(await command("rfm", "recut", "--activate", "--json"))
        assert (recut["buyers"], recut["activated"]) == (CUSTOMERS, 1)
        era = await in_force(reached, stage, today)
        assert era.record.cuts is not None
        assert era.record.cuts.version == 1

        status = json.loads(await command("churn", "status", "--json"))
        assert (status["version"], status["horizon_days"]) == (1, 28)
        assert status["age_s"] >= 0
        assert status["weeks"][-1]["told"]["version"] == 0, "the default, before there was a fit"
        assert json.loads(await command("rfm", "recut", "--json"))["version_in_force"] == 1

        assert_measured_alike(
            json.loads(await command(*EVALUATE, "--json")),
            json.loads(await command(*EVALUATE, "--json", "--log")),
        )

        later = today + 30 * DAY_S
        await stage.tick(later)
        await settled(reached, later)
    async with reach(settings) as reached:
        findings = Findings()
        await judge(reached, findings)
        assert findings.clean, "\n".join(findings.notes)
        remains = await collected(reached)
    assert letters(remains) == []
    assert_scored_again(remains, era, later)
    assert_told(remains)


def purchases() -> Iterator[SourceEvent]:
    """Yield customers who buy on Mondays at their own pace, and leave for good at some time."""
    chance = random.Random(5)
    topic = home_of("purchase")
    assert topic is not None
    for number in range(CUSTOMERS):
        customer, pace, stays = f"c{number}", chance.betavariate(2, 2), chance.betavariate(9, 1)
        week = chance.randrange(WEEKS // 2)
        while week < WEEKS:
            at = (FIRST_DAY + 7 * week) * DAY_S + 36_000
            said = {
                "event": "purchase",
                "event_id": f"{customer}-{week}",
                "customer_id": customer,
                "occurred_at": rfc3339(at),
                "source": "shop",
                "schema_version": 1,
                "order_id": f"{customer}-{week}",
                "net_amount_minor": chance.randrange(500, 20_000),
                "currency": "EUR",
            }
            yield SourceEvent(topic, customer.encode(), json.dumps(said).encode(), at)
            if chance.random() > stays:
                break
            week += 1
            while week < WEEKS and chance.random() > pace:
                week += 1


async def command(*arguments: str) -> str:
    """Return what a command says; it has a loop of its own, so it runs beside this one."""
    shown = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    if shown.exception is not None:
        raise shown.exception
    return shown.stdout


async def in_force(reached: Reach, stage: Stage, now: int) -> Era:
    """Return the era that every partition has come to, once all customers were concluded in it."""
    await stage.passed()
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(0.2)  # until the customers role has taken the control event
            await settled(reached, now)
            found = [await newest(reached.store, number) for number in range(PARTITIONS)]
            if found[0] is not None and all(each == found[0] for each in found):
                return Era(found[0])


def assert_measured_alike(from_store: dict[str, Any], from_log: dict[str, Any]) -> None:
    """The store and the log know the same purchases."""
    assert from_store["horizon_days"] == from_log["horizon_days"] == 28, "the rulebook's"
    assert CUSTOMERS / 2 < from_store["customers"] == from_log["customers"] <= CUSTOMERS
    for figure in ("auc", "auc_recency", "brier", "log_loss", "ece", "churn_rate"):
        assert from_store[figure] == pytest.approx(from_log[figure], abs=1e-6)
    assert from_store["parameters"] == pytest.approx(from_log["parameters"], rel=1e-4)


def assert_scored_again(remains: Remains, era: Era, now: int) -> None:
    """Each customer is in the newest era, in the band that its model says."""
    assert era.churn is not None
    bands = Counter[int]()
    for stored in remains.fields.values():
        for name, packed in stored.items():
            if keys.customer_of(name) is None:
                continue
            state = unpack(packed)
            assert state.era == era.number
            assert state.concluded.band is not None
            assert_band_fits(state, era, now)
            bands[state.concluded.band] += 1
    assert sum(bands.values()) == CUSTOMERS
    assert len(bands) > 1


def assert_band_fits(state: CustomerState, era: Era, now: int) -> None:
    stand, band = standing(state.facts, era.model), state.concluded.band
    assert stand is not None
    assert era.churn is not None
    assert band is not None
    risk, bounds = raw_risk(era.churn, stand, now), era.churn.bands
    assert band == 0 or risk >= bounds[band - 1][1], "low enough to leave the band"
    assert band == len(bounds) or risk < bounds[band][0], "high enough to enter the next band"


def assert_told(remains: Remains) -> None:
    """Outputs name what they were concluded with, and every partition knows the activations."""
    causes = {"churn-model.activated": Counter[int](), "rfm-cuts.activated": Counter[int]()}
    for partition in range(PARTITIONS):
        taken = [events.decode(record.value or b"") for record in remains.records[LOG, partition]]
        assert sum(isinstance(each, events.ChurnModelActivated) for each in taken) == 1
        assert sum(isinstance(each, events.RfmCutsActivated) for each in taken) == 1
    versions = {"event": set[int](), "activation": set[int](), "timer": set[int]()}
    for partition, output in outputs(remains, "segment.churn-risk.v1"):
        cause = output["cause"]
        versions[cause["kind"]].add(output["model"]["version"])
        if cause["type"] in causes:
            causes[cause["type"]][partition] += 1
            assert output["origin"] == "activation"
            assert output["model"]["version"] == 1
    assert versions["timer"] == {0, 1}, "before the fit and after it"
    graded = Counter[str]()
    for partition, output in outputs(remains, "segment.changed.v1"):
        assert output["dimension"] == "rfm"
        graded[output["cause"]["type"]] += 1
        if output["cause"]["type"] in causes:
            causes[output["cause"]["type"]][partition] += 1
            assert output["from"] is None, "without cuts there are no segments"
    assert graded["rfm-cuts.activated"] == CUSTOMERS
    assert graded.keys() > {"rfm-cuts.activated"}, "silence goes on lowering recency"
    for of_partition in causes.values():
        assert of_partition.keys() == set(range(PARTITIONS))


def outputs(remains: Remains, topic: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for partition, record in remains.topic(topic):
        yield partition, json.loads(record.value or b"")

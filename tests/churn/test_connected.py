"""A fit from the states of a real deployment, put into force, and watched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.local.kafka import Kafka
from deploy.local.scratch import scratch_folder
from deploy.local.valkey import Valkey
from models import events
from models.calendar import DAY_S
from models.customer import CustomerState, Facts, pack
from models.wire import TOPICS, accept
from streams.cli import app
from streams.commands.common import reach
from streams.ledger import START
from streams.settings import load
from streams.store import keys
from streams.store.port import Step
from streams.topics import CONTROL
from tests.churn.data import online_retail

pytestmark = pytest.mark.connected

NOW = int(datetime(2011, 12, 10, 1, tzinfo=UTC).timestamp())  # the last day is over


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployment of one partition whose states hold a year of purchases."""
    with (
        scratch_folder("churn") as folder,
        Kafka.start(folder / "kafka") as kafka,
        Valkey.start(folder / "valkey", persist=False) as valkey,
    ):
        for name, value in {
            "PARTITIONS": "1",
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "REDIS_URL": valkey.url,
        }.items():
            monkeypatch.setenv(f"TIERSTREAM_{name}", value)
        invoke("topics", "create")
        asyncio.run(fill())
        yield


def invoke(*arguments: str) -> str:
    shown = CliRunner().invoke(app, arguments)
    if shown.exception is not None:
        raise shown.exception
    return shown.stdout


def states() -> dict[bytes, bytes]:
    """Return the packed states that the purchases lead to, by field."""
    facts: dict[int, Facts] = {}
    purchases = online_retail()
    for customer, day, amount in zip(
        purchases.customer.tolist(), purchases.day.tolist(), purchases.amount.tolist(), strict=True
    ):
        one = facts.setdefault(customer, Facts(first_purchase_at=day * DAY_S))
        one.last_purchase_at = day * DAY_S
        one.purchase_days += 1
        one.days.append(day)
        one.net_minor.append(round(amount))
        one.orders.append(1)
    return {
        keys.customer_field(str(customer).encode()): pack(CustomerState(facts=each))
        for customer, each in facts.items()
    }


async def fill() -> None:
    position = msgspec.structs.replace(START, now=NOW, partitions=1)
    fields = states() | {keys.POSITION: msgspec.json.encode(position)}
    async with reach(load()) as reached:
        await reached.store.claim(0, "test")
        assert await reached.store.apply(0, "test", 0, Step(1, NOW, "origin", fields, {}))


async def newest_control_event() -> object:
    async with reach(load()) as reached:
        bounds = await reached.log.bounds(CONTROL, 0)
        values = [
            record.value
            async for records, _ in reached.log.read(CONTROL, 0, bounds.start, bounds.end)
            for record in records
        ]
    value = values[-1]
    assert value is not None
    _, event, _ = accept(TOPICS[CONTROL], None, value, (), offset=0)
    return event


@pytest.mark.usefixtures("deployment")
def test_a_model_is_fitted_to_the_states_put_into_force_and_watched() -> None:
    fitted = invoke("churn", "fit", "--activate", "--reason", "first fit")
    assert "of 4,339 customers" in fitted
    assert "Version 1 is on its way into force." in fitted
    event = asyncio.run(newest_control_event())
    assert isinstance(event, events.ChurnModelActivated)
    assert (event.version, event.reason) == (1, "first fit")
    assert f"alpha {event.alpha_days:.4g} days" in fitted

    watched = invoke("churn", "status")
    assert "mbg-nbd 0 (default)" in watched, "no worker has applied the activation yet"
    assert "4,339 customers" in watched
    assert date(2011, 7, 22).isoformat() in watched

    told = json.loads(invoke("churn", "status", "--json"))
    assert told["horizon_days"] > 0
    assert told["weeks"][-1]["customers"] > 3_000

    measured = invoke("churn", "evaluate", "--cut", "2011-09-09", "--horizon", "91")
    assert "3,370" in measured

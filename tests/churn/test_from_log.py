"""Customers who are built again from the log, where there is no store to read."""

from __future__ import annotations

from random import Random

import pytest
from typer.testing import CliRunner

from models import events
from models.calendar import DAY_S
from models.churn_history import Purchases, snapshot
from models.errors import TierstreamError
from streams.cli import app
from streams.jobs.churn.states import Forgotten, population_of_log
from streams.log.memory import MemoryLog
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry
from streams.topics import LOG
from tests.rules.driving import activation, book

DAY = 20_000
PARTITIONS = 2
PREFIX = "shop."
CUSTOMERS = 30


def bought() -> list[tuple[int, int]]:
    """Return (customer, day) in any order; some customers buy on a day twice."""
    chance = Random(3)
    return [(chance.randrange(CUSTOMERS), DAY + chance.randrange(90)) for _ in range(200)]


def log(*, ticking: int = PARTITIONS) -> MemoryLog:
    """Return the log of two partitions, of which the first few have a clock."""
    found = MemoryLog(lambda: (DAY + 100) * DAY_S)

    def append(partition: int, key: bytes | None, event: events.Event) -> None:
        entry = Entry(key, events.encode(event))
        found.append(Append(PREFIX + LOG, partition, [entry]))

    for partition in range(PARTITIONS):
        append(partition, None, activation(0, book()))
    for number, (customer, day) in enumerate(bought()):
        key = b"c%d" % customer
        event = events.Purchase(
            event_id=f"p{number}", source="shop", occurred_at=day * DAY_S + number,
            order_id=f"o{number}", net_amount_minor=500, currency="EUR",
        )  # fmt: skip
        append(partition_for(key, PARTITIONS), key, event)
    for partition in range(ticking):
        append(partition, None, events.Tick(t=(DAY + 95) * DAY_S))
    return found


async def test_all_customers_are_in_the_log() -> None:
    counts: list[int] = []
    found = await population_of_log(log(), "test", PARTITIONS, PREFIX, counts.append)
    assert found.customers == counts[-1] == len({customer for customer, _ in bought()})
    assert found.now == (DAY + 95) * DAY_S
    assert found.era is not None
    assert found.era.book is not None
    customers, days = zip(*bought(), strict=True)
    known, wanted = found.purchases, Purchases.of(customers, days, [500.0] * len(days))
    assert (len(known.day), known.amount.sum()) == (len(wanted.day), wanted.amount.sum())
    assert histories(known) == histories(wanted)


def histories(purchases: Purchases) -> list[tuple[int, ...]]:
    """Return (x, t_x, T) of all customers, in order."""
    taken = snapshot(purchases, DAY + 95).histories
    columns = (taken.repeats, taken.last_age_days, taken.age_days)
    return sorted(zip(*(each.tolist() for each in columns), strict=True))


async def test_a_clock_that_has_not_started_everywhere_is_none() -> None:
    assert (await population_of_log(log(ticking=1), "test", PARTITIONS, PREFIX)).now is None


async def test_half_a_log_is_refused() -> None:
    trimmed = log()
    trimmed.trim(PREFIX + LOG, 1, 2)
    with pytest.raises(Forgotten, match=r"partition 1 has lost its beginning.*leave --log out"):
        await population_of_log(trimmed, "test", PARTITIONS, PREFIX)


def test_a_table_and_the_log_are_two_sources() -> None:
    arguments = ["churn", "fit", "--csv", "orders.csv", "--log"]
    shown = CliRunner().invoke(app, arguments)
    assert isinstance(shown.exception, TierstreamError)
    assert "give one of them" in str(shown.exception)

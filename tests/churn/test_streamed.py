"""States that are kept event by event say what a batch says of the same purchases."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models import events
from models.calendar import DAY_S, calendar
from models.churn import PRIOR, log_dead
from models.churn_forecast import risk as risk_of_many
from models.churn_history import snapshot
from models.churn_model import RiskModel
from models.customer import CustomerState, unpack
from rules import churn_risk
from streams.jobs.churn.states import purchases_of
from streams.jobs.replay import Replay
from streams.log.port import Record
from tests.churn.data import RETAIL_CUT, RETAIL_FILE, online_retail

LONDON = "Europe/London"
APPENDED_AT = 1_325_376_000  # 2012-01-01, after all of it


def invoices() -> list[tuple[bytes, events.CustomerEvent]]:
    """Return every invoice with its customer."""
    with gzip.open(RETAIL_FILE, "rt", encoding="utf-8", newline="") as lines:
        return [(row["customer"].encode(), event_of(row)) for row in csv.DictReader(lines)]


def event_of(row: dict[str, str]) -> events.CustomerEvent:
    local = datetime.fromisoformat(row["invoice_time"]).replace(tzinfo=ZoneInfo(LONDON))
    at, amount, number = int(local.timestamp()), int(row["amount_minor_gbp"]), row["invoice"]
    if amount < 0:
        return events.Refund(
            event_id=number, source="shop", occurred_at=at, refund_id=number, kind="return",
            amount_minor=-amount, currency="GBP",
        )  # fmt: skip
    return events.Purchase(
        event_id=number, source="shop", occurred_at=at, order_id=number,
        net_amount_minor=amount, currency="GBP",
    )  # fmt: skip


def streamed(order: Random) -> dict[bytes, bytes]:
    """Return the packed states after all invoices, shuffled, every third of them twice."""
    delivered = invoices()
    delivered += delivered[::3]
    order.shuffle(delivered)
    records = [
        Record(offset, APPENDED_AT, key, events.encode(event))
        for offset, (key, event) in enumerate(delivered)
    ]
    replay = Replay("test", 0, 1)
    replay.take(records, len(records))
    return replay.states


@pytest.fixture(scope="module")
def states() -> dict[bytes, CustomerState]:
    return {customer: unpack(packed) for customer, packed in streamed(Random(7)).items()}


@pytest.mark.long
def test_every_customer_has_the_history_of_the_batch(states: dict[bytes, CustomerState]) -> None:
    bought: dict[bytes, list[int]] = defaultdict(list)
    for key, event in invoices():
        if isinstance(event, events.Purchase):
            bought[key].append(event.occurred_at)
    zone = calendar(LONDON)
    assert len(bought) == 4_339
    for key, times in bought.items():
        standing = churn_risk.standing(states[key].facts, RiskModel())
        assert standing is not None
        assert (standing.first_at, standing.last_at) == (min(times), max(times)), key
        assert standing.repeats == len({zone.day(at) for at in times}) - 1, key
        last_age_days = (max(times) - min(times)) / DAY_S
        assert standing.log_dead == log_dead(PRIOR, standing.repeats, last_age_days), key


@pytest.mark.long
def test_fits_from_states_and_from_the_file_see_the_same(
    states: dict[bytes, CustomerState],
) -> None:
    order = sorted(states)
    from_states = purchases_of((states[key].facts for key in order), calendar(LONDON))
    from_file = online_retail()
    assert len(from_states.day) == len(from_file.day)
    assert from_states.amount.sum() == from_file.amount.sum()
    for day in (RETAIL_CUT, RETAIL_CUT + 91):
        one, other = snapshot(from_states, day), snapshot(from_file, day)
        rows = [
            np.column_stack([h.repeats, h.last_age_days, h.age_days]) for h in
            (one.histories, other.histories)
        ]  # fmt: skip
        first, second = (each[np.lexsort(each.T)] for each in rows)
        assert np.array_equal(first, second)
        assert risk_of_many(PRIOR, one.histories, 91).sum() == pytest.approx(
            risk_of_many(PRIOR, other.histories, 91).sum()
        )

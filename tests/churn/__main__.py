"""`python -m tests.churn`: what the churn model costs, on this machine.

A fit of a million simulated customers; one score, alone and against a whole event; and an event
(its share of ticks, timers and outputs included) in a year of purchases, concluded with the retail
rulebook's churn section and without it.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

from models import events
from models.churn import MbgNbd, log_dead, risk
from models.churn_fit import fit
from rules import catalog
from rules.eras import compiled
from streams.jobs.replay import Replay
from streams.log.port import Record
from tests.churn.data import online_retail
from tests.churn.simulated import ages, population

MODEL = MbgNbd(r=0.8, alpha_days=40.0, a=0.9, b=2.5)
CUSTOMERS = 1_000_000
SCORES = 200_000
RUNS = 5


def main() -> None:
    """Measure, and print one line of JSON."""
    with_churn_us, without_us = (min(concluded_us(text) for _ in range(RUNS)) for text in books())
    one_score_us = min(score_us() for _ in range(RUNS))
    figures = {
        "fit_customers": CUSTOMERS,
        "fit_s": round(fit_s(), 2),
        "score_us": round(one_score_us, 2),
        "score_over_event": round(one_score_us / without_us, 4),
        "event_us": round(with_churn_us, 1),
        "event_without_churn_us": round(without_us, 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def fit_s() -> float:
    """Return the seconds of a fit, the simulation aside."""
    rng = np.random.default_rng(1)
    histories, _ = population(MODEL, ages(CUSTOMERS, 730, rng), 90.0, rng)
    began = perf_counter()
    fit(histories)
    return perf_counter() - began


def score_us() -> float:
    """Return the microseconds of one score from its history."""
    began = perf_counter()
    for number in range(SCORES):
        ell = log_dead(MODEL, number % 30, 100.0)
        risk(MODEL, number % 30, ell, 100.0 + number % 200, 90.0)
    return (perf_counter() - began) / SCORES * 1e6


def books() -> tuple[str, str]:
    """Return the retail rulebook with and without its churn section; its examples aside."""
    text = catalog.text("retail").partition("\nexamples:")[0]
    return text, text.partition("\nchurn:")[0]


def concluded_us(text: str) -> float:
    """Return the microseconds of a purchase, timers included, over a year day by day."""
    records = history(text)
    replay = Replay("bench", 0, 1)
    began = perf_counter()
    replay.take(records, len(records))
    replay.settle()
    return (perf_counter() - began) / len(records) * 1e6


def history(text: str) -> list[Record]:
    """Return a year of purchases with a tick at the start of each day."""
    zone = compiled(text).zone
    purchases = online_retail()
    order = np.argsort(purchases.day, kind="stable")
    first = zone.start(int(purchases.day.min()))
    log: list[tuple[int, bytes | None, events.Event]] = [
        (first, None, events.Tick(t=first)),
        (first, None, events.RulebookActivated(number=0, by="bench", name="retail", version=1,
                                               text=text)),
    ]  # fmt: skip
    today = 0
    for index in order.tolist():
        day = int(purchases.day[index])
        at = zone.start(day) + 43_200
        if day != today:
            log.append((at, None, events.Tick(t=zone.start(day))))
            today = day
        customer = str(purchases.customer[index])
        log.append((at, customer.encode(), purchase(index, at, round(purchases.amount[index]))))
    return [
        Record(offset, at, key, events.encode(event)) for offset, (at, key, event) in enumerate(log)
    ]


def purchase(number: int, at: int, amount_minor: int) -> events.Purchase:
    """Return a purchase of some day."""
    return events.Purchase(
        event_id=f"p{number}", source="shop", occurred_at=at, order_id=f"o{number}",
        net_amount_minor=amount_minor, currency="GBP",
    )  # fmt: skip


if __name__ == "__main__":
    main()

"""Histories: what stands in the log of a simulated partition, drawn from a seed.

Few customers and small windows, so that tiers, bands and eras change often: repeats, late events,
events from the future, poison, events and attributes that are too large, records of another
partition, source marks that ingress sent twice, rulebooks and models activated in the middle or
many in a row, and ticks that begin late, stand still, jump, or go back.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

from models import events
from models.churn import Coins
from models.churn_calibration import Platt
from rules.admission import ATTRIBUTE_BYTES_MAX
from rules.eras import ENGINE
from streams.batch import EVENT_BYTES_MAX
from streams.log.partitioner import partition_for
from streams.log.port import Entry
from streams.marks import MARK_HEADER
from tests.simulation.books import BOOKS, REFUSED, rulebook

PARTITIONS = 2
PARTITION = 0
DAY_S = 86_400
FIRST_DAY = 20_000
SOURCE = "customer.purchase.v1#1"
WHOLE = 0.25  # of the histories have whole rulebooks
_DECIDED = 0.08  # of the events about customers
_CALIBRATIONS = (Platt(intercept=-0.5, slope=0.8), Platt(intercept=0.7, slope=1.6))
_MANY_ERAS = 12  # more than can be kept before somebody is re-seated


@lru_cache(maxsize=1)
def customers() -> tuple[tuple[bytes, ...], bytes]:
    """Return customers of the simulated partition, and one of the other."""
    names = [f"c{i}".encode() for i in range(40)]
    mine = tuple(n for n in names if partition_for(n, PARTITIONS) == PARTITION)[:4]
    other = next(n for n in names if partition_for(n, PARTITIONS) != PARTITION)
    return mine, other


def history(random: Random, size: int) -> list[Entry]:
    """Return the records of a log, in order."""
    entries: list[Entry] = []
    offset, day, control = 0, FIRST_DAY, 0
    whole = random.random() < WHOLE
    first_tick = random.randrange(size) if random.random() < 0.2 else 0
    activations = {random.randrange(size // 3), random.randrange(size), random.randrange(size)}
    many_at = random.randrange(size) if random.random() < 0.1 else None
    for index in range(size):
        day += random.choice((0, 0, 0, 1, 1, 3))
        for _ in range(_MANY_ERAS if index == many_at else index in activations):
            entries.append(Entry(None, _era(random, control, whole=whole)))
            control += random.randint(1, 3)
            if random.random() < 0.3:
                entries.append(entries[-1])  # a repeat of an era has no effect
        roll = random.random()
        if roll < 0.25:
            if index >= first_tick:
                entries.append(_tick(random, day))
        elif roll < 0.30:
            entries.append(Entry(random.choice(customers()[0]), b'{"event":"nonsense"}'))
        else:
            entry = _marked(_event(random, index, day), offset)
            offset += 1
            entries.append(entry)
            if random.random() < 0.15:
                entries.append(entry)  # ingress sent it twice
            elif random.random() < 0.1:
                again = random.choice([e for e in entries if e.headers])
                entries.append(_marked(again, offset))  # the producer sent it twice
                offset += 1
    last = events.Tick(t=(day + random.choice((0, 1, 40))) * DAY_S)
    end = [Entry(None, _era(random, control, whole=whole)), Entry(None, events.encode(last))]
    return entries + random.sample(end, 2)


def _tick(random: Random, day: int) -> Entry:
    """Return a tick of today, a stale one, or one that a zombie wrote long after its time."""
    past = random.choice((0, 0, 3_600, -2 * DAY_S, -9 * DAY_S, random.randrange(DAY_S)))
    return Entry(None, events.encode(events.Tick(t=day * DAY_S + past)))


def _marked(entry: Entry, offset: int) -> Entry:
    mark = f"{SOURCE}/0:{offset}".encode()
    return Entry(entry.key, entry.value, ((MARK_HEADER, mark),))


def _era(random: Random, number: int, *, whole: bool) -> bytes:
    """Return a change of era: most often another rulebook or churn model."""
    of_all: dict[str, Any] = {"number": number, "by": "sim"}
    roll = random.random()
    if number and roll < 0.35:
        return events.encode(
            events.ChurnModelActivated(
                **of_all,
                version=number,
                r=0.5,
                alpha_days=8.0,
                a=0.8,
                b=2.0,
                calibration=random.choice((None, *_CALIBRATIONS)),
                coins=random.choice((None, Coins(medium=0.3, critical=0.6))),
            )
        )
    if number and roll < 0.5:
        return events.encode(random.choice(_small_changes(random, of_all)))
    version = random.randint(1, BOOKS)
    text = rulebook(version, whole=whole)
    activated = events.RulebookActivated(**of_all, name="simulated", version=version, text=text)
    return events.encode(activated)


def _small_changes(random: Random, of_all: dict[str, Any]) -> tuple[events.EraEvent, ...]:
    day = f"2024-10-{random.randint(10, 28)}"
    cuts = events.RfmCutsActivated(
        **of_all,
        version=1,
        recency=(2, 4, 6, 9),
        frequency=(1, 2, 3, 4),
        monetary=(9, 99, 200, 500),
    )
    return (
        events.RatesSet(**of_all, base="EUR", date=day, rates={"USD": random.choice((0.9, 1.1))}),
        cuts,
        events.EngineRaised(**of_all, engine=ENGINE, tzdata="2026a"),
        events.RulebookActivated(**of_all, name="simulated", version=1, text=REFUSED),
    )


def _event(random: Random, index: int, day: int) -> Entry:
    mine, other = customers()
    stray = random.choice((other, None, b"too long" * 80))
    key = stray if random.random() < 0.04 else random.choice(mine)
    back = random.choice((0, 0, 0, 0, 1, 3, 35, -1))
    ahead = 200 * DAY_S if random.random() < 0.02 else 0
    at = (day - back) * DAY_S + random.randrange(DAY_S) + ahead
    padding = b" " * EVENT_BYTES_MAX if random.random() < 0.01 else b""  # right, but too large
    return Entry(key, events.encode(_customer_event(random, index, at, key)) + padding)


def _customer_event(random: Random, index: int, at: int, key: bytes | None) -> events.CustomerEvent:
    event_id, source = f"e{index}", "sim"
    if random.random() < _DECIDED:
        return _decided(random, {"event_id": event_id, "source": source, "occurred_at": at}, key)
    roll = random.random()
    if roll < 0.58:
        return events.Purchase(
            event_id=event_id,
            source=source,
            occurred_at=at,
            order_id=f"o{index}",
            net_amount_minor=random.randint(1, 120) * 100,
            currency="EUR" if random.random() < 0.97 else "USD",
        )
    if roll < 0.68:
        return events.Refund(
            event_id=event_id,
            source=source,
            occurred_at=at,
            refund_id=f"r{index}",
            amount_minor=random.randint(1, 60) * 100,
            currency="EUR",
            kind="return",
            purchased_at=at - random.choice((0, 2)) * DAY_S,
        )
    if roll < 0.86:
        return events.Complaint(
            event_id=event_id,
            source=source,
            occurred_at=at,
            complaint_id=f"k{index % 5}",
            action=random.choice(("opened", "opened", "resolved", "retracted")),
            type="delivery",
            severity=random.choice(events.SEVERITIES),
            outcome="satisfied",
        )
    if roll < 0.88:
        note = "x" * random.choice((5, ATTRIBUTE_BYTES_MAX))
        return events.Profile(
            event_id=event_id, source=source, occurred_at=at, patch={"custom.note": note}
        )
    return events.Feedback(
        event_id=event_id,
        source=source,
        occurred_at=at,
        feedback_id=f"f{index}",
        action="given",
        kind="survey",
        metric="nps",
        score=random.randint(0, 10),
        polarity=random.choice(("positive", "negative")),
    )


def _decided(random: Random, envelope: dict[str, Any], key: bytes | None) -> events.CustomerEvent:
    """Return what somebody decided about a customer: an override, a hold, a merge, an erasure."""
    mine, other = customers()
    at, whom = envelope["occurred_at"], (key or b"nobody")[:128].decode()
    roll = random.random()
    if roll < 0.3:
        return events.OverrideSet(
            **envelope,
            override_id=random.choice("ab"),
            tier=random.choice(("silver", "gold", "none such")),
            mode=random.choice(("at_least", "exactly")),
            reason="sim",
            by="sim",
            until=random.choice((None, at + random.randint(-1, 9) * DAY_S)),
        )
    if roll < 0.4:
        return events.OverrideCleared(**envelope, override_id=random.choice("ab"))
    if roll < 0.6:
        until = at + random.randint(-1, 9) * DAY_S
        return events.HoldSet(**envelope, until=until, reason="sim", by="sim")
    if roll < 0.65:
        return events.HoldCleared(**envelope)
    if roll < 0.95:
        survivor = random.choice((*mine, *mine, other)).decode()
        return events.CustomersMerged(**envelope, absorbed=whom, survivor=survivor, by="sim")
    return events.CustomerErased(**envelope, basis="sim")

"""Histories: what stands in the log of a simulated partition, drawn from a seed.

Few customers and small windows, so that tiers, bands and eras change often: repeats, late events,
events from the future, poison, events and attributes that are too large, records of another
partition, source marks that ingress sent twice, rulebooks and models activated in the middle or
many in a row, and ticks that begin late, stand still, jump, or go back.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

from models import events
from rules.admission import ATTRIBUTE_BYTES_MAX
from streams.batch import EVENT_BYTES_MAX, MARK_HEADER
from streams.log.partitioner import partition_for
from streams.log.port import Entry

PARTITIONS = 2
PARTITION = 0
DAY_S = 86_400
FIRST_DAY = 20_000
SOURCE = "customer.purchase.v1#1"
_MANY_ERAS = 12  # more than can be kept before somebody is re-seated

_BOOK = """
rulebook: simulated
version: {version}
label: {{en: Simulated}}
zone: {zone}
currency: EUR
parameters:
  some_orders: {{value: {some}, unit: orders, why: "a few are enough here"}}
  much_spend: {{value: {much}, unit: EUR, why: "two good orders"}}
  stays_spend: {{value: 60, unit: EUR, why: "less than to enter"}}
dimensions:
  buyer:
    label: {{en: Buyer}}
    first_match:
      - {{name: active, label: {{en: Active}}, when: "orders(days=6) > 0"}}
      - {{name: quiet, label: {{en: Quiet}}, otherwise: true}}
tiers:
  upgrade: immediate
  downgrade: to_qualified
  ladder:
    - {{name: basic, label: {{en: Basic}}}}
    - name: silver
      label: {{en: Silver}}
      qualify: orders(days=9) >= some_orders
    - name: gold
      label: {{en: Gold}}
      qualify: spend(days=14) >= much_spend and complaints(days=5) == 0
      keep: spend(days=14) >= stays_spend
churn:
  horizon: 10d
  bands: {{medium: {{enter: 40, keep: 35}}, high: {{enter: 70, keep: 60}}}}
  minimum_stay: 24h
  minimum_history: 2d
"""


@lru_cache(maxsize=1)
def customers() -> tuple[tuple[bytes, ...], bytes]:
    """Return customers of the simulated partition, and one of the other."""
    names = [f"c{i}".encode() for i in range(40)]
    mine = tuple(n for n in names if partition_for(n, PARTITIONS) == PARTITION)[:4]
    other = next(n for n in names if partition_for(n, PARTITIONS) != PARTITION)
    return mine, other


def rulebook(random: Random, version: int) -> str:
    """Return the text of one of a few rulebooks."""
    return _BOOK.format(
        version=version,
        zone=random.choice(("UTC", "Asia/Shanghai")),
        some=random.choice((2, 3)),
        much=random.choice((100, 150)),
    )


def history(random: Random, size: int) -> list[Entry]:
    """Return the records of a log, in order."""
    entries: list[Entry] = []
    offset, day, control = 0, FIRST_DAY, 0
    first_tick = random.randrange(size) if random.random() < 0.2 else 0
    activations = {random.randrange(size // 3), random.randrange(size), random.randrange(size)}
    many_at = random.randrange(size) if random.random() < 0.1 else None
    for index in range(size):
        day += random.choice((0, 0, 0, 1, 1, 3))
        for _ in range(_MANY_ERAS if index == many_at else index in activations):
            entries.append(Entry(None, _era(random, control)))
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
    end = [Entry(None, _era(random, control)), Entry(None, events.encode(last))]
    return entries + random.sample(end, 2)


def _tick(random: Random, day: int) -> Entry:
    """Return a tick of today, a stale one, or one that a zombie wrote long after its time."""
    past = random.choice((0, 0, 3_600, -2 * DAY_S, -9 * DAY_S, random.randrange(DAY_S)))
    return Entry(None, events.encode(events.Tick(t=day * DAY_S + past)))


def _marked(entry: Entry, offset: int) -> Entry:
    mark = f"{SOURCE}/0:{offset}".encode()
    return Entry(entry.key, entry.value, ((MARK_HEADER, mark),))


def _era(random: Random, number: int) -> bytes:
    if number and random.random() < 0.4:
        return events.encode(
            events.ChurnModelActivated(
                number=number, by="sim", version=number, r=0.5, alpha_days=8.0, a=0.8, b=2.0
            )
        )
    return events.encode(
        events.RulebookActivated(
            number=number,
            by="sim",
            name="simulated",
            version=number + 1,
            text=rulebook(random, number + 1),
        )
    )


def _event(random: Random, index: int, day: int) -> Entry:
    mine, other = customers()
    stray = random.choice((other, None, b"too long" * 80))
    key = stray if random.random() < 0.04 else random.choice(mine)
    back = random.choice((0, 0, 0, 0, 1, 3, 35, -1))
    ahead = 200 * DAY_S if random.random() < 0.02 else 0
    at = (day - back) * DAY_S + random.randrange(DAY_S) + ahead
    padding = b" " * EVENT_BYTES_MAX if random.random() < 0.01 else b""  # right, but too large
    return Entry(key, events.encode(_customer_event(random, index, at)) + padding)


def _customer_event(random: Random, index: int, at: int) -> events.CustomerEvent:
    event_id, source = f"e{index}", "sim"
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

"""The oracle: what a log has to lead to, computed record by record with nothing that can fail.

It shares the reducer with the product, and nothing of the protocol: no batches, no store, no timers
ahead of time. Every customer is brought up to date when a record concerns her, and at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models import decisions as outputs
from models import events
from models.customer import CustomerState, pack
from models.decisions import AnyDecision
from rules.eras import Era, EraRecord, succeed
from rules.reduce import Reducer, Reduction
from streams.batch import MARK_HEADER
from streams.log.partitioner import partition_for
from streams.log.port import Record
from tests.simulation.history import PARTITION, PARTITIONS

APP = "sim"


class Truth(NamedTuple):
    """Packed states, the outputs of each customer in order, and the offsets set aside."""

    states: dict[bytes, bytes]
    outputs: dict[bytes, list[bytes]]
    set_aside: list[int]
    now: int | None


def truth(records: Sequence[Record]) -> Truth:
    """Return what the records of a log lead to once everything is settled."""
    reducer = Reducer(APP)
    eras: list[Era] = []
    states: dict[bytes, CustomerState] = {}
    said: dict[bytes, list[bytes]] = {}
    set_aside: list[int] = []
    marks: dict[bytes, int] = {}
    now: int | None = None
    record_of: EraRecord | None = None

    def say(customer: bytes, decided: Sequence[AnyDecision]) -> None:
        said.setdefault(customer, []).extend(outputs.encode(decision) for decision in decided)

    for record in records:
        if _repeated(record, marks):
            continue
        try:
            event = events.decode(record.value or b"")
        except msgspec.DecodeError:
            set_aside.append(record.offset)
            continue
        if isinstance(event, events.Tick):
            t = min(event.t, record.timestamp)
            if now is None:
                reducer.first_tick = t
            now = t if now is None else max(now, t)
            continue
        if isinstance(event, events.EraChange):
            if record_of is None or event.number > record_of.number:
                record_of = succeed(record_of, event, now)  # type: ignore[arg-type]  # closed union
                eras = [Era(record_of)] if now is None else [*eras, Era(record_of)]
                reducer.eras = eras
            continue
        key = record.key or b""
        state = states.get(key)
        if state is None and partition_for(key, PARTITIONS) != PARTITION:
            set_aside.append(record.offset)
            continue
        outcome = reducer.reduce(key.decode(), state, event, record.timestamp, now)
        if isinstance(outcome, Reduction):
            states[key] = outcome.state
            say(key, outcome.decisions)
        elif outcome is not None:
            set_aside.append(record.offset)
    for key, state in states.items():
        if now is not None:
            decided: list[AnyDecision] = []
            reducer.fire_due(key.decode(), state, now, decided)
            say(key, decided)
    packed = {key: pack(state) for key, state in states.items()}
    return Truth(packed, {k: v for k, v in said.items() if v}, set_aside, now)


def _repeated(record: Record, marks: dict[bytes, int]) -> bool:
    for name, value in record.headers:
        if name == MARK_HEADER:
            source, _, offset = value.rpartition(b":")
            if int(offset) <= marks.get(source, -1):
                return True
            marks[source] = int(offset)
    return False

"""The oracle: what a log has to lead to, computed record by record with nothing that can fail.

It shares the reducer with the product, and nothing of the protocol: no batches, no store, no timers
ahead of time. Every customer is brought up to date when a record concerns her, and at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models import events
from models.customer import CustomerState, pack
from models.decisions import AnyDecision
from models.errors import Reason
from rules.eras import Era, EraRecord, succeed
from rules.reduce import Reducer, Reduction
from streams.batch import MARK_HEADER
from streams.log.partitioner import partition_for
from streams.log.port import Record
from tests.simulation.history import PARTITION, PARTITIONS

APP = "sim"
CUSTOMER_BYTES_MAX = 512
EVENT_BYTES_MAX = 65_536


class World(NamedTuple):
    """Which partition's log it is, and of which application."""

    app: str
    partition: int
    partitions: int


SIMULATED = World(APP, PARTITION, PARTITIONS)


class Truth(NamedTuple):
    """Packed states, the outputs of each customer in order, what was set aside, and the clock."""

    states: dict[bytes, bytes]
    outputs: dict[bytes, list[AnyDecision]]
    set_aside: list[tuple[int, str]]  # offset and reason
    now: int | None


def truth(records: Sequence[Record], world: World = SIMULATED) -> Truth:
    """Return what the records of a log lead to once everything is settled."""
    oracle = _Oracle(world)
    for record in records:
        oracle.take(record)
    return oracle.settled()


class _Oracle:
    def __init__(self, world: World) -> None:
        self.world = world
        self.reducer = Reducer(world.app)
        self.era: EraRecord | None = None
        self.now: int | None = None
        self.states: dict[bytes, CustomerState] = {}
        self.said: dict[bytes, list[AnyDecision]] = {}
        self.set_aside: list[tuple[int, str]] = []
        self.marks: dict[bytes, int] = {}

    def take(self, record: Record) -> None:
        if self._repeated(record):
            return
        try:
            event = events.decode(record.value or b"")
        except msgspec.DecodeError:
            self.set_aside.append((record.offset, Reason.BAD_SCHEMA))
            return
        match event:
            case events.Tick():
                t = min(event.t, record.timestamp)
                if self.now is None:
                    self.reducer.first_tick = t
                self.now = t if self.now is None else max(self.now, t)
            case (
                events.RulebookActivated()
                | events.ChurnModelActivated()
                | events.RfmCutsActivated()
                | events.RatesSet()
                | events.EngineRaised()
            ):
                self._begin(event)
            case _:
                self._conclude(record, event)

    def settled(self) -> Truth:
        """Bring everybody to the present, and return what there is."""
        for key, state in self.states.items():
            if self.now is not None:
                decided: list[AnyDecision] = []
                self.reducer.fire_due(key.decode(), state, self.now, decided)
                self._say(key, decided)
        packed = {key: pack(state) for key, state in self.states.items()}
        return Truth(packed, self.said, self.set_aside, self.now)

    def _begin(self, change: events.EraEvent) -> None:
        if self.era is None or change.number > self.era.number:
            self.era = succeed(self.era, change, self.now)
            before = [] if self.now is None else self.reducer.eras
            self.reducer.eras = [*before, Era(self.era)]

    def _conclude(self, record: Record, event: events.CustomerEvent) -> None:
        key = record.key
        if not key or len(key) > CUSTOMER_BYTES_MAX:
            self.set_aside.append((record.offset, Reason.NO_CUSTOMER))
            return
        if len(record.value or b"") > EVENT_BYTES_MAX:
            self.set_aside.append((record.offset, Reason.TOO_LARGE))
            return
        state = self.states.get(key)
        if state is None and not self._is_mine(key):
            self.set_aside.append((record.offset, Reason.WRONG_PARTITION))
            return
        outcome = self.reducer.reduce(key.decode(), state, event, record.timestamp, self.now)
        if outcome is None:
            return
        if not isinstance(outcome, Reduction):
            self.set_aside.append((record.offset, outcome.reason))
        else:
            self.states[key] = outcome.state
            self._say(key, outcome.decisions)

    def _say(self, customer: bytes, decided: Sequence[AnyDecision]) -> None:
        if decided:
            self.said.setdefault(customer, []).extend(decided)

    def _is_mine(self, key: bytes) -> bool:
        return partition_for(key, self.world.partitions) == self.world.partition

    def _repeated(self, record: Record) -> bool:
        for name, value in record.headers:
            if name == MARK_HEADER:
                source, _, offset = value.rpartition(b":")
                if int(offset) <= self.marks.get(source, -1):
                    return True
                self.marks[source] = int(offset)
        return False

"""The oracle: what a log has to lead to, computed record by record with nothing that can fail.

It shares the reducer with the product, and nothing of the protocol: no batches, no store, no timers
ahead of time. Every customer is brought up to date when a record concerns her, and at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models import events
from models.customer import pack, unpack
from models.decisions import AnyDecision
from models.errors import BadRulebook, Reason
from rules.eras import Era, EraRecord, begins, succeed
from rules.merger import onward
from rules.reduce import Reducer, Reduction
from streams.log.partitioner import partition_for
from streams.log.port import Entry, Record
from streams.marks import MARK_HEADER
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
    sent: list[tuple[int, Entry]]  # into the log, with the partition
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
        self.states: dict[bytes, bytes] = {}  # packed: a refused record leaves no trace
        self.said: dict[bytes, list[AnyDecision]] = {}
        self.set_aside: list[tuple[int, str]] = []
        self.sent: list[tuple[int, Entry]] = []
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
                self._begin(record, event)
            case _:
                self._conclude(record, event)

    def settled(self) -> Truth:
        """Bring everybody to the present, and return what there is."""
        for key, packed in self.states.items():
            if self.now is not None:
                state, decided = unpack(packed), list[AnyDecision]()
                self.reducer.fire_due(key.decode(), state, self.now, decided)
                self.states[key] = pack(state)
                self._say(key, decided)
        return Truth(self.states, self.said, self.set_aside, self.sent, self.now)

    def _begin(self, record: Record, change: events.EraEvent) -> None:
        if begins(self.era, change):
            try:
                self.era = succeed(self.era, change, self.now)
            except BadRulebook:
                self.set_aside.append((record.offset, Reason.REFUSED))
                return
            before = [] if self.now is None else self.reducer.eras
            self.reducer.eras = [*before, Era(self.era)]

    def _conclude(self, record: Record, event: events.CustomerEvent) -> None:
        key = record.key
        if not key or len(key) > CUSTOMER_BYTES_MAX:
            self.set_aside.append((record.offset, Reason.NO_CUSTOMER))
            return
        is_moved = isinstance(event, events.CustomerMoved)
        if len(record.value or b"") > EVENT_BYTES_MAX and not is_moved:
            self.set_aside.append((record.offset, Reason.TOO_LARGE))
            return
        packed = self.states.get(key)
        state = None if packed is None else unpack(packed)
        if state is None and not self._is_mine(key):
            self.set_aside.append((record.offset, Reason.WRONG_PARTITION))
            return
        if state is not None and state.moved_to is not None:
            value = onward(key.decode(), state, event, record.value or b"")
            if value is not None:
                self._send(state.moved_to, value, record)
                return
        outcome = self.reducer.reduce(key.decode(), state, event, record.timestamp, self.now)
        if outcome is None:
            return
        if not isinstance(outcome, Reduction):
            self.set_aside.append((record.offset, outcome.reason))
        else:
            self.states[key] = pack(outcome.state)
            self._say(key, outcome.decisions)
            if outcome.moved is not None:
                to = outcome.state.moved_to
                assert to is not None
                self._send(to, events.encode(outcome.moved), record)

    def _send(self, to: str, value: bytes, record: Record) -> None:
        headers = tuple(h for h in record.headers if h[0] != MARK_HEADER)
        partition = partition_for(to.encode(), self.world.partitions)
        self.sent.append((partition, Entry(to.encode(), value, headers)))

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

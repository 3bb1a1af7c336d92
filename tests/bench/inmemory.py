"""A partition without its services: batches computed in memory, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import msgspec

from models.events import RulebookActivated, Tick, encode
from rules.timers import SPREAD_S
from streams.batch import Batch, Result
from streams.ledger import START, Ledger
from streams.log.port import Record
from streams.store import keys
from tests.bench.deployment import BenchFailed

_APP = "in-memory"


class InMemory:
    """The customers of a partition under one rulebook, and what computing them has taken.

    `states` are packed; `dues` holds when to look at whom, `ledger` what else the changelog would.
    """

    def __init__(self, name: str, text: str) -> None:
        self.states: dict[bytes, bytes] = {}
        self.dues: dict[bytes, int] = {}
        self.ledger = Ledger(msgspec.structs.replace(START, partitions=1))
        self.seconds = 0.0
        activated = RulebookActivated(number=0, by="bench", name=name, version=1, text=text)
        self.take([(None, encode(activated))], 0)

    def tick(self, t: int) -> Result:
        """Move the clock."""
        return self.take([(None, encode(Tick(t=t)))], t)

    def fire(self, until: int) -> Result:
        """Look at everybody who is due before `until`, or would be but for the morning's spread."""
        quiet = [customer for customer, due in self.dues.items() if due < until + SPREAD_S]
        return self.take([], until, quiet)

    def take(
        self,
        records: Sequence[tuple[bytes | None, bytes]],
        appended_at: int,
        quiet: Sequence[bytes] = (),
    ) -> Result:
        """Compute a batch of keys and values, and keep what it leads to."""
        first = self.ledger.position.next
        logged = [Record(first + n, appended_at, *record) for n, record in enumerate(records)]
        batch = Batch(_APP, 0, 1, self.ledger, logged, first + len(logged), quiet)
        before = perf_counter()
        result = batch.compute(self.states)
        self.seconds += perf_counter() - before
        if result.reasons:
            raise BenchFailed(f"a record was set aside: {result.reasons[0]}")
        self.ledger = result.ledger
        for name, packed in result.fields.items():
            customer = keys.customer_of(name)
            if customer is not None:
                self.states[customer] = packed
        for customer, due in result.dues.items():
            if due is None:
                self.dues.pop(customer, None)
            else:
                self.dues[customer] = due
        return result

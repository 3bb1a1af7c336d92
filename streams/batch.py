"""What a batch of log records does to a partition: a pure function of what was read.

`Batch.compute` takes the records and the states loaded for them and returns the states to write,
the outputs and the ledger after the batch. It touches nothing else, so a batch can be computed
again: after a doubt, or without the record whose rules failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from models import events
from models.calendar import rfc3339
from models.customer import CustomerState, pack, unpack
from models.decisions import AnyDecision
from models.errors import BadRulebook, Reason
from models.events import CustomerEvent, CustomerMoved, EraChange, Tick
from rules.admission import STATE_BYTES_MAX, Refusal
from rules.eras import ERAS_MAX, EngineTooOld, Era, begins, succeed
from rules.merger import SENT_BYTES_MAX, onward
from rules.reduce import Reducer
from rules.timers import look_at
from streams.errors import Halt
from streams.ledger import DIGEST_MOD, Ledger, state_digest
from streams.log.partitioner import partition_for
from streams.log.port import Entry, Record
from streams.marks import BadMark, Marks, TooManyPlaces
from streams.outbox import Outbox
from streams.store import keys

_CUSTOMER_BYTES_MAX = 512
READ_BYTES_MAX = 4_000_000  # of packed states for the records of a batch: about 50 ms of work
EVENT_BYTES_MAX = 65_536  # with the bounds of a state, it keeps every write below the log's limit


class Result(NamedTuple):
    """What a batch wants written, in the order of the changelog."""

    ledger: Ledger
    fields: dict[bytes, bytes]  # of the store and the changelog, the position last
    dues: dict[bytes, int | None]
    decisions: list[AnyDecision]
    published: dict[str, list[Entry]]  # they, and dead letters, as records by topic
    reasons: list[Reason]
    fired: int
    taken: int  # how many of the records were taken; the rest waits for re-seating, or its turn
    sent: dict[int, list[Entry]]  # to the log, by partition: what is about another customer


@dataclass(slots=True)
class Batch:
    """One batch of a partition."""

    app: str
    partition: int
    partitions: int
    ledger: Ledger
    records: Sequence[Record]
    after: int
    quiet: Sequence[bytes] = ()  # customers to look at although no record is about them

    def customers(self) -> list[bytes]:
        """Return the customers whose states the batch needs, each once."""
        wanted = dict.fromkeys(self.quiet)
        for record in self.records:
            if record.key:
                wanted[record.key] = None
        return list(wanted)

    def compute(self, loaded: Mapping[bytes, bytes | None]) -> Result:
        """Run the batch on the packed states `loaded`, by customer.

        Raises:
            Halt: the log was concluded by a newer engine, or a timer's rules fail.
        """
        run = _Run(self, loaded)
        run.all()
        return run.result()


class _Run:
    """One attempt at a batch; the states it decodes are its own and may be changed in place."""

    def __init__(self, batch: Batch, loaded: Mapping[bytes, bytes | None]) -> None:
        self.batch = batch
        self.loaded = loaded
        self.packed: dict[bytes, bytes] = {}
        self.dues: dict[bytes, int | None] = {}
        source, said = f"urn:tierstream:{batch.app}".encode(), batch.ledger.position.outputs
        self.out = Outbox(source, batch.partition, batch.partitions, int(said, 16))
        self.fired = 0
        self.taken = 0
        self.read = 0  # bytes of packed states
        self.now = batch.ledger.position.now
        self.first_tick = batch.ledger.position.first_tick
        self.marks = Marks(batch.ledger.marks)
        self.eras = list(batch.ledger.eras)
        self.slots = list(batch.ledger.slots)
        self.new_eras: dict[bytes, bytes] = {}
        self.reducer = Reducer(batch.app)
        self.reducer.eras = self.eras
        self.reducer.first_tick = self.first_tick

    def all(self) -> None:
        """Look at the quiet customers, then run the records in order.

        Where their states are large, only so many that other partitions' turn comes soon.
        """
        now = self.now
        if now is not None:
            for customer in self.batch.quiet:
                self._look_at(customer, now)
        enough = self.read + READ_BYTES_MAX
        for record in self.batch.records:
            try:
                if not self._record(record):
                    self.marks.forget(record)
                    break
            except (Halt, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, it would come again
                # Nothing of it was kept: the customer's state is still the packed one.
                message = f"{type(error).__name__} while concluding this event: {error}"
                self.out.set_aside(record, Refusal(Reason.RULE_FAILED, message))
            self.taken += 1
            if self.read > enough:
                break

    def _look_at(self, customer: bytes, now: int) -> None:
        state = self._state(customer)
        if state is None:
            self.dues[customer] = None
            return
        decisions: list[AnyDecision] = []
        era, due = state.era, state.due
        try:
            self.reducer.fire_due(customer.decode(), state, now, decisions)
        except MemoryError:
            raise  # of this worker, not of the rules
        except Exception as error:
            raise Halt(
                f"{type(error).__name__} while concluding customer {customer.decode()!r}, to whom "
                f"something is due by {rfc3339(now)}: {error}. No record can be set aside for it; "
                "report it, and start the worker again with the version that mends it"
            ) from error
        # The index is only a hint: where it was wrong, it is put right.
        self.dues[customer] = look_at(customer, state.due)
        if state.due != due or state.era != era:
            self.packed[customer] = pack(state)
            self.fired += 1
            self.out.publish(decisions, None)

    def _record(self, record: Record) -> bool:
        """Take one record; False where it has to wait until older eras are done with."""
        try:
            if record.headers and self.marks.repeated(record):
                return True
            event = events.decode(record.value or b"")
        except (BadMark, msgspec.DecodeError) as error:
            self.out.set_aside(record, Refusal(Reason.BAD_SCHEMA, str(error)))
            return True
        except TooManyPlaces as error:
            self.out.set_aside(record, Refusal(Reason.REFUSED, str(error)))
            return True
        if isinstance(event, Tick):
            self._tick(event.t, record.timestamp)
            return True
        if isinstance(event, EraChange):
            return self._era(record, event)
        self._about_customer(record, event)
        return True

    def _about_customer(self, record: Record, event: CustomerEvent) -> None:
        key = record.key
        customer = _name(key)
        if not key or not customer:
            message = f"a record's key is its customer: UTF-8, at most {_CUSTOMER_BYTES_MAX} bytes"
            self.out.set_aside(record, Refusal(Reason.NO_CUSTOMER, message))
            return
        brought = len(event.state) if isinstance(event, CustomerMoved) else 0
        if len(record.value or b"") - brought > EVENT_BYTES_MAX or brought > SENT_BYTES_MAX:
            refusal = Refusal(Reason.TOO_LARGE, f"an event has at most {EVENT_BYTES_MAX} bytes")
            self.out.set_aside(record, refusal)
            return
        state = self._state(key)
        if state is None and partition_for(key, self.batch.partitions) != self.batch.partition:
            message = "the key's murmur2 partition is another one; check the producer's partitioner"
            self.out.set_aside(record, Refusal(Reason.WRONG_PARTITION, message))
            return
        if state is not None and state.moved_to is not None:
            sent = onward(customer, state, event, record.value or b"")
            if sent is not None:
                self.out.send(state.moved_to, sent, record)
                return
        outcome = self.reducer.reduce(customer, state, event, record.timestamp, self.now)
        if outcome is None:
            return
        if isinstance(outcome, Refusal):
            self.out.set_aside(record, outcome)
            return
        packed = pack(outcome.state)
        if len(packed) > STATE_BYTES_MAX:
            message = f"a customer's state has at most {STATE_BYTES_MAX:,} bytes"
            self.out.set_aside(record, Refusal(Reason.TOO_LARGE, message))
            return
        if outcome.decisions:
            self.out.publish(outcome.decisions, record)
        self.packed[key] = packed
        self.dues[key] = look_at(key, outcome.state.due)
        if outcome.moved is not None and outcome.state.moved_to is not None:
            self.out.send(outcome.state.moved_to, events.encode(outcome.moved), record)

    def _tick(self, t: int, appended_at: int) -> None:
        now = min(t, appended_at)
        if self.now is None:
            self.reducer.first_tick = self.first_tick = now
        self.now = now if self.now is None else max(self.now, now)

    def _era(self, record: Record, change: EraChange) -> bool:
        before = self.eras[-1].record if self.eras else None
        if not begins(before, change):
            return True
        if self.now is not None and len(self.eras) >= ERAS_MAX:
            return False
        try:
            era = Era(succeed(before, change, self.now))  # type: ignore[arg-type]  # closed union
        except BadRulebook as error:
            self.out.set_aside(record, Refusal(Reason.REFUSED, str(error)))
            return True
        except EngineTooOld as error:
            raise Halt(str(error)) from error
        written = msgspec.json.encode(era.record)
        if len(written) > STATE_BYTES_MAX:
            message = (
                f"rulebook, models and rates have at most {STATE_BYTES_MAX:,} bytes together; "
                "shorten the rulebook, or name fewer currencies"
            )
            self.out.set_aside(record, Refusal(Reason.TOO_LARGE, message))
            return True
        if self.now is None:  # nothing was concluded yet, so nobody needs the eras before
            self.eras.clear()
            self.slots.clear()
        slot = next(slot for slot in range(ERAS_MAX) if slot not in self.slots)
        self.eras.append(era)
        self.slots.append(slot)
        self.new_eras[keys.era_field(slot)] = written
        return True

    def _state(self, customer: bytes) -> CustomerState | None:
        packed = self.packed.get(customer) or self.loaded.get(customer)
        if not packed:
            return None
        self.read += len(packed)
        return unpack(packed)

    def result(self) -> Result:
        """Return what to write, states first, the position last."""
        batch, before = self.batch, self.batch.ledger
        fields: dict[bytes, bytes] = {}
        digest = int(before.position.states, 16)
        for customer, packed in self.packed.items():
            old = self.loaded.get(customer)
            if old is not None:
                digest -= state_digest(customer, old)
            digest += state_digest(customer, packed)
            fields[keys.customer_field(customer)] = packed
        fields.update(self.marks.fields())
        if self.new_eras:
            fields.update(self.new_eras)
            fields[keys.BOOK] = msgspec.json.encode(self.slots)
        whole = self.taken == len(batch.records)
        position = msgspec.structs.replace(
            before.position,
            next=batch.after if whole else batch.records[self.taken].offset,
            now=self.now,
            first_tick=self.first_tick,
            settled=False,
            states=f"{digest % DIGEST_MOD:032x}",
            outputs=f"{self.out.said:032x}",
            partitions=batch.partitions,
        )
        ledger = Ledger(position, self.marks.after(), tuple(self.eras), tuple(self.slots))
        return Result(
            ledger,
            fields,
            self.dues,
            self.out.decisions,
            self.out.published,
            self.out.reasons,
            self.fired,
            self.taken,
            self.out.sent,
        )


def _name(key: bytes | None) -> str | None:
    """Return the customer whom a record's key names, None where it names nobody."""
    try:
        return key.decode() if key and len(key) <= _CUSTOMER_BYTES_MAX else None
    except UnicodeDecodeError:
        return None

"""The exactly-once protocol of one partition, written against the ports.

The truth is the log: the changelog holds every state, and the position that belongs to them,
written in one transaction together with the outputs. The store mirrors the changelog and may lose
or forget anything. What makes that safe, by number:

 1  a take-over first asks the group coordinator whether we are still a member, then starts a
    transactional writer: the predecessor is fenced, its open transaction ended
 2  one call makes a fresh random owner the store's owner and returns what the store reflects
 3  the store is brought up to the changelog's end in chunks, each on condition of owner and offset;
    it is wiped first where it reflects another changelog, or a record that is not to be seen there,
    and gets another owner with that: no copy from before passes for what comes after
 4  the position comes from the changelog, never from the store or the consumer group
 5  a batch must begin where the position says; records below it are skipped
 6  states are read together with owner, offset and counts; anything unexpected discards the batch
 7  the batch is a pure function of what was read (`batch`)
 8  states, position and outputs go out in one transaction, every send confirmed before the commit
 9  an unknown outcome drops the writer and takes over: the changelog tells whether it had landed
10  the store is written on condition of owner and offset
11  the consumer group's offset is for lag displays only (the engine's affair)
12  an owner looks whether readers see all that it committed before it sends more, and when it has
    nothing to do: brokers may forget to say so (`log.kafka_writer`). What is not seen then would be
    lost by an abort of the next transaction, or wait for one that never comes: it is committed
    once more

Every await is a call of a port, so the simulation can interleave, delay, lose and kill at each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from streams.batch import Batch, Result
from streams.clock import Clock
from streams.errors import Doubt, Fenced, Halt, Rejected, Unavailable
from streams.ledger import Position
from streams.log.port import Append, Entry, Log, Place, Record
from streams.protocol import (
    LOG_ENDS,
    Ended,
    Held,
    Membership,
    Observer,
    Pace,
    PartitionSettings,
    Spoilt,
    checked,
)
from streams.store import keys
from streams.store.port import START, Cursor, Step, Store
from streams.takeover import TakeOver, head
from streams.topics import LOG, STATE

TIMER_SHARE = 5  # timers and re-seating take at most one in five of a batch while records wait


class Partition:
    """The owner of one partition: takes it over, and moves it on batch by batch.

    Not concurrent: one call at a time. After a `Doubt` nothing is held any more; take over again
    and hand in the same records again.
    """

    def __init__(  # noqa: PLR0913  # it has this many surroundings, and they are named
        self,
        number: int,
        log: Log,
        store: Store,
        settings: PartitionSettings,
        *,
        clock: Clock,
        membership: Membership,
        observer: Observer,
        draw: Callable[[], str],
    ) -> None:
        """`draw` returns a fresh random identity of 128 bits."""
        self.number = number
        self._log = log
        self._store = store
        self._settings = settings
        self._clock = clock
        self._membership = membership
        self._observer = observer
        self._draw = draw
        self._held: Held | None = None
        self._pace = Pace()
        self._spoilt = False
        self._ended = 0

    @property
    def position(self) -> Position | None:
        """Where the partition stands, None while it is not taken over."""
        return None if self._held is None else self._held.ledger.position

    @property
    def next(self) -> int | None:
        """The next log offset, None while the partition is not taken over."""
        return None if self._held is None else self._held.ledger.position.next

    @property
    def now(self) -> int | None:
        """The partition's clock, None before its first tick or while it is not taken over."""
        return None if self._held is None else self._held.ledger.position.now

    @property
    def settled(self) -> bool:
        """Nothing that could happen by itself at the partition's clock is left to do."""
        return self._held is not None and self._held.ledger.position.settled

    @property
    def marks(self) -> Mapping[bytes, int]:
        """The highest offset seen of each source partition, by `<source>#<epoch>/<partition>`."""
        return {} if self._held is None else self._held.ledger.marks

    async def due_by(self, until: int) -> bool:
        """Tell whether somebody in the due index is to be looked at by `until`."""
        return bool(await self._store.due(self.number, until, 1))

    async def take_over(self) -> None:
        """Steps 1 to 4: become the partition's only owner.

        Raises:
            Doubt: try again a little later.
            Halt: going on would be wrong; the message says what to do.
        """
        await self.drop()
        began = self._clock.monotonic()
        attempt = TakeOver(
            self.number,
            self._log,
            self._store,
            self._settings,
            self._clock,
            self._membership,
            self._draw,
            self._pace,
            wipe=self._spoilt,
            ended=self._ended,
        )
        try:
            held, restored, wiped = await attempt.run()
        except Doubt as error:
            self._spoilt = self._spoilt or isinstance(error, Spoilt)
            self._ended = self._ended + 1 if isinstance(error, Ended) else 0
            raise
        self._held, self._spoilt, self._ended = held, False, 0
        seconds = self._clock.monotonic() - began
        self._observer.taken_over(self.number, seconds, restored, wiped=wiped)

    async def drop(self) -> None:
        """Hold nothing any more."""
        held, self._held = self._held, None
        if held is not None:
            await held.writer.close()

    async def process(self, records: Sequence[Record], before: int, after: int) -> None:
        """Steps 5 to 10 for records fetched at position `before`, which left it at `after`.

        Returns when every effect is durable and visible.

        Raises:
            Doubt: nothing is held any more; take over and hand the records in again.
            Halt: going on would be wrong; the message says what to do.
        """
        held = self._holding()
        if before > held.ledger.position.next:
            await self.drop()
            raise Doubt(f"a gap: fetched from {before}, expected {held.ledger.position.next}")
        waiting, taken = [r for r in records if r.offset >= held.ledger.position.next], 0
        while held.ledger.position.next < after:
            usual = self._pace.of(self._settings.batch_max)
            size = min(usual, 2 * taken) or usual  # where states are large, not all are loaded
            chunk, rest = waiting[:size], waiting[size:]
            taken = await self._batch(held, chunk, rest[0].offset if rest else after)
            waiting = waiting[taken:]

    async def work_ahead(self) -> None:
        """Do one batch of what is due by itself; where nothing is, step 12."""
        held = self._holding()
        position = held.ledger.position
        if position.now is not None and not position.settled:
            await self._batch(held, [], position.next)
            return
        try:
            await self._see_to_readers(held)
        except BaseException as error:
            await self._give_up(error)
            raise

    async def _see_to_readers(self, held: Held) -> None:
        """Step 12: make what was committed visible where it is not, until it is.

        In the log others may have something open too, so that is asked about only a few times.
        """
        ends = 0
        while held.unseen and await self._log.is_open(held.unseen):
            ends += 1
            if ends >= LOG_ENDS:
                log = self._settings.prefix + LOG
                held.unseen = [place for place in held.unseen if place.topic != log]
            held.append_at = None  # the changelog has one marker more now, or only one at last
            await held.writer.end_open(committed=True)
        held.unseen = ()

    def _holding(self) -> Held:
        if self._held is None:
            raise Doubt("the partition is not taken over")
        return self._held

    async def _batch(self, held: Held, records: Sequence[Record], after: int) -> int:
        """Compute and commit one batch; return how many of its records were taken."""
        began = self._clock.monotonic()
        try:
            result = await self._computed(held, records, after)
            await self._see_to_readers(held)
            await self._committed(held, result)
        except BaseException as error:
            await self._give_up(error)
            raise
        self._pace.faster()
        outputs = {topic: len(entries) for topic, entries in result.published.items()}
        self._observer.batch(self.number, result.taken, self._clock.monotonic() - began, outputs)
        self._observer.published(result.decisions)
        if result.reasons:
            self._observer.dead_letters(self.number, result.reasons)
        if result.fired:
            self._observer.timers(self.number, result.fired)
        return result.taken

    async def _give_up(self, error: BaseException) -> None:
        """Hold nothing any more, because of an error."""
        await self.drop()
        if isinstance(error, Unavailable):
            self._pace.slower()
        self._observer.doubted(self.number, type(error).__name__)
        if isinstance(error, Rejected):
            message = f"the log refuses what a batch has to write: {error}"
            raise Halt(f"{message}; raise max.message.bytes of the topics") from error
        self._spoilt = isinstance(error, Spoilt)

    async def _computed(self, held: Held, records: Sequence[Record], after: int) -> Result:
        """Steps 6 and 7: load, and compute what follows."""
        quiet, exhausted, cursor = await self._quiet(held, len(records))
        settings = self._settings
        batch = Batch(
            settings.app, self.number, settings.partitions, held.ledger, records, after, quiet
        )
        customers = batch.customers()
        names = [keys.customer_field(customer) for customer in customers]
        values = checked(held, await self._store.view(self.number, names))
        result = batch.compute(dict(zip(customers, values, strict=True)))
        return self._with_position(held, result, exhausted=exhausted, cursor=cursor)

    async def _quiet(self, held: Held, records: int) -> tuple[list[bytes], bool, Cursor]:
        """Return customers to look at, whether no more are due, and the cursor of the next page."""
        now = held.ledger.position.now
        if now is None:
            return [], False, START
        # Beside a trickle of records a share alone would let a million timers take hours.
        share = max(self._settings.timers_min, records // TIMER_SHARE)
        limit = share if records else self._pace.of(self._settings.batch_max)
        if held.ledger.unseated:
            cursor, page = await self._store.scan(self.number, held.cursor, limit)
            newest = held.ledger.eras[-1].number
            found = [(keys.customer_of(name), value) for name, value in page]
            behind = [c for c, value in found if c is not None and head(value).era != newest]
            return behind, False, cursor
        if held.quiet_at == now:
            return [], True, START
        due = await self._store.due(self.number, now, limit)
        return due, len(due) < limit, START

    @staticmethod
    def _with_position(held: Held, result: Result, *, exhausted: bool, cursor: Cursor) -> Result:
        """Complete the ledger: whether everybody is seated, and everything settled."""
        before, ledger = held.ledger, result.ledger
        position = ledger.position
        same_clock = position.now == before.position.now
        same_era = ledger.eras == before.eras
        held.cursor = cursor if same_era else START
        if before.unseated and same_era and cursor == START:
            position = msgspec.structs.replace(position, seated=ledger.eras[-1].number)
        settled = exhausted and same_clock and same_era
        held.quiet_at = position.now if settled else None
        position = msgspec.structs.replace(position, settled=settled)
        ledger = replace(ledger, position=position)
        if len(ledger.eras) > 1 and position.seated == ledger.eras[-1].number:
            ledger = replace(ledger, eras=ledger.eras[-1:], slots=ledger.slots[-1:])
            result.fields[keys.BOOK] = msgspec.json.encode(ledger.slots)
        result.fields[keys.POSITION] = msgspec.json.encode(position)
        return result._replace(ledger=ledger)

    async def _committed(self, held: Held, result: Result) -> None:
        """Steps 8 and 10: one transaction, then the store."""
        prefix = self._settings.prefix
        changelog = [Entry(name, value) for name, value in result.fields.items()]
        appends = [Append(prefix + STATE, self.number, changelog)]
        for topic, entries in result.published.items():
            appends.append(Append(prefix + topic, self.number, entries))
        for partition, entries in result.sent.items():
            appends.append(Append(prefix + LOG, partition, entries))
        last = (await held.writer.transact(appends, first=held.append_at))[0]
        held.append_at = last + 2  # behind the marker
        held.unseen = [Place(each.topic, each.partition) for each in appends]
        step = Step(last + 1, self._clock.now(), held.origin, result.fields, result.dues)
        if not await self._store.apply(self.number, held.owner, held.applied, step):
            raise Fenced("the store has a newer owner, or lost what was written")
        held.applied, held.ledger = last + 1, result.ledger

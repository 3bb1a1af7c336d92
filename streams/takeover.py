"""Steps 1 to 4 of the protocol: become a partition's only owner, and know where it stands.

The steps are numbered in `partition`. Whatever the store says is checked against the changelog,
which alone says where the partition stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from models.errors import BadRulebook
from rules.eras import EngineTooOld, Era, EraRecord
from rules.timers import look_at
from streams.clock import Clock
from streams.errors import Doubt, Fenced, Halt, Unavailable
from streams.forgotten import Forgotten
from streams.ledger import START, Ledger, Origin, Position
from streams.log.port import Append, Bounds, Entry, Log, Place, Record, Writer
from streams.protocol import (
    LOG_ENDS,
    Ended,
    Held,
    Membership,
    Pace,
    PartitionSettings,
    Spoilt,
    checked,
    log_places,
    own_places,
)
from streams.store import keys
from streams.store.port import Step, Store
from streams.topics import LOG, STATE

RESTORE_CHUNK = 1_000
_ANEW = "restore the topic, or start anew under another app name and topic prefix"


class Head(msgspec.Struct, array_like=True, frozen=True):
    """The first fields of a packed state: all that the due index and re-seating need."""

    era: int | None = None
    due: int | None = None


head = msgspec.msgpack.Decoder(Head).decode


@dataclass(frozen=True, slots=True)
class TakeOver:
    """One attempt to own a partition.

    `wipe`: do not trust what the store holds. `ended`: so many attempts before ended something.
    """

    number: int
    log: Log
    store: Store
    settings: PartitionSettings
    clock: Clock
    membership: Membership
    draw: Callable[[], str]
    pace: Pace
    wipe: bool = False
    ended: int = 0

    async def run(self) -> tuple[Held, int, bool]:
        """Return what is held now, how many records were restored, and whether all was wiped.

        Raises:
            Doubt: try again a little later.
            Halt: going on would be wrong; the message says what to do.
        """
        if not await self.membership.confirmed():
            message = "the group coordinator does not confirm our membership"
            raise Doubt(message)
        writer = await self.log.fence(
            f"{self.settings.app}-{self.number}", [*self._own, *self._shared]
        )
        try:
            held, restored, wiped = await self._restore(writer)
            await self._end_open(held)
            held.ledger = await self._ledger(held)
            await self._check_log(held)
        except BaseException:
            await writer.close()
            raise
        return held, restored, wiped

    async def _restore(self, writer: Writer) -> tuple[Held, int, bool]:
        """Steps 2 and 3: claim the store and bring it up to the changelog's end."""
        topic = self.settings.prefix + STATE
        owner = self.draw()
        before = await self.store.claim(self.number, owner)
        bounds = await self.log.bounds(topic, self.number)
        origin = await self._origin(topic, bounds)
        if origin is None:
            await self._end_beginning(writer, topic, bounds.end)
            return await self._founded(writer, topic, owner, bounds.end), 0, True
        foreign = Origin.read(origin).foreign(self.settings.app)
        if foreign is not None:
            raise Halt(foreign)
        age_s = self.clock.now() - before.applied_at
        wiped = (
            self.wipe
            or before.origin != origin
            or not bounds.start < before.applied <= bounds.end
            # Tombstones that the store has not seen may have been compacted away by now.
            or age_s > self.settings.delete_retention_s // 2
            or not await self._is_past(topic, before.applied - 1)
        )
        applied = 0 if wiped else before.applied
        if wiped:
            owner = await self._wiped(owner)
        position, restored = START, 0
        async for records, _ in self.log.read(
            topic,
            self.number,
            max(bounds.start, applied - 1),
            bounds.end,
            self.pace.of(RESTORE_CHUNK),
        ):
            for record in records:
                if record.key == keys.POSITION and record.value is not None:
                    position = msgspec.json.decode(record.value, type=Position)
            fresh = [r for r in records if r.offset >= applied]
            if fresh:
                try:
                    await self._apply(owner, applied, origin, fresh)
                except Unavailable:
                    self.pace.slower()
                    raise
                applied, restored = fresh[-1].offset + 1, restored + len(fresh)
        if position is START:
            message = "a newer owner has moved on, and compaction took the newest position before"
            raise Doubt(message)
        held = Held(writer, owner, applied, origin, Ledger(position), bounds.end)
        return held, restored, wiped

    async def _wiped(self, owner: str) -> str:
        """Wipe the store; return who owns it from now on.

        Somebody new: a copy of the store from before the wipe names the owner that claimed it, and
        as much as it reflects of another changelog, this one will have some day. Should the store
        go back to that copy just then, owner and offset alone would not tell.
        """
        heir = self.draw()
        if not await self.store.wipe(self.number, owner, heir):
            message = "a newer owner claimed the store while it was to be wiped"
            raise Fenced(message)
        return heir

    async def _is_past(self, topic: str, newest: int) -> bool:
        """Tell whether the changelog holds the record with which a store ends that reflects it.

        Where it is not to be seen, it was aborted after all (see `forgotten`), and this copy of the
        store may be one of several that reflect it; or it was compacted, and nothing is known.
        """
        return any([r async for r, _ in self.log.read(topic, self.number, newest, newest + 1, 1)])

    @property
    def _own(self) -> list[Place]:
        return own_places(self.settings, self.number)

    @property
    def _shared(self) -> list[Place]:
        return log_places(self.settings, range(self.settings.partitions))

    async def _end_open(self, held: Held) -> None:
        """End what brokers forgot to (see `forgotten`), and begin once more.

        In the log something may stand open of others, too, so that is asked about a few times.
        """
        shared = self._shared if self.ended < LOG_ENDS else []
        if await self.log.is_open([*self._own, *shared]):
            await Forgotten(self.log, self.store, self.number, self._own, held).end()
            raise Ended

    async def _end_beginning(self, writer: Writer, topic: str, end: int) -> None:
        """End what brokers forgot of a changelog's beginning, which nobody has seen."""
        opened = await self.log.standing_open(Place(topic, self.number))
        if opened and opened[0].offset == end:
            await writer.end_open(committed=False)
        if opened:
            raise Ended

    async def _founded(self, writer: Writer, topic: str, owner: str, end: int) -> Held:
        """Begin an empty changelog: its identity first, then the position before everything.

        The identity names the log's. Everything is what the log still holds: an application may be
        newer than its log.
        """
        log_name, now = self.settings.prefix + LOG, self.clock.now()
        log_id = await self.log.identity(log_name)
        origin = str(Origin(self.draw(), log_id, self.settings.app))
        log = await self.log.bounds(log_name, self.number)
        position = msgspec.structs.replace(
            START, next=log.start, partitions=self.settings.partitions
        )
        entries = [
            Entry(keys.ORIGIN, origin.encode()),
            Entry(keys.POSITION, msgspec.json.encode(position)),
        ]
        (last,) = await writer.transact([Append(topic, self.number, entries)], first=end)
        owner = await self._wiped(owner)
        # What was just committed need not be visible to readers yet, but it is known.
        records = [
            Record(last - 1 + index, now, entry.key, entry.value)
            for index, entry in enumerate(entries)
        ]
        await self._apply(owner, 0, origin, records)
        return Held(writer, owner, last + 1, origin, Ledger(position), last + 2)

    async def _origin(self, topic: str, bounds: Bounds) -> str | None:
        """Return the identity with which the changelog begins, None where it holds no record."""
        reading = self.log.read(topic, self.number, bounds.start, bounds.end, 1)
        async for records, _ in reading:
            for record in records:
                if record.key == keys.ORIGIN and record.value is not None:
                    return record.value.decode()
                message = f"{topic}-{self.number} does not begin with its origin; it was truncated"
                raise Halt(f"{message}; {_ANEW}")
        if bounds.start > 0:  # a new changelog begins at 0; this one held something once
            message = f"{topic}-{self.number} was emptied up to {bounds.start}; it was truncated"
            raise Halt(f"{message}; {_ANEW}")
        return None

    async def _apply(
        self, owner: str, applied: int, origin: str, records: Sequence[Record]
    ) -> None:
        fields = {r.key: r.value for r in records if r.key is not None and r.value is not None}
        dues: dict[bytes, int | None] = {}
        for name, value in fields.items():
            customer = keys.customer_of(name)
            if customer is not None:
                dues[customer] = look_at(customer, head(value).due)
        last = records[-1]
        step = Step(last.offset + 1, last.timestamp, origin, fields, dues)
        if not await self.store.apply(self.number, owner, applied, step):
            message = "a newer owner claimed the store while it was restored"
            raise Fenced(message)

    async def _ledger(self, held: Held) -> Ledger:
        """Read source marks and eras from the store, which mirrors the changelog now."""
        names = [keys.SOURCES, keys.BOOK]
        listed = checked(held, await self.store.view(self.number, names))
        places = [p.encode() for p in msgspec.json.decode(listed[0] or b"[]", type=list[str])]
        slots = msgspec.json.decode(listed[1] or b"[]", type=tuple[int, ...])
        names = [keys.source_field(place) for place in places] + [keys.era_field(s) for s in slots]
        values = checked(held, await self.store.view(self.number, names))
        present = [value for value in values if value is not None]
        if len(present) < len(names):
            message = "the store lost a source mark or an era"
            raise Spoilt(message)
        marks = {place: int(value) for place, value in zip(places, present, strict=False)}
        try:
            eras = tuple(
                Era(msgspec.json.decode(value, type=EraRecord)) for value in present[len(places) :]
            )
        except EngineTooOld as error:
            raise Halt(str(error)) from error
        except BadRulebook as error:
            raise Halt(
                f"a rulebook in force was accepted by another version, and this one refuses it: "
                f"{error}. Go back to that version, activate a mended rulebook with it, and start "
                "this one again once its partitions are settled"
            ) from error
        return Ledger(held.ledger.position, marks, eras, slots)

    async def _check_log(self, held: Held) -> None:
        """Step 4: the position must lie within the same log, of the same shape."""
        position, partitions = held.ledger.position, self.settings.partitions
        if position.partitions != partitions:
            message = (
                f"this log was begun with {position.partitions} partitions and is now read with "
                f"{partitions}; the number is fixed for a log's life: set it back"
            )
            raise Halt(message)
        name = self.settings.prefix + LOG
        bounds, identity = await self.log.bounds(name, self.number), await self.log.identity(name)
        wrong = None
        if Origin.read(held.origin).log != identity:
            wrong = f"{name} was made anew: this changelog was begun with another topic"
        elif not bounds.start <= position.next <= bounds.end:
            wrong = (
                f"the next record to take is {position.next}, but {LOG}-{self.number} holds "
                f"{bounds.start} to {bounds.end}: it was truncated"
            )
        if wrong is not None:
            await self._confirm(held)
            raise Halt(f"{wrong}; {_ANEW}")

    async def _confirm(self, held: Held) -> None:
        """Write the position once more; raises Doubt where the changelog has one that is newer.

        Only a write tells: an end may be told by a broker that is not the leader any more.
        """
        entry = Entry(keys.POSITION, msgspec.json.encode(held.ledger.position))
        append = Append(self.settings.prefix + STATE, self.number, [entry])
        await held.writer.transact([append], first=held.append_at)

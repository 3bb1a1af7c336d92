"""What brokers forgot to end, ended as it was decided.

`log.kafka_writer` tells how a transaction can be decided and yet stand open, everywhere or in some
of its places. Only an owner's last one can, since an owner makes sure of one before it sends the
next (step 12 of the protocol); and each of them begins with the changelog. Who comes after it goes
by the outputs, since each names the revision of its customer's state:

* If the changelog's states have behind them what stands open elsewhere, that was committed with
  them. Whether they are the newest shows when something is appended.
* If somebody can read an output that they do not have behind them, the changelog is open too, and
  what stands open there belongs to it, so it was committed.
* Else nobody has seen anything of it, and nobody will miss it: it is aborted, and concluded again.

What may stand open in the changelog, too, is the position that an end like this one wrote again,
when brokers forgot the markers of that end: it tells nothing, and what was to be ended goes on.

So an output is there once: neither lost beside a state that has it behind it, nor repeated after
one that has not. Of what stands open only where it went to other customers, in the log, nothing is
known: it is committed, and if it comes twice, who receives it knows the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from models.customer import unpack
from models.errors import UNREADABLE
from streams.errors import Doubt
from streams.ledger import Position
from streams.log.port import Append, Entry, Log, Place, Record
from streams.outputs import DEAD_OFFSET
from streams.protocol import Held, checked
from streams.store import keys
from streams.store.port import Store

_LAST = 16  # offsets: the last record of a transaction, and the markers of who tried to end it


class _Output(msgspec.Struct):
    revision: int


_output = msgspec.json.Decoder(_Output).decode


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The transaction that stands open in some of the places that only one owner writes to.

    `places`: all of them, the changelog first. `held` stands where that can be read to.
    """

    log: Log
    store: Store
    number: int
    places: Sequence[Place]
    held: Held

    async def end(self) -> None:
        """End it in all places."""
        changelog, *others = self.places
        writer, end = self.held.writer, self.held.append_at
        opened = await self.log.standing_open(changelog)
        concluded = await self._is_concluded(others)
        if opened:
            if opened[0].offset != end:
                message = "the changelog's end was not the newest one"
                raise Doubt(message)
            if self._is_repeated(opened[0]):
                committed = concluded is not False
            else:
                committed = concluded or await self._is_seen(others)
            await writer.end_open(committed=committed)
            return
        # Written again: it changes nothing, and where it comes next nobody else has moved on.
        position = Entry(keys.POSITION, msgspec.json.encode(self.held.ledger.position))
        append = Append(*changelog, [position])
        await writer.end_open([append], first=end, committed=concluded is not False)

    def _is_repeated(self, record: Record) -> bool:
        """Tell whether a record is the position that the changelog ends with, once more."""
        if record.key != keys.POSITION or record.value is None:
            return False
        position = msgspec.json.decode(record.value, type=Position)
        return position == self.held.ledger.position

    async def _is_seen(self, places: Sequence[Place]) -> bool:
        """Tell whether one of the places shows something that the changelog does not have yet."""
        for place in places:
            bounds = await self.log.bounds(*place)
            start = max(bounds.start, bounds.end - _LAST)
            async for records, _ in self.log.read(*place, start, bounds.end):
                for record in records:
                    if await self._has(record) is False:
                        return True
        return False

    async def _is_concluded(self, places: Sequence[Place]) -> bool | None:
        """Tell whether the changelog has what stands open in one of the places; None: unknown."""
        for place in places:
            for record in await self.log.standing_open(place):
                has = await self._has(record)
                if has is not None:
                    return has
        return None

    async def _has(self, record: Record) -> bool | None:
        """Tell whether the changelog has an output or a dead letter behind it; None: unknown."""
        offset = dict(record.headers).get(DEAD_OFFSET)
        if offset is not None:
            return int(offset) < self.held.ledger.position.next
        if record.key is None or record.value is None:
            return None  # the tombstone of somebody erased
        try:
            revision = _output(record.value).revision
        except UNREADABLE:
            return None  # somebody else wrote into an output topic
        name = keys.customer_field(record.key)
        (value,) = checked(self.held, await self.store.view(self.number, [name]))
        known = 0 if value is None else unpack(value).concluded.revision
        return revision <= known

"""How a transaction was decided that brokers forgot to end: what the outputs tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import cast
from unittest.mock import AsyncMock, call

import msgspec
import pytest

from models.customer import Conclusions, CustomerState, pack
from streams.errors import Doubt
from streams.forgotten import Forgotten
from streams.ledger import START, Ledger
from streams.log.port import Append, Bounds, Entry, Log, Place, Record
from streams.protocol import Held
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step

CHANGELOG, OUTPUTS, LETTERS = Place("state", 0), Place("outputs", 0), Place("letters", 0)
END, TAKEN, REVISION = 40, 7, 3


@dataclass
class Places:
    """What can be read of some places, and what stands open there."""

    readable: dict[Place, list[Record]] = field(default_factory=dict)
    opened: dict[Place, list[Record]] = field(default_factory=dict)

    async def standing_open(self, place: Place) -> Sequence[Record]:
        return self.opened.get(place, [])

    async def bounds(self, topic: str, partition: int) -> Bounds:
        records = self.readable.get(Place(topic, partition), [])
        return Bounds(0, records[-1].offset + 2 if records else 0)

    async def read(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        records = self.readable.get(Place(topic, partition), [])
        yield [record for record in records if start <= record.offset < end], end


def output(revision: int, offset: int = 0) -> Record:
    return Record(offset, 0, b"anna", msgspec.json.encode({"revision": revision}))


def letter(of: int) -> Record:
    return Record(0, 0, None, b"nonsense", (("dlq.offset", b"%d" % of),))


OPEN = {CHANGELOG: [Record(END, 0, keys.customer_field(b"anna"), pack(CustomerState()))]}


async def ended(places: Places) -> AsyncMock:
    """Let what stands open be ended by somebody who knows of anna's first outputs; return how."""
    store, end_open = MemoryStore(), AsyncMock()
    anna = pack(CustomerState(concluded=Conclusions(revision=REVISION)))
    await store.claim(0, "owner")
    step = Step(END - 1, 0, "", {keys.customer_field(b"anna"): anna}, {})
    assert await store.apply(0, "owner", 0, step)
    ledger = Ledger(msgspec.structs.replace(START, next=TAKEN))
    held = Held(AsyncMock(end_open=end_open), "owner", END - 1, "", ledger, END)
    everywhere = [CHANGELOG, OUTPUTS, LETTERS]
    await Forgotten(cast(Log, places), store, 0, everywhere, held).end()
    return end_open


@pytest.mark.parametrize(
    ("opened", "committed"),
    [
        ({OUTPUTS: [output(REVISION)]}, True),
        ({OUTPUTS: [output(REVISION + 1)]}, False),
        ({LETTERS: [letter(TAKEN - 1)]}, True),
        ({LETTERS: [letter(TAKEN)]}, False),
        ({OUTPUTS: [Record(0, 0, b"anna", None)], LETTERS: [letter(TAKEN)]}, False),
        ({OUTPUTS: [Record(0, 0, b"anna", b"not ours")], LETTERS: [letter(TAKEN)]}, False),
        ({}, True),  # only in the log, of which nothing is known
    ],
)
async def test_beside_a_changelog_that_is_not_open_its_states_tell(
    opened: dict[Place, list[Record]], *, committed: bool
) -> None:
    end_open = await ended(Places(opened=opened))
    position = msgspec.json.encode(msgspec.structs.replace(START, next=TAKEN))
    probe = Append(*CHANGELOG, [Entry(keys.POSITION, position)])
    assert end_open.await_args_list == [call([probe], first=END, committed=committed)]


@pytest.mark.parametrize(
    ("readable", "opened", "committed"),
    [
        ({}, {}, False),
        ({}, {CHANGELOG: [Record(END, 0, keys.POSITION, msgspec.json.encode(START))]}, False),
        ({OUTPUTS: [output(REVISION, 5)]}, {}, False),
        ({OUTPUTS: [output(REVISION + 1, 5)]}, {}, True),
        ({OUTPUTS: [output(REVISION + 1, 5), output(REVISION, 6)]}, {}, True),
        ({LETTERS: [letter(TAKEN)]}, {OUTPUTS: [output(REVISION + 1)]}, True),
        ({}, {OUTPUTS: [output(REVISION + 1)]}, False),
        # The changelog has that; what stands open there is only what somebody wrote to end it.
        ({}, {OUTPUTS: [output(REVISION)]}, True),
    ],
)
async def test_of_a_changelog_that_is_open_outputs_tell(
    readable: dict[Place, list[Record]], opened: dict[Place, list[Record]], *, committed: bool
) -> None:
    end_open = await ended(Places(readable, {**OPEN, **opened}))
    assert end_open.await_args_list == [call(committed=committed)]


@pytest.mark.parametrize(
    ("opened", "committed"),
    [
        ({}, True),  # what it was to end stands open in the log alone, perhaps
        ({OUTPUTS: [output(REVISION)]}, True),
        ({OUTPUTS: [output(REVISION + 1)]}, False),
    ],
)
async def test_an_end_that_brokers_forgot_is_taken_up_again(
    opened: dict[Place, list[Record]], *, committed: bool
) -> None:
    position = msgspec.json.encode(msgspec.structs.replace(START, next=TAKEN))
    repeated = Record(END, 0, keys.POSITION, position)
    end_open = await ended(Places(opened={CHANGELOG: [repeated], **opened}))
    assert end_open.await_args_list == [call(committed=committed)]


async def test_who_has_not_read_up_to_what_stands_open_decides_nothing() -> None:
    with pytest.raises(Doubt, match="not the newest one"):
        await ended(Places(opened={CHANGELOG: [Record(END + 4, 0, keys.POSITION, b"{}")]}))

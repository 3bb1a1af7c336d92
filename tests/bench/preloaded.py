"""Customers with a past, without the time that it took: states written to the changelog in bulk.

A few thousand customers' states are computed in memory from a history; then every customer of the
shop gets one of these, in the changelog as a worker would have written it, with the position and
the digest that belong to it. A worker that starts on it first rebuilds the store, as it would after
the store was lost: that is measured, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import msgspec

from models.calendar import DAY_S
from rules import catalog
from streams.ledger import Ledger, state_digest
from streams.log.port import Append, Entry, Log
from streams.log.producer import Producer
from streams.store import keys
from streams.topics import LOG, STATE, Catalogue
from tests.bench.inmemory import InMemory
from tests.bench.logged import RULEBOOK, LogWriter
from tests.bench.throughput import Told
from tests.bench.workload import FIRST_DAY, ZONE, Shop

HISTORY_DAYS = 180
EVENTS_PER_CUSTOMER = 8

_MODELS = 2_000  # customers whose states are computed
_CHUNK = 20_000
_DIGEST_MOD = 1 << 128
_NOON_S = DAY_S // 2  # timers of the morning have fired


@dataclass(frozen=True, slots=True)
class Past:
    """Packed states of customers with a past that ends at `now`, and when they are due next."""

    states: Sequence[bytes]
    dues: Sequence[int | None]
    ledger: Ledger
    now: int


def past(customers: int = _MODELS) -> Past:
    """Compute the states of some customers under the shipped rulebook."""
    computed = InMemory(RULEBOOK, catalog.text(RULEBOOK))
    shop = Shop(customers, partitions=1)
    visits = shop.everybody(EVENTS_PER_CUSTOMER)
    for begin, happenings in shop.days(visits, FIRST_DAY, HISTORY_DAYS):
        computed.tick(begin)
        computed.fire(begin)
        computed.take([(each.customer, each.canonical()) for each in happenings], begin + DAY_S)
    now = ZONE.start(FIRST_DAY + HISTORY_DAYS) + _NOON_S
    computed.tick(now)
    computed.fire(now)
    return Past(
        states=list(computed.states.values()),
        dues=[computed.dues.get(customer) for customer in computed.states],
        ledger=computed.ledger,
        now=now,
    )


async def preload(
    into: Log, producer: Producer, catalogue: Catalogue, shop: Shop, lived: Past, told: Told
) -> LogWriter:
    """Give every customer of the shop a past; return the writer of the log that goes on from it."""
    log = LogWriter(producer, catalogue.name(LOG), catalogue.partitions)
    await log.rulebook()
    await log.tick(lived.now)
    changelog = _Changelog(producer, catalogue, lived)
    await changelog.begin(await into.identity(catalogue.name(LOG)))
    states = cycle(lived.states)
    written = 0
    for chunk in _chunks(shop):
        await changelog.write([(customer, home, next(states)) for customer, home in chunk])
        written += len(chunk)
        told(f"{written:,} customers get a past")
    await changelog.end(log.sizes)
    return log


def _chunks(shop: Shop) -> Iterator[list[tuple[bytes, int]]]:
    chunk: list[tuple[bytes, int]] = []
    for each in shop.homes():
        chunk.append(each)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Changelog:
    """Writes the changelog of all partitions: its identity, eras, states, and the position last."""

    def __init__(self, producer: Producer, catalogue: Catalogue, lived: Past) -> None:
        self._producer = producer
        self._topic = catalogue.name(STATE)
        self._ledger = lived.ledger
        self._digests = [0] * catalogue.partitions

    async def begin(self, of: str) -> None:
        """Write what stands before the first state; `of`: the log's identity."""
        ledger = self._ledger
        entries = [
            Entry(keys.ORIGIN, f"preloaded.{of}".encode()),
            Entry(keys.BOOK, msgspec.json.encode(ledger.slots)),
            *(
                Entry(keys.era_field(slot), msgspec.json.encode(era.record))
                for slot, era in zip(ledger.slots, ledger.eras, strict=True)
            ),
        ]
        await self._deliver([entries for _ in self._digests])

    async def write(self, states: Sequence[tuple[bytes, int, bytes]]) -> None:
        """Write states of customers, given with the partitions that they belong to."""
        entries: list[list[Entry]] = [[] for _ in self._digests]
        for customer, home, packed in states:
            self._digests[home] += state_digest(customer, packed)
            entries[home].append(Entry(keys.customer_field(customer), packed))
        await self._deliver(entries)

    async def end(self, offsets: Sequence[int]) -> None:
        """Write the positions: everything before the offsets in the log is done."""
        entries = []
        for digest, offset in zip(self._digests, offsets, strict=True):
            position = msgspec.structs.replace(
                self._ledger.position,
                next=offset,
                seated=self._ledger.eras[-1].number,
                settled=True,
                states=f"{digest % _DIGEST_MOD:032x}",
                partitions=len(self._digests),
            )
            entries.append([Entry(keys.POSITION, msgspec.json.encode(position))])
        await self._deliver(entries)

    async def _deliver(self, entries: Sequence[Sequence[Entry]]) -> None:
        await self._producer.deliver(
            [Append(self._topic, number, each) for number, each in enumerate(entries)]
        )

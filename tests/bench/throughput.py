"""Throughput: of the customers role on a log that is full, and of the whole chain from the sources.

Both begin with a history of a few events a customer, which is processed but not measured: it gives
the customers a past, and warms broker and caches. What is measured lies in the log (in the source
topics) before the first of it is processed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain

from streams.log.port import Append, Entry
from streams.settings import Role
from streams.store import keys
from streams.store.port import START
from streams.ticker import tick_append
from streams.topics import LOG, SOURCES
from tests.bench.deployment import Deployment, Site
from tests.bench.logged import LogWriter
from tests.bench.meter import Meter, Stretch, stretch
from tests.bench.verdict import verified
from tests.bench.workload import FIRST_DAY, YEAR_DAYS, ZONE, Shop

Told = Callable[[str], None]

_CHAIN_DAYS = 28  # below the lateness that is allowed: source topics run ahead of each other
_CHUNK = 4_000
_SCAN_COUNT = 1_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything.

    `history`: events a customer before the measurement. `days`: over which the measured events of
    the customers role spread; None for the rest of the year, at the same rate as the history.
    `workers`: of the customers role, by default one a CPU.
    """

    customers: int = 100_000
    history: int = 3
    customers_events: int = 1_000_000
    customers_runs: int = 5
    days: int | None = None
    chain_events: int = 300_000
    chain_runs: int = 3
    latency_s: int = 30
    workers: int = os.cpu_count() or 1

    @property
    def history_days(self) -> int:
        """The part of the year that the history takes."""
        before = self.customers * self.history
        return YEAR_DAYS * before // (before + self.customers_events)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a customer takes in the store, in bytes: all in all, and her packed state."""

    customers: int
    store_bytes: float
    packed_bytes: float


@dataclass(slots=True)
class CustomersRuns:
    """The runs of the customers role."""

    runs: list[Stretch] = field(default_factory=list)
    footprint: Footprint | None = None


async def customers(site: Site, size: Size, told: Told) -> CustomersRuns:
    """Measure the customers role, several times on the same log."""
    writer: LogWriter | None = None
    warm: list[int] = []
    done = CustomersRuns()
    for run in range(size.customers_runs):
        name = f"customers, run {run + 1} of {size.customers_runs}"
        async with site.deployment(keep=(LOG,) if writer else ()) as deployment:
            if writer is None:
                told("customers: filling the log")
                shop, writer = await with_history(deployment, size)
                warm = writer.sizes.copy()
                visits = shop.by_habit(size.customers_events)
                days = size.days or YEAR_DAYS - size.history_days
                await writer.days(shop.days(visits, FIRST_DAY + size.history_days, days))
            done.runs.append(
                await customers_run(deployment, writer, warm, name, told, workers=size.workers)
            )
            told(f"{name}: {done.runs[-1].rate:,.0f} events/s; checking what came out")
            await verified(deployment)
            if done.footprint is None:
                done.footprint = await footprint(deployment)
    return done


async def with_history(
    deployment: Deployment, size: Size, book: str | None = None
) -> tuple[Shop, LogWriter]:
    """Write a rulebook (`book` its text, None the shipped one) and the history to an empty log."""
    partitions = deployment.settings.partitions
    shop = Shop(size.customers, partitions)
    writer = LogWriter(deployment.reached.producer, deployment.catalogue.name(LOG), partitions)
    await writer.rulebook(book)
    await writer.days(shop.days(shop.everybody(size.history), FIRST_DAY, size.history_days))
    return shop, writer


async def customers_run(
    deployment: Deployment,
    writer: LogWriter,
    warm: Sequence[int],
    name: str,
    told: Told,
    *,
    workers: int = 1,
    variables: Mapping[str, str] | None = None,
) -> Stretch:
    """Let workers process the log to its end; what stands before the offsets `warm` is left out."""
    whole = sum(writer.sizes)

    def processed(records: int) -> None:
        told(f"{name}: {records:,} of {whole:,} records")

    with ExitStack() as running:
        started = [
            running.enter_context(deployment.worker(Role.CUSTOMERS, variables))
            for _ in range(workers)
        ]
        meter = Meter(deployment, started)
        begin = await meter.reached(warm, processed)
        end = await meter.reached(writer.sizes, processed)
    ticks = writer.ticks_before(end.positions) - writer.ticks_before(begin.positions)
    return stretch(begin, end, sum(end.positions) - sum(begin.positions) - ticks)


async def whole_chain(site: Site, size: Size, told: Told) -> list[Stretch]:
    """Measure both roles together, from the source topics to the outputs, several times."""
    runs: list[Stretch] = []
    counts: list[int] = []
    for run in range(size.chain_runs):
        name = f"chain, run {run + 1} of {size.chain_runs}"
        async with site.deployment(keep=SOURCES if runs else ()) as deployment:
            told(f"{name}: filling the log" + ("" if runs else " and the source topics"))
            shop, writer = await with_history(deployment, size)
            if not runs:
                counts = await _fill_sources(deployment, shop, size)
            runs.append(await _chain_run(deployment, writer, counts, size, name, told))
            told(f"{name}: {runs[-1].rate:,.0f} events/s; checking what came out")
            await verified(deployment)
    return runs


async def _fill_sources(deployment: Deployment, shop: Shop, size: Size) -> list[int]:
    """Write what producers write; return the number of events by log partition."""
    counts = [0] * deployment.settings.partitions
    days = shop.days(shop.by_habit(size.chain_events), FIRST_DAY + size.history_days, _CHAIN_DAYS)
    happenings = list(chain.from_iterable(of_day for _, of_day in days))
    for first in range(0, len(happenings), _CHUNK):
        places: dict[tuple[str, int], list[Entry]] = {}
        for happening in happenings[first : first + _CHUNK]:
            counts[happening.partition] += 1
            place = (deployment.catalogue.name(happening.topic), happening.partition)
            entry = Entry(happening.customer, happening.wire())
            places.setdefault(place, []).append(entry)
        await deployment.reached.producer.deliver(
            [Append(*place, entries) for place, entries in places.items()]
        )
    return counts


async def _chain_run(
    deployment: Deployment,
    writer: LogWriter,
    counts: list[int],
    size: Size,
    name: str,
    told: Told,
) -> Stretch:
    events, warm = sum(counts), writer.sizes.copy()
    ends = [at + count for at, count in zip(warm, counts, strict=True)]
    clock = _Clock(deployment, FIRST_DAY + size.history_days, ends)
    with ExitStack() as running:
        concluding = [
            running.enter_context(deployment.worker(Role.CUSTOMERS)) for _ in range(size.workers)
        ]
        await Meter(deployment, concluding).reached(warm)
        with deployment.worker(Role.INGRESS) as taking_in:
            meter = Meter(deployment, [*concluding, taking_in])
            begin = await meter.reached([at + 1 for at in warm])
            end = await meter.reached(
                ends,
                lambda records: told(f"{name}: {records - sum(warm):,} of {events:,} events"),
                clock.follow,
            )
    return stretch(begin, end, events - (sum(begin.positions) - sum(warm)))


class _Clock:
    """Follows the slowest source through the days of the chain, as a ticker would."""

    def __init__(self, deployment: Deployment, first_day: int, ends: list[int]) -> None:
        """`ends`: where the log will end, by partition; moved on by each tick."""
        self._deployment = deployment
        self._first_day = first_day
        self._ends = ends
        self._day = 0

    async def follow(self) -> None:
        """Write a tick where ingress has passed another day of every source."""
        reached, catalogue = self._deployment.reached, self._deployment.catalogue
        ends = await reached.positions.ends(catalogue.sources)
        passed = await reached.positions.committed(reached.settings.consumer_group(Role.INGRESS))
        shares = [
            (passed[source].offset if source in passed else 0) / end
            for source, end in ends.items()
            if end
        ]
        day = int(min(shares) * _CHAIN_DAYS)
        if day > self._day:
            self._day = day
            t, log = ZONE.start(self._first_day + day), catalogue.name(LOG)
            partitions = range(len(self._ends))
            await reached.producer.deliver([tick_append(log, number, t) for number in partitions])
            for number in partitions:
                self._ends[number] += 1


async def footprint(deployment: Deployment) -> Footprint:
    """Measure what customers take in the store."""
    customers = packed = 0
    for number in range(deployment.settings.partitions):
        cursor, started = START, False
        while cursor or not started:
            started = True
            cursor, page = await deployment.reached.store.scan(number, cursor, _SCAN_COUNT)
            states = [len(value) for name, value in page if keys.customer_of(name) is not None]
            customers += len(states)
            packed += sum(states)
    return Footprint(customers, deployment.store_bytes() / customers, packed / customers)

"""From ten thousand customers to five million: throughput, rebuild of the store, bytes a customer.

Customers get their past by `preloaded`. The measured events fall into one day, so that no timers
fire beside them and only the number of customers differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from streams.settings import Role
from streams.store import keys
from tests.bench.deployment import BenchFailed, Deployment, Site, Worker
from tests.bench.lines import Line
from tests.bench.meter import Meter, stretch
from tests.bench.preloaded import Past, past, preload
from tests.bench.throughput import Told
from tests.bench.workload import Shop

CUSTOMERS = (10_000, 100_000, 1_000_000, 5_000_000)
EVENTS = 200_000

_WARM = 0.2
_REBUILD_CUSTOMERS_MIN = 100_000  # with fewer it is over before it can be measured
_REBUILD_S_MAX = 600.0
_LOOK_EVERY_S = 0.05
_AFTERNOON_S = 11 * 3600


async def sizes(site: Site, counts: Sequence[int], events: int, told: Told) -> list[Line]:
    """Measure with each number of customers."""
    told("customers: living a few lives for all of them")
    lived = past()
    found = [await _size(site, customers, events, lived, told) for customers in counts]
    return [line for lines in found for line in lines]


async def _size(site: Site, customers: int, events: int, lived: Past, told: Told) -> list[Line]:
    name = f"{customers:,} customers"
    told(f"{name}: making them")
    async with site.deployment() as deployment:
        shop = Shop(customers, deployment.settings.partitions)
        writer = await preload(
            deployment.reached.log,
            deployment.reached.producer,
            deployment.catalogue,
            shop,
            lived,
            lambda text: told(f"{name}: {text}"),
        )
        begun = writer.sizes.copy()
        happenings = shop.between(shop.by_habit(events), lived.now, lived.now + _AFTERNOON_S)
        await writer.write(happenings)
        warm = round(events * _WARM) // len(begun)
        with deployment.worker(Role.CUSTOMERS) as worker:
            told(f"{name}: the store is rebuilt")
            rebuild_s = await _rebuilt(deployment, worker)
            meter = Meter(deployment, [worker])
            begin = await meter.reached([offset + warm for offset in begun])
            end = await meter.reached(
                writer.sizes, lambda records: told(f"{name}: {records:,} records")
            )
        if refused := end.dead_letters():
            raise BenchFailed(f"{refused:.0f} records were refused, so the run does not count")
        run = stretch(begin, end, sum(end.positions) - sum(begin.positions))
        told(f"{name}: {run.rate:,.0f} events/s; measuring memory")
        store_bytes = await asyncio.to_thread(deployment.store_bytes)
    return _lines(customers, run.rate, run.cost_us, rebuild_s, store_bytes, lived)


def _lines(
    customers: int,
    rate: float,
    cpu_us: float,
    rebuild_s: float,
    store_bytes: int,
    lived: Past,
) -> list[Line]:
    """Return the lines of one number of customers."""
    packed = sum(map(len, lived.states)) / len(lived.states)
    key = f"customers_{customers // 1_000}k"
    stored = store_bytes / customers
    lines = [
        Line(
            f"{customers:,} customers",
            f"{rate:,.0f} events/s",
            f"{cpu_us:.1f} CPU µs an event; {stored:.0f} bytes a customer in the store",
            {f"{key}_events_per_s": round(rate), f"{key}_store_bytes": round(stored)},
        )
    ]
    if customers >= _REBUILD_CUSTOMERS_MIN:
        speed = customers / rebuild_s
        lines.append(
            Line(
                "  rebuild of the store",
                f"{speed:,.0f} states/s",
                f"{rebuild_s:.1f} s; packed states have {packed:.0f} bytes, as in the changelog",
                {f"{key}_rebuild_states_per_s": round(speed)},
            )
        )
    return lines


async def _rebuilt(deployment: Deployment, worker: Worker) -> float:
    """Wait for the store to hold what the changelog holds; return how many seconds that took.

    From the first state that is there until the last partition's position, which ends it.
    """
    waited_s = monotonic()
    began_s: float | None = None
    while True:
        worker.check()
        whole = True
        for number in range(deployment.settings.partitions):
            view = await deployment.reached.store.view(number, [keys.POSITION])
            if view.fields and began_s is None:
                began_s = monotonic()
            whole = whole and view.values[0] is not None
        if whole and began_s is not None:
            return monotonic() - began_s
        if monotonic() - waited_s > _REBUILD_S_MAX:
            raise BenchFailed("the worker does not rebuild the store; its log says why")
        await asyncio.sleep(_LOOK_EVERY_S)

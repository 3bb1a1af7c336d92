"""Latency at several rates, and while a million timers are due at once."""

from __future__ import annotations

from dataclasses import replace

from models.calendar import DAY_S
from streams.log.feed import kafka_feed
from streams.settings import Role
from streams.topics import CHURN_RISK, SEGMENT_CHANGED, TIER_CHANGED
from tests.bench.deployment import Site
from tests.bench.latency import Latency, OpenLoop, latency, measured_latency
from tests.bench.lines import Line
from tests.bench.meter import Meter
from tests.bench.preloaded import Past, past, preload
from tests.bench.throughput import Size, Told
from tests.bench.workload import Shop

RATES = (1_000, 5_000, 10_000, 20_000)
TIMERS = 1_000_000

_LIVE_RATE = 1_000
_LIVE_S = 30
_OUTPUTS = (TIER_CHANGED, CHURN_RISK, SEGMENT_CHANGED)


async def rates(site: Site, size: Size, told: Told) -> list[Line]:
    """Measure at each rate, even where it is more than one worker can do."""
    lines = []
    for rate in RATES:
        found = await latency(site, size, told, rate)
        lines.append(_line(f"latency at {rate:,} events/s", f"latency_{rate}", found))
    return lines


async def timers(site: Site, customers: int, told: Told) -> list[Line]:
    """Measure live traffic alone, then beside a timer of each customer, all due at once.

    The clock jumps on by as many days as let everybody fall due.
    """
    lived, jump_days = _first_due(past())
    async with site.deployment() as deployment:
        shop = Shop(customers, deployment.settings.partitions)
        writer = await preload(
            deployment.reached.log,
            deployment.reached.producer,
            deployment.catalogue,
            shop,
            lived,
            lambda text: told(f"timers: {text}"),
        )
        names = [deployment.catalogue.name(topic) for topic in _OUTPUTS]
        reached = deployment.reached
        bootstrap = reached.settings.kafka.bootstrap
        with deployment.worker(Role.CUSTOMERS) as worker:
            meter = Meter(deployment, [worker])
            told("timers: the store is rebuilt")
            await meter.reached(writer.sizes)
            async with kafka_feed(
                bootstrap, names, from_start=False, client=reached.client
            ) as feed:
                found: list[Latency] = []
                for begin in (lived.now, lived.now + jump_days * DAY_S):
                    told(f"timers: {_LIVE_RATE:,} events/s for {_LIVE_S} s")
                    loop = OpenLoop(deployment, shop, writer, begin, _LIVE_RATE)
                    found.append(await measured_latency(loop, meter, feed, _LIVE_S))
    alone, beside = found
    fired = beside.cost.timers * beside.cost.events / beside.cost.seconds
    ratio = beside.p99_ms / alone.p99_ms
    how = f"{fired:,.0f} timers/s meanwhile; p99 is {ratio:.2f} × that without"
    return [
        _line("live traffic alone", "live", alone),
        replace(_line(f"beside {customers:,} due timers", "live_beside_timers", beside), how=how),
    ]


def _first_due(lived: Past) -> tuple[Past, int]:
    """Return the half of the states that fall due first, and in how many days all of it has."""
    due = [(at, state) for state, at in zip(lived.states, lived.dues, strict=True) if at]
    first = sorted(due)[: max(1, len(due) // 2)]
    dues, states = zip(*first, strict=True)
    return replace(lived, states=states, dues=dues), 1 + (dues[-1] - lived.now) // DAY_S


def _line(what: str, key: str, found: Latency) -> Line:
    return Line(
        what,
        f"p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms, p99.9 {found.p999_ms:.1f} ms",
        f"{found.rate:,.0f} events/s, {found.samples:,} outputs",
        {f"{key}_p50_ms": round(found.p50_ms, 1), f"{key}_p99_ms": round(found.p99_ms, 1)},
    )

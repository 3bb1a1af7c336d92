"""The customers role under other circumstances, and the replay of what it has concluded.

More workers, a larger rulebook, other sizes of a transaction: all cases of one rulebook process the
same log, and each run is verified.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from streams.jobs.replay import verify
from streams.ledger import Position
from streams.settings import Role
from streams.store import keys
from streams.topics import LOG
from tests.bench.books import MANY_DIMENSIONS, books
from tests.bench.deployment import BenchFailed, Deployment, Site
from tests.bench.lines import Line
from tests.bench.logged import LogWriter
from tests.bench.meter import Meter
from tests.bench.throughput import Size, Told, customers_run, with_history
from tests.bench.verdict import verified
from tests.bench.workload import FIRST_DAY, YEAR_DAYS

_SETTLED_S_MAX = 60.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run the workers; `key` names its figures."""

    name: str
    key: str
    workers: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)


def _batches_of(records: int) -> Case:
    variables = {"TIERSTREAM_BATCH_RECORDS_MAX": str(records)}
    return Case(f"batches of at most {records:,}", f"batch_{records}", variables=variables)


WORKERS = (Case("1 worker", "workers_1"), Case("2 workers", "workers_2", workers=2))
BATCHES = tuple(map(_batches_of, (100, 500, 1_000, 4_000)))
DIMENSIONS = (
    Case("45 dimensions, 1 worker", "dimensions_45"),
    Case("45 dimensions, 2 workers", "dimensions_45_workers_2", workers=2),
)


async def workers(site: Site, size: Size, told: Told) -> list[Line]:
    """Measure one and two workers on all cores of this machine."""
    return await _cases(site, size, told, WORKERS, None)


async def batches(site: Site, size: Size, told: Told) -> list[Line]:
    """Measure other sizes of a transaction."""
    return await _cases(site, size, told, BATCHES, None)


async def dimensions(site: Site, size: Size, told: Told) -> list[Line]:
    """Measure the rulebook with 45 dimensions."""
    return await _cases(site, size, told, DIMENSIONS, books()[MANY_DIMENSIONS])


async def replay(site: Site, size: Size, told: Told) -> list[Line]:
    """Measure the replay with proof of what one worker has concluded."""
    async with site.deployment() as deployment:
        writer, _ = await _filled(deployment, size, told, None)
        with deployment.worker(Role.CUSTOMERS) as worker:
            await Meter(deployment, [worker]).reached(writer.sizes)
            await _settled(deployment)
        return [await _replayed(deployment, told)]


async def _cases(
    site: Site, size: Size, told: Told, cases: Sequence[Case], book: str | None
) -> list[Line]:
    lines: list[Line] = []
    kept: tuple[LogWriter, list[int]] | None = None
    for case in cases:
        async with site.deployment(keep=(LOG,) if kept else ()) as deployment:
            kept = kept or await _filled(deployment, size, told, book)
            run = await customers_run(
                deployment,
                *kept,
                case.name,
                told,
                workers=case.workers,
                variables=case.variables,
            )
            told(f"{case.name}: {run.rate:,.0f} events/s; checking what came out")
            await verified(deployment)
        how = f"{run.cost_us:.1f} CPU µs and {run.outputs:.2f} outputs an event"
        batch = f"transactions of {run.batch_records:.0f} records in {run.batch_ms:.1f} ms"
        values = {f"{case.key}_events_per_s": round(run.rate)}
        lines.append(Line(case.name, f"{run.rate:,.0f} events/s", f"{how}; {batch}", values))
    return lines


async def _filled(
    deployment: Deployment, size: Size, told: Told, book: str | None
) -> tuple[LogWriter, list[int]]:
    """Fill the log; return its writer, and where the history ends in each partition."""
    told("filling the log")
    shop, writer = await with_history(deployment, size, book)
    warm = writer.sizes.copy()
    visits = shop.by_habit(size.customers_events)
    days = size.days or YEAR_DAYS - size.history_days
    await writer.days(shop.days(visits, FIRST_DAY + size.history_days, days))
    return writer, warm


async def _settled(deployment: Deployment) -> None:
    """Wait until nothing is left to do: only then a position says what a replay must reach."""
    deadline_s = monotonic() + _SETTLED_S_MAX
    for number in range(deployment.settings.partitions):
        while not await _is_settled(deployment, number):
            if monotonic() > deadline_s:
                raise BenchFailed(f"the worker does not settle partition {number}")
            await asyncio.sleep(_LOOK_EVERY_S)


async def _is_settled(deployment: Deployment, number: int) -> bool:
    (value,) = (await deployment.reached.store.view(number, [keys.POSITION])).values
    return value is not None and msgspec.json.decode(value, type=Position).settled


async def _replayed(deployment: Deployment, told: Told) -> Line:
    settings, prefix = deployment.settings, deployment.catalogue.prefix
    records, seconds = 0, 0.0
    for number in range(settings.partitions):
        told(f"replaying partition {number}")
        before_s = monotonic()
        verdict = await verify(
            deployment.reached.log, settings.app, number, settings.partitions, prefix
        )
        seconds += monotonic() - before_s
        if verdict is None or not verdict.equal:
            raise BenchFailed(f"the replay of partition {number} does not give the same: {verdict}")
        records += verdict.records
    rate = records / seconds
    return Line(
        "replay with proof, one process",
        f"{rate:,.0f} records/s",
        f"{records:,} records, digests of states and outputs equal",
        {"replay_records_per_s": round(rate)},
    )

"""What was measured, for people (a table) and for programs (one line of JSON)."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from deploy.local.services import Services
from streams.log.positions import KafkaPositions
from streams.settings import load
from streams.store.redis import RedisStore
from tests.bench.books import JOINED, MANY_DIMENSIONS, MANY_RULES
from tests.bench.latency import Latency
from tests.bench.lines import Line
from tests.bench.meter import Stretch
from tests.bench.peers import report as peers
from tests.bench.peers.contest import Score
from tests.bench.rules_cost import BookCost
from tests.bench.throughput import CustomersRuns

_PARTS = ("customers", "ingress", "valkey", "broker")
_Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured; None where it was not asked for."""

    customers: CustomersRuns | None = None
    chain: list[Stretch] | None = None
    latency: Latency | None = None
    rules: list[BookCost] | None = None
    peers: list[Score] | None = None
    lines: Sequence[Line] = ()

    def line(self) -> dict[str, float | None]:
        """Return the figures by name. CPU is the customers role's, in microseconds an event."""
        runs = self.customers.runs if self.customers else []
        footprint = self.customers.footprint if self.customers else None
        cpu = _cpu_us(runs)
        known = [cpu[part] for part in ("customers", "valkey", "broker")]
        ratios = {cost.name: cost.ratio for cost in self.rules or ()}
        return {
            "customers_events_per_s": _rounded(_typical(run.rate for run in runs), 0),
            "chain_events_per_s": _rounded(_typical(run.rate for run in self.chain or ()), 0),
            "latency_p50_ms": _rounded(self.latency.p50_ms if self.latency else None, 1),
            "latency_p99_ms": _rounded(self.latency.p99_ms if self.latency else None, 1),
            "cpu_us_per_event": _rounded(sum(filter(None, known)) or None, 2),
            "cpu_us_per_event_worker": _rounded(cpu["customers"], 2),
            "cpu_us_per_event_valkey": _rounded(cpu["valkey"], 2),
            "cpu_us_per_event_broker": _rounded(cpu["broker"], 2),
            "bytes_per_customer": _rounded(footprint.store_bytes if footprint else None, 0),
            "packed_bytes_per_customer": _rounded(footprint.packed_bytes if footprint else None, 0),
            "rules_ratio_45": _rounded(ratios.get(JOINED), 2),
            "rules_ratio_45_generated": _rounded(ratios.get(MANY_DIMENSIONS), 2),
            "rules_ratio_200": _rounded(ratios.get(MANY_RULES), 2),
            "compile_s": _rounded(max((c.compile_s for c in self.rules or ()), default=None), 3),
            **peers.figures(self.peers or ()),
            **{name: value for line in self.lines for name, value in line.values.items()},
        }


async def machine(services: Services | None) -> str:
    """Describe what the figures were measured with; `services` None: without any."""
    servers = [] if services is None else await _servers(services)
    here = f"{_processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    python, now = f"Python {platform.python_version()}", datetime.now(UTC)
    return "; ".join([here, python, *servers, f"{now:%d %B %Y %H:%M} UTC"])


async def _servers(services: Services) -> list[str]:
    settings = load()
    positions = KafkaPositions(settings.kafka.bootstrap, client=settings.kafka.client_options())
    store = RedisStore(services.redis_url, settings.app)
    try:
        _, kafka = await positions.cluster()
        return [kafka, (await store.check()).server]
    finally:
        await positions.close()
        await store.close()


def printed(console: Console, results: Results, where: str, command: str) -> None:
    """Print the table."""
    table = Table("what", "figure", "how", box=SIMPLE)
    for row in _rows(results):
        table.add_row(*row)
    console.print(f"\n$ {command}\n{where}", soft_wrap=True)
    console.print(table)


def _rows(results: Results) -> Iterator[_Row]:
    if results.customers is not None:
        yield from _throughput("customers role", results.customers.runs)
        if (footprint := results.customers.footprint) is not None:
            among = f"among {footprint.customers:,} customers"
            yield "  store, a customer", f"{footprint.store_bytes:.0f} bytes", among
            yield "  packed state, a customer", f"{footprint.packed_bytes:.0f} bytes", "mean"
    if results.chain is not None:
        yield from _throughput("whole chain", results.chain)
    if results.latency is not None:
        found = results.latency
        yield (
            "latency from append to output",
            f"p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms, p99.9 {found.p999_ms:.1f} ms",
            f"{found.rate:,.0f} events/s, {found.samples:,} outputs",
        )
        yield from _costs([found.cost])
    for cost in results.rules or ():
        parts = f"{cost.event_us:.0f} for itself, {cost.timers_us:.0f} for timers"
        compiled = f"compiled in {cost.compile_s * 1_000:.0f} ms"
        figure = f"{cost.event_us + cost.timers_us:.0f} µs an event, {cost.ratio:.2f} × retail"
        yield f"rules: {cost.name}", figure, f"{parts}; {compiled}"
    yield from ((line.what, line.figure, line.how) for line in results.lines)
    yield from peers.rows(results.peers or ())


def _throughput(name: str, runs: Sequence[Stretch]) -> Iterator[_Row]:
    rates = [run.rate for run in runs]
    spread = f", {min(rates):,.0f} to {max(rates):,.0f}" if len(rates) > 1 else ""
    workers = f"{runs[0].workers} workers" if runs[0].workers > 1 else "1 worker"
    how = f"{len(rates)} × {runs[0].events:,} events{spread}; {workers}"
    yield name, f"{median(rates):,.0f} events/s", how
    yield from _costs(runs)


def _costs(runs: Sequence[Stretch]) -> Iterator[_Row]:
    known = [(part, cost) for part, cost in _cpu_us(runs).items() if cost is not None]
    named = ", ".join(f"{part} {cost:.1f}" for part, cost in known)
    whole = f"together {sum(cost for _, cost in known):.1f}"
    foreign = _typical(run.foreign_cores for run in runs)
    others = "" if foreign is None else f"; other programs kept {foreign:.2f} CPUs busy"
    yield "  CPU µs an event", named or "not known on this system", whole + others
    outputs, timers = mean(run.outputs for run in runs), mean(run.timers for run in runs)
    records, ms = mean(run.batch_records for run in runs), mean(run.batch_ms for run in runs)
    effects = f"{outputs:.2f} outputs, {timers:.2f} timers"
    yield "  an event causes", effects, f"transactions of {records:.0f} records in {ms:.1f} ms"


def _cpu_us(runs: Sequence[Stretch]) -> dict[str, float | None]:
    return {part: _typical(run.cpu_us.get(part) for run in runs) for part in _PARTS}


def _typical(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return median(known) if known else None


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None:
        return None
    return round(value, digits) if digits else round(value)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

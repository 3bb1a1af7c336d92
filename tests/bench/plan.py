"""What to measure: the command's options, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.arguments import positive
from tests.bench import cases, rates, sizes
from tests.bench.deployment import BenchFailed, Site
from tests.bench.lines import Line
from tests.bench.peers.entrants import ENTRANTS, Entrant
from tests.bench.rules_cost import Extent
from tests.bench.throughput import Size, Told

CUSTOMERS, CHAIN, LATENCY, RULES, PEERS = "customers", "chain", "latency", "rules", "peers"
FIRST = (CUSTOMERS, CHAIN, LATENCY, RULES)
"""The parts of a quick look; a full run goes on with `MATRIX`. `PEERS` runs by itself only."""

_EVENTS, _EVENTS_QUICK = 1_000_000, 200_000
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Wide:
    """How much of the parts that go through many cases."""

    size: Size = Size(customers_events=300_000, latency_s=20)  # noqa: RUF009  # it is frozen
    customers: Sequence[int] = sizes.CUSTOMERS
    events: int = sizes.EVENTS
    timers: int = rates.TIMERS


QUICK = Size(
    customers=20_000,
    customers_events=100_000,
    customers_runs=2,
    chain_events=60_000,
    chain_runs=1,
    latency_s=8,
)
_RULES_QUICK = Extent(customers=500, events_per_day=18)
_WIDE_QUICK = Wide(
    size=replace(QUICK, customers_events=60_000),
    customers=sizes.CUSTOMERS[:2],
    events=40_000,
    timers=50_000,
)


@dataclass(frozen=True, slots=True)
class Contest:
    """Which entrants do how many events of the peers' job, and how often."""

    entrants: Sequence[Entrant]
    events: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how much of it. `profile`: where workers write one."""

    parts: Sequence[str]
    size: Size
    rules: Extent
    wide: Wide
    contest: Contest
    profile: Path | None


MATRIX: Mapping[str, Callable[[Site, Wide, Told], Awaitable[list[Line]]]] = {
    "workers": lambda site, wide, told: cases.workers(site, wide.size, told),
    "dimensions": lambda site, wide, told: cases.dimensions(site, wide.size, told),
    "batches": lambda site, wide, told: cases.batches(site, wide.size, told),
    "rates": lambda site, wide, told: rates.rates(site, wide.size, told),
    "sizes": lambda site, wide, told: sizes.sizes(site, wide.customers, wide.events, told),
    "timers": lambda site, wide, told: rates.timers(site, wide.timers, told),
    "replay": lambda site, wide, told: cases.replay(site, wide.size, told),
}


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command's options."""
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Throughput, latency, CPU and memory on this machine, each run verified.",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of it, for a first look")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        metavar="NAME,...",
        help=f"measure these parts of: {', '.join([*FIRST, *MATRIX])}; with --peers let these run "
        f"of: {', '.join(entrant.name for entrant in ENTRANTS)}",
    )
    parser.add_argument("--peers", action="store_true", help="one job, done by us and by others")
    parser.add_argument("--events", type=positive, metavar="N", help="events of that job")
    parser.add_argument("--runs", type=positive, metavar="N", help="repeat throughput N times")
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="customers workers that share the throughput (default: one a CPU)",
    )
    parser.add_argument(
        "--days", type=positive, metavar="N", help="let the customers role's events span N days"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="run workers under cProfile (the figures are then wrong) and write FILE.ROLE",
    )
    return parser.parse_args(arguments)


def planned(asked: argparse.Namespace) -> Plan:
    """Return what the options ask for.

    Raises BenchFailed where `--only` names something that there is not.
    """
    size = replace(QUICK if asked.quick else Size(), days=asked.days)
    wide = _WIDE_QUICK if asked.quick else Wide()
    if asked.runs is not None:
        size = replace(size, customers_runs=asked.runs, chain_runs=asked.runs)
    if asked.workers is not None or asked.profile is not None:  # each would write the same file
        size = replace(size, workers=asked.workers or 1)
    parts: Sequence[str] = FIRST if asked.quick else (*FIRST, *MATRIX)
    entrants: Sequence[Entrant] = ENTRANTS
    if asked.peers:
        parts = (PEERS,)
        names = _chosen(asked.only, [entrant.name for entrant in ENTRANTS])
        entrants = [entrant for entrant in ENTRANTS if entrant.name in names]
    elif asked.only is not None:
        parts = _chosen(asked.only, [*FIRST, *MATRIX])
    return Plan(
        parts=parts,
        size=size,
        rules=_RULES_QUICK if asked.quick else Extent(),
        wide=wide,
        contest=Contest(
            entrants,
            asked.events or (_EVENTS_QUICK if asked.quick else _EVENTS),
            asked.runs or (1 if asked.quick else _ROUNDS),
        ),
        profile=None if asked.profile is None else asked.profile.resolve(),
    )


def _chosen(names: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    unknown = set(names or ()) - set(known)
    if unknown:
        raise BenchFailed(f"--only knows no {', '.join(sorted(unknown))}; it knows {known}")
    return known if names is None else names

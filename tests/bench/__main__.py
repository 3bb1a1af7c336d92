"""`python -m tests.bench [--quick] [--json]`: throughput, latency, CPU and memory on this machine.

Everything runs on a real Kafka and a real Valkey, with worker processes as in production, all on
the machine's own cores. Each run is verified; one that is not right fails the benchmark. Only what
rules cost is measured in memory, so `--only rules` starts no services.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TypeVar

from rich.console import Console

from deploy.local.errors import LocalError
from deploy.local.processes import orderly_exit
from deploy.local.scratch import scratch_folder
from deploy.local.services import Services, local_services
from models.errors import TierstreamError
from streams.commands.common import quieten
from tests.bench.deployment import Site, site
from tests.bench.latency import latency
from tests.bench.report import Results, machine, printed
from tests.bench.rules_cost import Extent, rules_cost
from tests.bench.throughput import Size, Told, customers, whole_chain

RULES = "rules"
"""The part that needs no services."""

PARTS = ("customers", "chain", "latency", RULES)
FULL = Size()
QUICK = Size(
    customers=20_000,
    customers_events=100_000,
    customers_runs=2,
    chain_events=60_000,
    chain_runs=1,
    latency_s=8,
)
QUICK_RULES = Extent(customers=500, events_per_day=18)
_CTRL_C = 130
_SAY_EVERY_S = 10.0
_T = TypeVar("_T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the result is the exit status."""
    options = _options(arguments)
    quieten()
    console = Console(stderr=options.json, highlight=False)
    try:
        with orderly_exit():
            results, where = _run(options, console)
    except (LocalError, TierstreamError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped, with everything that was started.", file=sys.stderr)
        return _CTRL_C
    asked = " ".join(sys.argv[1:] if arguments is None else arguments)
    printed(console, results, where, f"python3 deploy/dev.py bench {asked}".rstrip())
    if options.json:
        print(json.dumps(results.line()), flush=True)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, for a first look")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--runs", type=int, metavar="N", help="repeat throughput N times")
    parser.add_argument(
        "--days", type=int, metavar="N", help="let the customers role's events span N days"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="run workers under cProfile (the figures are then wrong) and write FILE.ROLE",
    )
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, console: Console) -> tuple[Results, str]:
    size = replace(QUICK if options.quick else FULL, days=options.days)
    rules = QUICK_RULES if options.quick else Extent()
    if options.runs is not None:
        size = replace(size, customers_runs=options.runs, chain_runs=options.runs)
    parts = [options.only] if options.only else PARTS
    profile = None if options.profile is None else options.profile.resolve()
    told = Progress(console)
    try:
        if parts == [RULES]:
            results = Results(None, None, None, rules_cost(rules, told))
            return results, asyncio.run(machine(None))
        told("starting Kafka and Valkey")
        with local_services("bench") as services, scratch_folder("bench-workers") as folder:
            return asyncio.run(_measured(services, folder, profile, size, rules, parts, told))
    finally:
        told.end()


async def _measured(
    services: Services,
    folder: Path,
    profile: Path | None,
    size: Size,
    rules: Extent,
    parts: Sequence[str],
    told: Told,
) -> tuple[Results, str]:
    async def on_site(name: str, measure: Callable[[Site, Size, Told], Awaitable[_T]]) -> _T | None:
        if name not in parts:
            return None
        async with site(services, folder, name, profile) as made:
            return await measure(made, size, told)

    results = Results(
        customers=await on_site("customers", customers),
        chain=await on_site("chain", whole_chain),
        latency=await on_site("latency", latency),
        rules=rules_cost(rules, told) if RULES in parts else None,
    )
    return results, await machine(services)


class Progress:
    """Says what is being done: on a terminal in one line, elsewhere now and then in a new one."""

    def __init__(self, console: Console) -> None:
        self._status = console.status("") if console.is_terminal else None
        self._said_s = 0.0
        self._said = ""
        if self._status is not None:
            self._status.start()

    def __call__(self, text: str) -> None:
        """Say it, unless it only counts on and was said a moment ago."""
        if self._status is not None:
            self._status.update(text)
        elif _subject(text) != _subject(self._said) or monotonic() - self._said_s > _SAY_EVERY_S:
            print(text, file=sys.stderr, flush=True)
            self._said, self._said_s = text, monotonic()

    def end(self) -> None:
        """Leave the line empty."""
        if self._status is not None:
            self._status.stop()


def _subject(text: str) -> str:
    """Return a text without its figures."""
    return "".join(letter for letter in text if not (letter.isdigit() or letter in ",."))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.bench`: throughput, latency, CPU and memory on this machine; `--help` says more.

Everything runs on a real Kafka and a real Valkey, with worker processes as in production, all on
the machine's own cores. Each run is verified; one that is not right fails the benchmark. Only what
rules cost is measured in memory, so `--only rules` starts no services.
"""

from __future__ import annotations

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
from tests.bench.lines import Line
from tests.bench.peers.contest import contest
from tests.bench.plan import (
    CHAIN,
    CUSTOMERS,
    LATENCY,
    MATRIX,
    PEERS,
    RULES,
    Plan,
    options,
    planned,
)
from tests.bench.report import Results, machine, printed
from tests.bench.rules_cost import rules_cost
from tests.bench.throughput import Told, customers, whole_chain

_CTRL_C = 130
_SAY_EVERY_S = 10.0
_T = TypeVar("_T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the result is the exit status."""
    asked = options(arguments)
    quieten()
    console = Console(stderr=asked.json, highlight=False)
    try:
        with orderly_exit():
            results, where = _run(planned(asked), console)
    except (LocalError, TierstreamError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped, with everything that was started.", file=sys.stderr)
        return _CTRL_C
    command = " ".join(sys.argv[1:] if arguments is None else arguments)
    printed(console, results, where, f"python3 deploy/dev.py bench {command}".rstrip())
    if asked.json:
        print(json.dumps(results.line()), flush=True)
    return 0


def _run(plan: Plan, console: Console) -> tuple[Results, str]:
    told = Progress(console)
    try:
        if list(plan.parts) == [RULES]:
            results = Results(rules=rules_cost(plan.rules, told))
            return results, asyncio.run(machine(None))
        told("starting Kafka and Valkey")
        with local_services("bench") as services, scratch_folder("bench-workers") as folder:
            return asyncio.run(_measured(services, folder, plan, told))
    finally:
        told.end()


async def _measured(
    services: Services, folder: Path, plan: Plan, told: Told
) -> tuple[Results, str]:
    async def on_site(name: str, measure: Callable[[Site], Awaitable[_T]]) -> _T | None:
        if name not in plan.parts:
            return None
        async with site(services, folder, name, plan.profile) as made:
            return await measure(made)

    size, wide, contestants = plan.size, plan.wide, plan.contest
    results = Results(
        customers=await on_site(CUSTOMERS, lambda made: customers(made, size, told)),
        chain=await on_site(CHAIN, lambda made: whole_chain(made, size, told)),
        latency=await on_site(LATENCY, lambda made: latency(made, size, told)),
        rules=rules_cost(plan.rules, told) if RULES in plan.parts else None,
        peers=await on_site(
            PEERS,
            lambda made: contest(
                made, contestants.entrants, contestants.events, contestants.rounds, told
            ),
        ),
    )

    async def matrix(name: str) -> list[Line]:
        return await on_site(name, lambda made: MATRIX[name](made, wide, told)) or []

    lines = [line for name in MATRIX for line in await matrix(name)]
    return replace(results, lines=lines), await machine(services)


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

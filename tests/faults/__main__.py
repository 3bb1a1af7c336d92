"""`python -m tests.faults [--quick] [--json] [--row NAME] [--seed S]`: break everything, and count.

Each row runs both workers under load on a real Kafka and Valkey, breaks one thing again and again,
and then compares all that came out with what the log had to lead to. The status is 1 unless nothing
is lost, repeated or different. With `--json` the last line of standard output is one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from time import monotonic

from rich.console import Console
from rich.table import Table

from deploy.local.errors import LocalError
from deploy.local.processes import orderly_exit
from models.errors import TierstreamError
from streams.commands.common import quieten
from tests.faults.rows import ROWS, Row
from tests.faults.run import Ground, Outcome, ground
from tests.faults.scene import Load

_CTRL_C = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows; the result is the exit status."""
    options = _options(arguments)
    quieten()
    console = Console(stderr=options.json, highlight=False, soft_wrap=True)
    rows = [row for row in ROWS if options.row in {None, row.name}]
    try:
        with orderly_exit():
            console.print("Starting Kafka and Valkey ...")
            with ground() as on:
                outcomes = asyncio.run(_run(on, rows, options, console))
    except (LocalError, TierstreamError) as error:
        print(f"The faults could not be run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped, with everything that was started.", file=sys.stderr)
        return _CTRL_C
    console.print(_table(outcomes))
    failed = [outcome for outcome in outcomes if not outcome.findings.clean]
    for outcome in failed:
        console.print(f"{outcome.row.name}:", *outcome.findings.notes, sep="\n  ", markup=False)
    if failed:
        console.print(f"Run one again with --row NAME --seed {options.seed}")
    if options.json:
        print(json.dumps({"rows": [outcome.line() for outcome in outcomes]}), flush=True)
    return int(bool(failed))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every fault, but only a few times")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--row", choices=[row.name for row in ROWS], help="one kind of fault only")
    parser.add_argument("--runs", type=int, metavar="N", help="inflict each fault N times")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="what is left to chance"
    )
    return parser.parse_args(arguments)


async def _run(
    on: Ground, rows: Sequence[Row], options: argparse.Namespace, console: Console
) -> list[Outcome]:
    outcomes = []
    for row in rows:
        times = options.runs or (row.quick if options.quick else row.full)
        console.print(f"{row.name}, {times} times")
        began = monotonic()

        def told(text: str, began: float = began) -> None:
            console.print(f"  {monotonic() - began:6.1f} s  {text}")

        load = Load(options.seed, row.events_per_s, row.poison_share)
        outcome = await on.run(row, times, load, told)
        restarts = f", {outcome.restarts} workers gave up and were restarted"
        told(
            ("right" if outcome.findings.clean else "WRONG")
            + (restarts if outcome.restarts else "")
        )
        outcomes.append(outcome)
    return outcomes


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("fault", box=None)
    for name in ("runs", "lost", "duplicates", "differences", "resume p95"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        found, p95 = outcome.findings, outcome.resume_p95_s
        counts = (outcome.runs, found.lost, found.duplicates, found.differences)
        resume = "" if p95 is None else f"{p95:.1f} s"
        table.add_row(outcome.row.name, *map(str, counts), resume)
    return table


if __name__ == "__main__":
    sys.exit(main())

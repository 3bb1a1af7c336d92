"""`python -m tests.faults [--quick] [--json] [--row NAME] [--seed S]`: break everything, and count.

Each row runs both workers under load on a real Kafka and Valkey, breaks one thing again and again,
and then compares all that came out with what the log had to lead to. The status is 1 unless nothing
is lost, repeated or different. With `--json` the last line of standard output is one line of JSON.
The full doses take hours. At the quick ones rows share deployments, and so verdicts: what is found
counts for each of them, and `--row` tells them apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from time import monotonic

from rich.console import Console
from rich.table import Table

from deploy.local.arguments import positive
from deploy.local.errors import LocalError
from deploy.local.processes import orderly_exit
from models.errors import TierstreamError
from streams.commands.common import quieten
from tests.faults.findings import Findings
from tests.faults.rows import ROWS, Row
from tests.faults.run import Dose, Ground, Outcome, ground
from tests.faults.scene import Load

_CTRL_C = 130
_QUICK_EVENTS_PER_S = 300.0
_QUICK_FAULT_S_MAX = 3.0
SHARED_MAX = 8
"""So many rows share one deployment: its played history must not come to today."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows; the result is the exit status."""
    options = _options(arguments)
    quieten()
    console = Console(stderr=options.json, highlight=False, soft_wrap=True)
    rows = [row for row in ROWS if options.row is None or row.name in options.row]
    if options.together:
        rows = [row for row in rows if not row.is_alone]
    try:
        with orderly_exit():
            outcomes = _run(rows, options, console)
    except (LocalError, TierstreamError) as error:
        print(f"The faults could not be run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped, with everything that was started.", file=sys.stderr)
        return _CTRL_C
    console.print(_table(outcomes))
    for outcome in outcomes:
        for figure, value in outcome.figures.items():
            console.print(f"  {outcome.row.name}: {figure} {value:,}")
    failed = [outcome for outcome in outcomes if not outcome.findings.clean]
    if failed:
        console.print(f"Run one again with --row NAME --seed {options.seed}")
    if options.json:
        print(json.dumps({"rows": [outcome.line() for outcome in outcomes]}), flush=True)
    return int(bool(failed))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every fault, but only a few times")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument(
        "--together",
        action="store_true",
        help="leave out the rows that need a deployment to themselves",
    )
    parser.add_argument(
        "--row",
        choices=[row.name for row in ROWS],
        action="append",
        metavar="NAME",
        help="one kind of fault only; may be given several times",
    )
    parser.add_argument("--runs", type=positive, metavar="N", help="inflict each fault N times")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="what is left to chance"
    )
    return parser.parse_args(arguments)


def _run(rows: Sequence[Row], options: argparse.Namespace, console: Console) -> list[Outcome]:
    """Run the rows, those that need the same number of brokers together."""
    outcomes: list[Outcome] = []
    for brokers in sorted({row.brokers for row in rows}):
        console.print(f"Starting Valkey and {brokers} broker{'s'[: brokers > 1]} ...")
        with ground(brokers=brokers) as on:
            these = [row for row in rows if row.brokers == brokers]
            outcomes += asyncio.run(_run_on(on, these, options, console))
    return outcomes


async def _run_on(
    on: Ground, rows: Sequence[Row], options: argparse.Namespace, console: Console
) -> list[Outcome]:
    """Run rows on the same services; one that fails does not keep the others from being run."""
    outcomes: dict[str, Outcome] = {}
    for doses in deployments(rows, is_quick=options.quick, runs=options.runs):
        rest = doses
        while rest:
            console.print(*(f"{row.name}, {times} times" for row, times in rest), sep="; ")
            done = await on.run_together(rest, _load(rest[0][0], options), _Teller(console))
            for outcome in done:
                name = outcome.row.name
                if name in outcomes:
                    outcomes[name].add(outcome)
                else:
                    outcomes[name] = outcome
            _tell_verdict(done[-1].findings, console)
            rest = rest[len(done) :]
    return [outcomes[row.name] for row in rows]


def deployments(
    rows: Sequence[Row], *, is_quick: bool, runs: int | None = None
) -> Iterator[list[Dose]]:
    """Yield what is to be done on each deployment: at the quick dose most rows share one.

    `runs` replaces every row's dose.
    """
    together: list[Dose] = []
    for row in rows:
        times = runs or (row.quick if is_quick else row.full)
        if is_quick and not row.is_alone:
            together.append((row, times))
            continue
        while times > 0:
            yield [(row, min(times, row.portion))]
            times -= row.portion
    for first in range(0, len(together), SHARED_MAX):
        yield together[first : first + SHARED_MAX]


def _load(row: Row, options: argparse.Namespace) -> Load:
    return Load(
        options.seed,
        _QUICK_EVENTS_PER_S if options.quick else row.events_per_s,
        row.poison_share,
        row.history_days,
        row.days_per_s,
        _QUICK_FAULT_S_MAX if options.quick else row.fault_s_max,
    )


def _tell_verdict(findings: Findings, console: Console) -> None:
    console.print("  right" if findings.clean else "  WRONG")
    for note in findings.notes:
        console.print(f"    {note}", markup=False)


class _Teller:
    """Says what happens, and when."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = monotonic()

    def __call__(self, text: str) -> None:
        self._console.print(f"  {monotonic() - self._began:6.1f} s  {text}")


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=None)
    table.add_column("fault", no_wrap=True)
    for name in ("runs", "lost", "duplicates", "differences", "resume p95", "pause p99"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        found = outcome.findings
        counts = (outcome.runs, found.lost, found.duplicates, found.differences)
        times = map(_seconds, (outcome.resume_p95_s, outcome.pause_p99_s))
        table.add_row(outcome.row.name, *map(str, counts), *times)
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


if __name__ == "__main__":
    sys.exit(main())

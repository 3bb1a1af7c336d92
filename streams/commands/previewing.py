"""`tierstream rules preview`: what a rulebook would do to the customers as they are."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from rules.book import Book
from streams.commands.books import BookFile, Untested, proofread
from streams.commands.changing import has_places
from streams.commands.common import CommandFailed, err, out, reach, run, settings
from streams.commands.rehearsing import untrue
from streams.flaps import FLAP_DAYS
from streams.jobs.census import census
from streams.jobs.in_force import in_force
from streams.jobs.preview import RISK, TIER, Basis
from streams.jobs.tally import Cell, Matrix, Tally, Way
from streams.topics import CONTROL

_PROCESSES_MAX = 4
_COLUMNS_MAX = 12
_WAYS_SHOWN = 20
_SAMPLE = 3
_SAMPLE_MAX = 100

Sample = Annotated[
    int, typer.Option(min=0, max=_SAMPLE_MAX, help="How many customers to name per change.")
]


def preview(
    file: BookFile,
    sample: Sample = _SAMPLE,
    *,
    untested: Untested = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say where customers would go under a rulebook, and what subscribers would get.

    The rules that workers run are applied to a copy of each customer's state; nothing is written.
    What would stop its activation is said at the end, with status 1.
    """
    text, book = proofread(file)
    tally, before = run(_preview(text, sample))
    if as_json:
        typer.echo(json.dumps(described(tally), ensure_ascii=False))
    else:
        say(tally, book)
    try:
        has_places(before, book)
    except CommandFailed as error:
        raise CommandFailed(f"activation would be refused: {error}") from error
    if not untested and (said := untrue(file, text, book)):
        raise CommandFailed(f"activation would be refused: {said}")


def described(tally: Tally) -> dict[str, Any]:
    """Return a preview as plain values, for JSON."""
    return {
        "customers": tally.customers,
        "customers_told": tally.told,
        "soon": {"days": FLAP_DAYS, **{name: tally.soon[name] for name in (TIER, RISK)}},
        "outputs": dict(tally.outputs),
        "requests": [
            {"kind": kind, "action": action, "count": count}
            for (kind, action), count in sorted(tally.requests.items())
        ],
        "matrices": {
            name: [
                {"from": left, "to": entered, "customers": cell.customers, "sample": cell.sample}
                for (left, entered), cell in matrix.items()
            ]
            for name, matrix in tally.matrices.items()
        },
    }


async def _preview(text: str, sample: int) -> tuple[Tally, Book | None]:
    """Return the preview, and the rulebook in force."""
    count = min(_PROCESSES_MAX, os.cpu_count() or 1)
    chosen = settings()
    draft = Basis(chosen.app, now=0, first_tick=None, eras=(), text=text, sample=sample)
    with processes(count) as executor, _progress() as bar:
        task = bar.add_task("previewing", total=None)

        def show(done: int, whole: int) -> None:
            bar.update(task, completed=done, total=max(done, whole))

        async with reach(chosen) as reached:
            before = await in_force(reached.log, reached.catalogue.name(CONTROL))
            partitions = reached.catalogue.partitions
            return await census(reached.store, partitions, draft, executor, show), before


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Run processes that compute; at the end, what they have not begun is not done."""
    # Started anew: a copy of this process would share its connections.
    executor = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    # Ctrl-C goes to the whole group, and it is for this process to say what follows from it. A
    # process inherits what is blocked; one that only then ignored it could be hit while it starts.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            executor.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=err
    )


def _orders(book: Book) -> dict[str, list[str]]:
    """Return the rulebook's order of tiers, bands and categories, by matrix."""
    bands = () if book.churn is None else book.churn.names
    categories = {each.name: [c.name for c in each.categories] for each in book.dimensions}
    return {TIER: [tier.name for tier in book.tiers], RISK: [*bands], **categories}


def say(tally: Tally, book: Book) -> None:
    """Print a preview: a matrix for each thing in which somebody moves, then what would be told."""
    out.print(f"Under {book.name} {book.version}, {tally.customers:,} customers:")
    orders, same = _orders(book), []
    for name, matrix in tally.matrices.items():
        if all(left == entered for left, entered in matrix):
            same.append(name)
            continue
        out.print(_table(name, matrix, orders[name]))
        for line in _samples(matrix):
            out.print(line)
    if same:
        out.print(f"Nobody moves in: {', '.join(same)}")
    for name, count in sorted(tally.soon.items()):
        out.print(f"{count:,} leave their {name} less than {FLAP_DAYS} days after they came to it")
    whole = sum(tally.outputs.values())
    out.print(
        f"Subscribers would get {whole:,} outputs about {tally.told:,} customers{':' * bool(whole)}"
    )
    for topic, count in tally.outputs.most_common():
        out.print(f"  {count:>9,}  {topic}")
    for (kind, action), count in sorted(tally.requests.items()):
        out.print(f"  {count:>9,}  {kind} {action}")


def _table(name: str, matrix: Matrix, order: Sequence[str]) -> Table:
    """Return a matrix with a row per category left, or a list where that would be too wide.

    What is not in `order` comes last.
    """
    places = {category: place for place, category in enumerate(order)}

    def ordered(names: Iterable[str]) -> list[str]:
        return sorted({*names}, key=lambda name: (places.get(name, len(places)), name))

    rows, columns = ordered(left for left, _ in matrix), ordered(entered for _, entered in matrix)
    if len(columns) > _COLUMNS_MAX:
        table = Table("from", "to", "customers", title=escape(name), title_justify="left")
        for (left, entered), cell in _moves(matrix):
            table.add_row(escape(left), escape(entered), f"{cell.customers:,}")
        return table
    table = Table("from \\ to", title=escape(name), title_justify="left")
    for column in columns:
        table.add_column(escape(column), justify="right")
    for row in rows:
        cells = (matrix.get((row, column)) for column in columns)
        table.add_row(
            escape(row), *("" if cell is None else f"{cell.customers:,}" for cell in cells)
        )
    return table


def _samples(matrix: Matrix) -> Iterator[str]:
    for (left, entered), cell in _moves(matrix):
        if cell.sample:
            yield escape(f"  {left} → {entered}: such as {', '.join(cell.sample)}")


def _moves(matrix: Matrix) -> list[tuple[Way, Cell]]:
    """Return the largest moves from one category to another."""
    moves = [(way, cell) for way, cell in matrix.items() if way[0] != way[1]]
    return sorted(moves, key=lambda move: -move[1].customers)[:_WAYS_SHOWN]

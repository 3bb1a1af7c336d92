"""Where the churn commands take purchases from: a table, the states in the store, or the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.calendar import day_number
from streams.commands.common import CommandFailed, Reach, err, reach, run, settings

if TYPE_CHECKING:
    from models.churn_coins import Complainer
    from models.churn_history import Flags, Purchases
    from streams.jobs.churn.states import Population

_UNIT_DAYS = {"d": 1, "w": 7}
_HORIZON_DAYS_MAX = 3_650

Csv = Annotated[
    Path | None,
    typer.Option("--csv", help="A table of purchases, also .gz; without it, from the store."),
]
FromLog = Annotated[
    bool, typer.Option("--log", help="Build customers again from the log; the store is not read.")
]
Customer = Annotated[str, typer.Option(help="CSV: the customer's column, by name or number.")]
Time = Annotated[str, typer.Option(help="CSV: the column of dates or times.")]
Amount = Annotated[
    str, typer.Option(help="CSV: the column of amounts, or a product: 'Quantity*UnitPrice'.")
]
DateFormat = Annotated[str | None, typer.Option(help="CSV: how times are written: '%d/%m/%Y'.")]
Encoding = Annotated[str | None, typer.Option(help="CSV: its encoding, where it is not found out.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="CSV: leave bad rows out.")]
Horizon = Annotated[
    str | None,
    typer.Option(help="Such as 91 (days) or 13w; by default the rulebook's, or twice a long gap."),
]


@dataclass(frozen=True, slots=True)
class Source:
    """Purchases, customers by segment, who complained, and the last day of which they tell.

    `horizon_days`: what the rulebook in force looks ahead; None where there is none.
    """

    purchases: Purchases
    segments: dict[str, Flags]
    complainers: tuple[Complainer, ...]
    last_day: int
    horizon_days: int | None = None


def source_of(
    csv: Path | None,
    columns: tuple[str, str, str, str | None],
    date_format: str | None,
    encoding: str | None,
    *,
    skip_bad: bool,
    log: bool,
) -> Source:
    """Read what the options name: a table, the log, or else the store.

    Raises:
        CommandFailed: both a table and the log are named.
        TierstreamError: see `from_csv` and `from_deployment`.
    """
    if csv is None:
        return from_deployment(log=log)
    if log:
        raise CommandFailed("--csv and --log are two sources; give one of them")
    return from_csv(csv, columns, date_format, encoding, skip_bad=skip_bad)


def from_csv(
    file: Path,
    columns: tuple[str, str, str, str | None],
    date_format: str | None,
    encoding: str | None,
    *,
    skip_bad: bool,
) -> Source:
    """Read a table of purchases; `columns`: customer, time, amount, segment.

    Raises:
        TierstreamError: the table cannot be read; the message names line and column.
    """
    from streams.jobs.churn.table import Columns, read  # noqa: PLC0415 - numpy, only when asked for

    with err.status(f"reading {file}") as line:
        log = read(
            file,
            Columns(*columns),
            date_format=date_format,
            encoding=encoding,
            skip_bad=skip_bad,
            progress=lambda rows: line.update(f"reading {file}: {rows:,} rows"),
        )
    left_out = {
        "returns": log.returns,
        "rows without a customer": log.without_customer,
        "bad rows": log.bad,
    }
    noted = [f"{count:,} {what}" for what, count in left_out.items() if count]
    if noted:
        err.print(f"Not counted as purchases: {', '.join(noted)}.")
    return Source(log.purchases, log.segments, (), int(log.purchases.day.max()))


def from_deployment(*, log: bool) -> Source:
    """Read all customers of the deployment that the settings name, from its store or its log.

    Raises:
        CommandFailed: there is nothing yet.
        TierstreamError: the store or the log cannot be read, or the log is not whole.
    """
    population = run(_population(log=log))
    last_day = population.last_day
    if last_day is None or not len(population.purchases.day):
        raise CommandFailed(
            "there is no purchase yet, or the clock has not started (`tierstream clock status`); "
            "give a table of purchases with --csv FILE"
        )
    churn = None if population.era is None else population.era.churn
    horizon_days = None if churn is None else round(churn.rules.horizon_days)
    return Source(population.purchases, {}, population.complainers, last_day, horizon_days)


async def _population(*, log: bool) -> Population:
    async with reach(settings()) as reached:
        return await (_build_states(reached) if log else read_states(reached))


async def read_states(reached: Reach) -> Population:
    """Read all states, with progress."""
    from streams.jobs.churn.states import population  # noqa: PLC0415 - see above

    with err.status("reading states") as line:
        return await population(
            reached.store,
            reached.catalogue.partitions,
            lambda count: line.update(f"reading states: {count:,} customers"),
        )


async def _build_states(reached: Reach) -> Population:
    from streams.jobs.churn.states import population_of_log  # noqa: PLC0415 - see above

    with err.status("reading the log") as line:
        return await population_of_log(
            reached.log,
            reached.settings.app,
            reached.catalogue.partitions,
            reached.catalogue.prefix,
            lambda count: line.update(f"reading the log: {count:,} customers"),
        )


def day(text: str) -> int:
    """Return the day number of an option, or refuse it."""
    try:
        return day_number(date.fromisoformat(text))
    except ValueError:
        raise CommandFailed(f"{text!r} is no date; write it like 2011-09-09") from None


def days(text: str | None) -> int | None:
    """Return the number of days of an option, or refuse it; None where it is not given."""
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNIT_DAYS else (text, "d")
    if not number.isdigit() or not 1 <= int(number) * _UNIT_DAYS[unit] <= _HORIZON_DAYS_MAX:
        raise CommandFailed(f"{text!r} is no horizon; write days or weeks, such as 91 or 13w")
    return int(number) * _UNIT_DAYS[unit]

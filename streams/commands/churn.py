"""`tierstream churn`: fit the churn model, evaluate it on history, see how it does at work.

What computes is imported by the commands themselves: it needs numpy and scipy, and a worker that
starts should wait for neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from models.calendar import Calendar, rfc3339
from rules.eras import Era
from streams.clock import SystemClock
from streams.commands.churn_input import (
    Amount,
    Csv,
    Customer,
    DateFormat,
    Encoding,
    FromLog,
    Horizon,
    SkipBad,
    Source,
    Time,
    day,
    days,
    read_states,
    source_of,
)
from streams.commands.commanding import Reason, command, control_event, who
from streams.commands.common import CommandFailed, err, out, reach, run, settings
from streams.stored_eras import newest_of_all
from streams.topics import CONTROL

if TYPE_CHECKING:
    from models.churn_training import Trained
    from streams.jobs.churn.states import Population
    from streams.jobs.churn.watching import InForce

app = typer.Typer(no_args_is_help=True, help="Churn risk: fit it, evaluate it, watch it.")

Json = Annotated[bool, typer.Option("--json", help="One line of JSON.")]
Model = Annotated[Literal["mbg-nbd", "bg-nbd"], typer.Option(help="Which model.")]


@app.command()
def evaluate(  # noqa: PLR0913, PLR0917 - its options
    cut: Annotated[str, typer.Option(help="The last day that the model may know: 2011-09-09.")],
    horizon: Horizon = None,
    csv: Csv = None,
    customer: Customer = "customer",
    time: Time = "time",
    amount: Amount = "amount",
    segment: Annotated[str | None, typer.Option(help="CSV: a column to divide by.")] = None,
    date_format: DateFormat = None,
    encoding: Encoding = None,
    model: Model = "mbg-nbd",
    picture: Annotated[Path | None, typer.Option(help="Draw into a .png, .svg or .pdf.")] = None,
    *,
    log: FromLog = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Fit on what was known on a day, and measure the risk by what came after.

    Beside it: ranking by days since the last purchase, and what labels could add.
    """
    from models.churn_evaluation import evaluate as measure  # noqa: PLC0415 - see above
    from models.churn_history import usual_horizon_days  # noqa: PLC0415
    from streams.jobs.churn import report  # noqa: PLC0415

    cut_day = day(cut)
    columns = (customer, time, amount, segment)
    source = source_of(csv, columns, date_format, encoding, skip_bad=skip_bad, log=log)
    horizon_days = (
        days(horizon) or source.horizon_days or usual_horizon_days(source.purchases.until(cut_day))
    )
    if horizon_days is None:
        raise CommandFailed(
            f"nobody has bought on two days by {cut}, so no horizon follows from the gaps: is the "
            "cut too early? Otherwise give one with --horizon DAYS"
        )
    _check_span(source, cut_day, horizon_days)
    with err.status("fitting and measuring"):
        found = measure(
            source.purchases, cut_day, horizon_days, family=model, segments=source.segments
        )
    if as_json:
        typer.echo(report.as_json(found).decode())
    else:
        out.print(f"Churned: no purchase in the {horizon_days} days after {cut}.")
        out.print(report.table(found))
        for line in report.remarks(found):
            out.print(line)
    if picture is not None:
        from streams.jobs.churn.picture import draw  # noqa: PLC0415 - slow to import

        try:
            draw(found, picture)
        except (ValueError, OSError) as error:
            raise CommandFailed(f"{picture} cannot be drawn: {error}") from error
        err.print(f"Drawn: {picture}")


@app.command()
def fit(  # noqa: PLR0913, PLR0917 - its options
    csv: Csv = None,
    customer: Customer = "customer",
    time: Time = "time",
    amount: Amount = "amount",
    date_format: DateFormat = None,
    encoding: Encoding = None,
    horizon: Horizon = None,
    model: Model = "mbg-nbd",
    output: Annotated[Path | None, typer.Option(help="Write the model as JSON.")] = None,
    reason: Reason = None,
    *,
    log: FromLog = False,
    skip_bad: SkipBad = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Also learn from predictions that have matured.")
    ] = False,
    activate: Annotated[
        bool, typer.Option("--activate", help="Put it into force for every customer.")
    ] = False,
) -> None:
    """Fit the model to purchase histories; no labels are needed."""
    from models.churn_training import train  # noqa: PLC0415 - see above
    from streams.jobs.churn import report  # noqa: PLC0415

    if activate and model != "mbg-nbd":
        raise CommandFailed("customers are scored with mbg-nbd; only that can be activated")
    columns = (customer, time, amount, None)
    source = source_of(csv, columns, date_format, encoding, skip_bad=skip_bad, log=log)
    with err.status("fitting"):
        trained = train(
            source.purchases,
            source.last_day,
            family=model,
            horizon_days=days(horizon) or source.horizon_days,
            complainers=source.complainers,
            calibrate=calibrate,
        )
    out.print(report.parameters(trained.fitted))
    for line in report.findings(trained):
        out.print(line)
    lack = uncalibrated(trained.horizon_days) if calibrate and trained.trial is None else None
    if lack is not None:
        out.print(lack)
    if output is not None:
        _write(trained, output)
    if activate and lack is not None:
        raise CommandFailed(
            "nothing was activated: without a calibration this model would end the one that is in "
            "force. Fit again when more has matured; or leave --calibrate out, to have risks told "
            "uncalibrated"
        )
    if activate:
        version = run(_activate(trained, reason))
        out.print(f"Version {version} is on its way into force.")


def uncalibrated(horizon_days: int) -> str:
    """Say why predictions over a horizon could not be calibrated."""
    from models.churn_labels import CLASS_MIN  # noqa: PLC0415 - see above
    from models.churn_watch import WEEK_DAYS, WEEKS  # noqa: PLC0415

    longest_days = (WEEKS - 1) * WEEK_DAYS
    if horizon_days > longest_days:
        return (
            f"Not calibrated: predictions of {WEEKS} weeks are looked at, so that over "
            f"{horizon_days} days none matures before another is made; it takes a horizon of at "
            f"most {longest_days} days."
        )
    return (
        f"Not calibrated: too few predictions have matured. It takes purchases of more than "
        f"{2 * horizon_days} days (twice the horizon), and {CLASS_MIN} customers who churned and "
        f"{CLASS_MIN} who did not."
    )


def _write(trained: Trained, output: Path) -> None:
    try:
        output.write_bytes(msgspec.json.format(msgspec.json.encode(trained)) + b"\n")
    except OSError as error:
        raise CommandFailed(
            f"--output {output} cannot be written ({error.strerror}): name a file in a folder that "
            "exists and that you may write to"
        ) from error
    out.print(f"Written: {output}")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say which model is in force, and how each week's predictions have turned out."""
    from streams.jobs.churn import report, watching  # noqa: PLC0415 - see above

    population, models, used = run(_population_and_models())
    horizon_days, last_day = watching.horizon_of(population), population.last_day
    if population.now is None or last_day is None or horizon_days is None:
        raise CommandFailed(
            "there is nothing to measure on yet: the clock has not started (`tierstream clock "
            "status`), or nobody has bought on two days"
        )
    weeks = watching.weeks_of(population, used.model, horizon_days, last_day)
    told = watching.told_of(population, models, weeks, horizon_days, last_day)
    if as_json:
        now = SystemClock().now()
        typer.echo(watching.as_json(used, horizon_days, weeks, now, told).decode())
        return
    activated = "default" if used.since is None else f"activated {rfc3339(used.since)}"
    out.print(
        f"mbg-nbd {used.version} ({activated}), horizon {horizon_days} days, "
        f"{population.customers:,} customers, clock {rfc3339(population.now)}."
    )
    out.print(report.weeks(weeks, told))
    out.print("Told: by the model that was in force then. Predicted: by the one in force now.")
    out.print(watching.verdict(weeks))


async def _population_and_models() -> tuple[Population, list[InForce], InForce]:
    from streams.jobs.churn.watching import ever_in_force, in_force  # noqa: PLC0415 - see above

    async with reach(settings()) as reached:
        population = await read_states(reached)
        control = reached.catalogue.name(CONTROL)
        models = await ever_in_force(reached.log, control)
        return population, models, await in_force(reached.log, control, population.era)


async def _activate(trained: Trained, reason: str | None) -> int:
    async with reach(settings()) as reached:
        record, _ = await newest_of_all(reached.store, reached.catalogue.partitions)
        _check_horizon(trained, None if record is None else Era(record))
        before = 0 if record is None or record.model is None else record.model.version
        value = activation(trained, before + 1, by=who(), reason=reason)
        await command(reached, value)
        return before + 1


def activation(trained: Trained, version: int, *, by: str, reason: str | None = None) -> bytes:
    """Return the control event that puts a fitted model into force from now on.

    Raises:
        CommandFailed: ingress would refuse it.
    """
    fields = {
        "version": version,
        **msgspec.structs.asdict(trained.fitted.model),
        "calibration": trained.calibration,
        "coins": trained.coins,
    }
    return control_event("churn-model.activated", by, reason, fields)


def _check_horizon(trained: Trained, era: Era | None) -> None:
    """Refuse a calibration that was learnt over another horizon than customers are scored over."""
    if trained.calibration is None or era is None or era.churn is None:
        return
    scored_days = round(era.churn.rules.horizon_days)
    if trained.horizon_days != scored_days:
        raise CommandFailed(
            f"the calibration was learnt over {trained.horizon_days} days, but the rulebook in "
            f"force looks {scored_days} days ahead: fit again with --horizon {scored_days}"
        )


def _check_span(source: Source, cut_day: int, horizon_days: int) -> None:
    """Refuse a cut after which nothing is known; say where the horizon reaches beyond the data."""
    last = Calendar.date(source.last_day).isoformat()
    if source.last_day <= cut_day:
        latest = Calendar.date(source.last_day - horizon_days).isoformat()
        raise CommandFailed(
            f"the last purchase is of {last}, so nothing tells who churned after the cut: give "
            f"--cut {latest} or earlier"
        )
    if source.last_day < cut_day + horizon_days:
        missing = cut_day + horizon_days - source.last_day
        err.print(
            f"Note: the purchases end on {last}, {missing} day{'' if missing == 1 else 's'} before "
            "the horizon does; whoever would have bought then counts as churned."
        )

"""`tierstream rfm`: the cuts between the grades of recency, frequency and monetary value."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from models.calendar import Calendar
from models.money import MINOR_DIGITS
from rules.facts.rfm import LABELS
from streams.commands.commanding import Reason, command, control_event, who
from streams.commands.common import err, out, reach, run, settings
from streams.jobs.rfm import Recut
from streams.jobs.rfm import recut as compute

app = typer.Typer(no_args_is_help=True, help="RFM: grades of recency, frequency and money.")


@app.command()
def recut(
    reason: Reason = None,
    *,
    activate: Annotated[
        bool, typer.Option("--activate", help="Put the cuts into force for every customer.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Cut today's buyers into fifths, and show the segments that follow."""
    found, version = run(_recut(reason, activate=activate))
    if as_json:
        typer.echo(msgspec.json.encode(_line(found, version)).decode())
        return
    _show(found)
    if version is not None:
        out.print(f"Version {version} of the cuts is on its way into force.")
    else:
        now = found.version_in_force
        in_force = f"version {now} stays" if now else "no cuts are"
        out.print(f"Nothing is changed: {in_force} in force. Activate these with --activate.")


async def _recut(reason: str | None, *, activate: bool) -> tuple[Recut, int | None]:
    async with reach(settings()) as reached:
        with err.status("reading states") as line:
            found = await compute(
                reached.store,
                reached.catalogue.partitions,
                lambda count: line.update(f"reading states: {count:,} customers"),
            )
        if not activate:
            return found, None
        version = found.version_in_force + 1
        value = activation(found, version, by=who(), reason=reason)
        await command(reached, value)
        return found, version


def activation(found: Recut, version: int, *, by: str, reason: str | None = None) -> bytes:
    """Return the control event that puts cuts into force from now on.

    Raises:
        CommandFailed: ingress would refuse it.
    """
    fields = {"version": version, **found.cuts._asdict()}
    return control_event("rfm-cuts.activated", by, reason, fields)


def _line(found: Recut, version: int | None) -> dict[str, Any]:
    """Return the figures for programs; `activated` is the version on its way into force."""
    return {
        "day": Calendar.date(found.day).isoformat(),
        "buyers": found.buyers,
        "recency_days": found.cuts.recency,
        "orders": found.cuts.frequency,
        "spend_minor": found.cuts.monetary,
        "currency": found.currency,
        "segments": found.segments,
        "version_in_force": found.version_in_force,
        "activated": version,
    }


def _show(found: Recut) -> None:
    out.print(f"{found.buyers:,} buyers as of {Calendar.date(found.day)}, cut into fifths:")
    digits = MINOR_DIGITS[found.currency] if found.currency else 0
    unit = found.currency or "minor units"
    spent = [f"{cut / 10**digits:,.{digits}f}" for cut in found.cuts.monetary]
    cuts = Table("", "unit", *(f"{low} | {low + 1}" for low in range(1, 5)), box=None)
    # Recency runs the other way: few days are the best grade.
    cuts.add_row("recency", "days", *(f"{cut:g}" for cut in reversed(found.cuts.recency)))
    cuts.add_row("frequency", "orders", *(f"{cut:g}" for cut in found.cuts.frequency))
    cuts.add_row("monetary", unit, *spent)
    out.print(cuts)
    table = Table("segment", "buyers", "share", box=None)
    for name, count in found.segments.items():
        table.add_row(LABELS[name]["en"], f"{count:,}", f"{count / found.buyers:.1%}")
    out.print(table)

"""`tierstream clock`: where the clock stands, what holds it, and how a person moves it on."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from models.calendar import rfc3339
from streams.clock import SystemClock
from streams.commands.commanding import command, who
from streams.commands.common import (
    CommandFailed,
    Reach,
    instant,
    out,
    reach,
    readable,
    run,
    settings,
)
from streams.ledger import Position
from streams.releases import ClockReleased, Releases
from streams.settings import Role
from streams.store import keys
from streams.ticker import (
    SLACK_S,
    Held,
    Judge,
    Observatory,
    Promise,
    tick_append,
)
from streams.topics import CONTROL, LOG

app = typer.Typer(no_args_is_help=True, help="The clock that the log carries.")


@app.command()
def status() -> None:
    """Say where each partition's clock stands, and what holds it."""
    run(_status())


@app.command()
def advance(
    to: Annotated[
        str | None,
        typer.Option(help="RFC 3339 with an offset; without it, now as far as can be promised."),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write a tick that moves the clock by more than 48 hours.

    Workers never do that by themselves: after a long standstill it is for a person to say that the
    wall clock is right, since whoever is silent by the new time is found silent.
    """
    run(_advance(None if to is None else instant(to), ask=not yes))


@app.command()
def release(
    source: Annotated[str, typer.Argument(help="The source topic, with its prefix.")],
    reason: Annotated[str, typer.Option(help="Why; recorded with the release.", callback=readable)],
) -> None:
    """Let the clock go on without a source that is retired or stuck.

    Recorded in the control topic. It ends by itself once ingress has passed what the source holds.
    """
    run(_release(source, reason))


async def _status() -> None:
    async with reach(settings()) as reached:
        verdict = await judged(reached)
        table = Table("partition", "clock", "behind what can be promised", "settled")
        for number in range(reached.catalogue.partitions):
            position = await position_of(reached, number)
            now = None if position is None else position.now
            behind = verdict.t - now if isinstance(verdict, Promise) and now is not None else None
            table.add_row(
                str(number),
                "not started" if now is None else rfc3339(now),
                "–" if behind is None else f"{max(0, behind):,} s",
                "–" if position is None else ("yes" if position.settled else "no"),
            )
        out.print(table)
        out.print(_explained(verdict))


def _explained(verdict: Promise | Held) -> str:
    match verdict:
        case Held(source):
            name = "?" if source is None else f"{source[0]}, partition {source[1]}"
            return (
                f"The clock is held by {name}: ingress has not passed what it holds. Start "
                "`tierstream worker ingress`, or, where the source is retired, run "
                "`tierstream clock release SOURCE --reason …`."
            )
        case Promise(t, source):
            if source is None:
                return f"All that the sources took in before {rfc3339(t)} is in the log."
            topic, number = source
            return f"The clock follows {topic}, partition {number}: {rfc3339(t)} can be promised."


async def _advance(to: int | None, *, ask: bool) -> None:
    async with reach(settings()) as reached:
        if to is None:
            verdict = await judged(reached)
            if isinstance(verdict, Held):
                raise CommandFailed(_explained(verdict))
            to = verdict.t
        latest = SystemClock().now() - SLACK_S
        if to > latest:
            raise CommandFailed(
                f"{rfc3339(to)} lies ahead of the clock; give an instant up to {rfc3339(latest)}"
            )
        positions = [await position_of(reached, n) for n in range(reached.catalogue.partitions)]
        if all(each and each.now is not None and each.now >= to for each in positions):
            raise CommandFailed(f"the clock of every partition stands at {rfc3339(to)} or later")
        if ask:
            typer.confirm(f"Move the clock of every partition to {rfc3339(to)}?", abort=True)
        log = reached.catalogue.name(LOG)
        ticks = [tick_append(log, number, to) for number in range(reached.catalogue.partitions)]
        await reached.producer.deliver(ticks)
        out.print(f"The clock goes to {rfc3339(to)} in {len(ticks)} partitions.")


async def _release(source: str, reason: str) -> None:
    async with reach(settings()) as reached:
        if source not in reached.catalogue.sources:
            raise CommandFailed(
                f"{source} is no source; one of {', '.join(reached.catalogue.sources)}"
            )
        ends = await reached.positions.ends([source])
        by_partition = {number: end for (_, number), end in ends.items()}
        released = ClockReleased(source, by_partition, who(), reason)
        await command(reached, msgspec.json.encode(released))
        out.print(f"Released {source}: the clock goes on without it until ingress has passed it.")


async def judged(reached: Reach) -> Promise | Held:
    """Look once at the sources, as a ticker that has just been started would.

    Raises:
        Unavailable: the brokers do not answer.
    """
    control = reached.catalogue.name(CONTROL)
    observatory = Observatory(
        reached.positions,
        Releases(reached.log, control),
        reached.catalogue.sources,
        reached.settings.consumer_group(Role.INGRESS),
        SystemClock(),
    )
    return Judge().judge(await observatory.sight())


async def position_of(reached: Reach, partition: int) -> Position | None:
    """Return a partition's position as the store has it; None before its first take-over."""
    view = await reached.store.view(partition, [keys.POSITION])
    value = view.values[0]
    return None if value is None else msgspec.json.decode(value, type=Position)

"""`tierstream publish`, `play`, `watch`, `replay`: events in, changes out, history again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.calendar import Calendar, calendar, rfc3339
from models.errors import UNREADABLE
from models.wire.refusal import quoted
from streams.commands.common import CommandFailed, Reach, err, out, reach, run, settings
from streams.commands.telling import decoded, told
from streams.jobs.in_force import in_force
from streams.jobs.play import Stage, play
from streams.jobs.publish import (
    CHUNK,
    BadLine,
    Mapped,
    SourceEvent,
    partition_counts,
    read,
    send,
)
from streams.jobs.replay import Verdict, shortfall, verify
from streams.log.feed import Item, kafka_feed
from streams.settings import Role
from streams.topics import CONTROL, OUTPUTS

_BAD_SHOWN_MAX = 20
_UNKNOWN_SHOWN_MAX = 20

File = Annotated[Path, typer.Argument(help="JSONL or CSV, also .gz.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="CSV: FIELD=COLUMN; without any, columns are called as fields."),
]
Fixed = Annotated[
    list[str] | None, typer.Option("--set", help="CSV: FIELD=VALUE, the same in every row.")
]
Zone = Annotated[
    str | None, typer.Option(help="CSV: the time zone of instants that are written without one.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Send the good lines all the same.")]


def publish(
    file: File,
    column: Columns = None,
    fixed: Fixed = None,
    zone: Zone = None,
    *,
    skip_bad: SkipBad = False,
) -> None:
    """Validate a file of events, then send them to their source topics.

    Nothing is sent while a line is bad; each bad line is named with its number and what is wrong.
    """
    mapped = _mapped(column, fixed, zone)
    total = _checked(file, mapped, skip_bad=skip_bad)
    sent = run(_publish(_good(read(file, mapped)), total))
    if sent != total:
        raise CommandFailed(
            f"{_changed(file, total, sent)}, and these were sent. Publish it again when it is "
            "complete: an event that is sent again with its id counts once"
        )
    out.print(f"{sent:,} events published.")


def play_file(
    file: File,
    column: Columns = None,
    fixed: Fixed = None,
    zone: Zone = None,
    *,
    skip_bad: SkipBad = False,
    days_in: Annotated[
        str, typer.Option(help="The rulebook's time zone: where days begin.")
    ] = "UTC",
) -> None:
    """Play a file of past events in the order of their time, and move the clock along.

    For backfills. Workers must run with TIERSTREAM_TICKER=off, since the player writes the clock.
    """
    mapped = _mapped(column, fixed, zone)
    total = _checked(file, mapped, skip_bad=skip_bad)
    zone_of_days = _calendar(days_in)
    events = list(_good(read(file, mapped)))
    if len(events) != total:
        raise CommandFailed(
            f"{_changed(file, total, len(events))}. Nothing was sent; play it when it is complete"
        )
    run(_play(events, zone_of_days))
    out.print(f"{total:,} events played.")


def watch(
    *,
    start: Annotated[
        bool, typer.Option("--from-start", help="Also what the topics already hold.")
    ] = False,
) -> None:
    """Tell tier, churn-risk and segment changes as they come. Ctrl-C ends it."""
    try:
        run(_watch(from_start=start))
    except KeyboardInterrupt:
        raise typer.Exit from None


def replay(
    *,
    verified: Annotated[
        bool, typer.Option("--verify", help="Compare with the digests that workers recorded.")
    ] = False,
) -> None:
    """Reduce the log again from its start and prove that it gives the same states and outputs."""
    if not verified:
        raise CommandFailed("a replay only proves; run `tierstream replay --verify`")
    run(_replay())


def _mapped(column: list[str] | None, fixed: list[str] | None, zone: str | None) -> Mapped:
    try:
        zone_info = None if zone is None else ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise CommandFailed(f"unknown time zone {zone!r}; write one like Europe/London") from None
    return Mapped(_pairs(column, "--column"), _pairs(fixed, "--set"), zone_info)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise CommandFailed(f"{option} {name}{equals}{value} is incomplete; write FIELD=…")
    return {name: value for name, _, value in pairs}


def _calendar(zone: str) -> Calendar:
    try:
        return calendar(zone)
    except ValueError as error:
        raise CommandFailed(str(error)) from error


def _checked(file: Path, mapped: Mapped, *, skip_bad: bool) -> int:
    """Validate every line; return how many are good."""
    good, bad = 0, 0
    unknown: Counter[str] = Counter()
    for line in read(file, mapped):
        if isinstance(line, BadLine):
            bad += 1
            if bad <= _BAD_SHOWN_MAX:
                err.print(f"{file}:{line.number}: {line.message}", markup=False)
        else:
            good += 1
            unknown.update(line.unknown_fields)
    _warn_of(unknown, good, file)
    if bad and not skip_bad:
        raise CommandFailed(
            f"{bad:,} of {good + bad:,} lines are bad, and nothing was sent. "
            "Correct them, or send only the good ones with --skip-bad"
        )
    if not good:
        raise CommandFailed(f"{file} holds no good line; nothing was sent")
    return good


def _good(lines: Iterable[SourceEvent | BadLine]) -> Iterator[SourceEvent]:
    return (line for line in lines if isinstance(line, SourceEvent))


def _warn_of(unknown: Counter[str], good: int, file: Path) -> None:
    """Say once per field, and for a bounded number of them, what will have no effect."""
    for name, lines in unknown.most_common(_UNKNOWN_SHOWN_MAX):
        err.print(
            f"{file}: warning: the field {quoted(name)} has no effect ({lines:,} of {good:,} good "
            "lines): their type of event does not know it. Is it misspelt?",
            markup=False,
        )
    if (more := len(unknown) - _UNKNOWN_SHOWN_MAX) > 0:
        err.print(f"{file}: warning: nor have {more:,} other fields", markup=False)


def _changed(file: Path, total: int, now: int) -> str:
    return f"{file} changed while it was read: {total:,} good lines at first, then {now:,}"


async def _publish(events: Iterator[SourceEvent], total: int) -> int:
    """Send the events; return how many they were. `total`: how many are expected."""
    sent = 0
    async with reach(settings()) as reached:
        partitions = await partition_counts(reached.positions, reached.catalogue)
        with _progress() as bar:
            task = bar.add_task("publishing", total=total)
            while chunk := list(islice(events, CHUNK)):
                await send(chunk, reached.producer, partitions, reached.catalogue.prefix)
                sent += len(chunk)
                bar.advance(task, len(chunk))
    return sent


async def _play(events: Sequence[SourceEvent], zone: Calendar) -> None:
    async with reach(settings()) as reached:
        stage = Stage(
            reached.catalogue,
            reached.settings.consumer_group(Role.INGRESS),
            reached.producer,
            reached.positions,
        )
        with _progress() as bar:
            task = bar.add_task("playing", total=len(events))

            def show(count: int, at: int) -> None:
                bar.update(task, advance=count, description=f"playing, {rfc3339(at)[:10]}")

            await play(events, stage, zone, progress=show)


async def _watch(*, from_start: bool) -> None:
    async with reach(settings()) as reached:
        names = {reached.catalogue.name(topic): topic for topic in OUTPUTS}
        bootstrap, client = reached.settings.kafka.bootstrap, reached.client
        book = await in_force(reached.log, reached.catalogue.name(CONTROL))
        zone = calendar("UTC") if book is None else book.zone
        async with kafka_feed(bootstrap, list(names), from_start=from_start, client=client) as feed:
            err.print("Watching for changes; Ctrl-C ends it.", style="dim")
            while True:
                for item in await feed.take():
                    if item.record.value is not None:
                        _tell(item, names[item.topic], item.record.value, zone)


def _tell(item: Item, topic: str, value: bytes, zone: Calendar) -> None:
    """Tell a change; say where a record is none: another version's, or somebody else's."""
    try:
        change = decoded(topic, value)
    except UNREADABLE as error:
        place = f"{item.topic}, partition {item.partition}, offset {item.record.offset}"
        err.print(f"{place}: no change that this version can tell: {error}", markup=False)
    else:
        out.print(told(change, zone))


async def _replay() -> None:
    async with reach(settings()) as reached:
        catalogue, verdicts = reached.catalogue, []
        for number in range(catalogue.partitions):
            verdict = await _verified(reached, number)
            verdicts.append(verdict)
            out.print(f"partition {number}: {_said(verdict)}")
    if (lacking := shortfall(verdicts, catalogue.prefix)) is not None:
        raise CommandFailed(lacking)


async def _verified(reached: Reach, number: int) -> Verdict | None:
    app, catalogue = reached.settings.app, reached.catalogue
    with _progress() as bar:
        task = bar.add_task(f"replaying partition {number}", total=None)

        def show(offset: int, goal: int) -> None:
            bar.update(task, completed=offset, total=goal)

        return await verify(reached.log, app, number, catalogue.partitions, catalogue.prefix, show)


def _said(verdict: Verdict | None) -> str:
    """Write what the replay of a partition found."""
    if verdict is None:
        return "nothing settled yet"
    if verdict.cut:
        return f"the log begins at offset {verdict.start:,}: no proof"
    if verdict.mixed:
        return f"an older engine than {verdict.raised} began it: no proof"
    states, outputs = (
        "equal" if equal else "DIFFERENT" for equal in (verdict.states_equal, verdict.outputs_equal)
    )
    counts = f"{verdict.records:,} records, {verdict.customers:,} customers"
    return f"{counts}; states {states}, outputs {outputs}"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )

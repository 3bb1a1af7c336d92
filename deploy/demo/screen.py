"""What the demo shows: progress, changes as they come, and the summary."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.calendar import Calendar, rfc3339
from models.decisions import AnyDecision, SegmentChanged
from streams.commands.telling import told

_LINES_A_SECOND = 12  # more than that nobody reads


class Screen:
    """Tells a person what happens. Changes beyond what can be read are counted, not shown."""

    def __init__(self, console: Console, zone: Calendar) -> None:
        self._console = console
        self._zone = zone
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events, {task.fields[changes]:,} changes"),
            TimeElapsedColumn(),
            console=console,
        )
        self._second = 0
        self._shown = 0

    def say(self, text: str) -> None:
        """Say what is done next."""
        self._console.print(text, style="bold")

    @contextmanager
    def playing(self, events: int) -> Iterator[None]:
        """Show the progress of the year during the block."""
        self._task = self._progress.add_task("playing the year", total=events, changes=0)
        with self._progress:
            yield

    def played(self, count: int, at: int) -> None:
        """A day is over; the next one begins at `at`."""
        self._progress.update(self._task, advance=count, description=rfc3339(at)[:10])

    def tell(self, changes: Sequence[AnyDecision]) -> None:
        """Show changes of tier and churn risk, as many as can be read."""
        self._progress.update(self._task, changes=self._counted(len(changes)))
        for change in changes:
            if not isinstance(change, SegmentChanged) and self._may_show():
                self._progress.console.print(
                    told(change, self._zone), soft_wrap=True, highlight=False
                )

    def summary(self, rows: Sequence[tuple[str, str, bool | None]]) -> None:
        """Show what was checked: name, value, and whether it is as it must be (None: a fact)."""
        table = Table(show_header=False, box=None)
        for name, value, well in rows:
            mark = "" if well is None else ("[green]✓[/]" if well else "[red]✗[/]")
            table.add_row(mark, name, value)
        self._console.print(table)

    def _counted(self, more: int) -> int:
        task = self._progress.tasks[0]
        return int(task.fields["changes"]) + more

    def _may_show(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._shown = second, 0
        self._shown += 1
        return self._shown <= _LINES_A_SECOND

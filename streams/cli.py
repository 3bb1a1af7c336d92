"""The `tierstream` command. What each subcommand does is in `streams.commands`."""

from __future__ import annotations

import errno
import io
import os
import sys

import typer

from models.errors import TierstreamError
from streams.commands import asking, churn, clock, data, doctor, explaining, rfm, ruling, running
from streams.commands.common import err
from streams.settings import calculate_in_one_thread

_UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

app = typer.Typer(
    name="tierstream",
    help="Event-driven customer segmentation on Kafka and Redis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(running.worker)
app.add_typer(running.topics_app, name="topics")
app.command()(data.publish)
app.command("play")(data.play_file)
app.command()(data.watch)
app.command()(asking.customer)
app.command("explain")(explaining.explain_customer)
app.add_typer(ruling.app, name="rules")
app.add_typer(churn.app, name="churn")
app.add_typer(rfm.app, name="rfm")
app.add_typer(clock.app, name="clock")
app.command()(data.replay)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line; what goes wrong on purpose ends with its message and status 1.

    A worker ends with the status that keeps its supervisor from starting it again: a person has to
    act, on its settings for one. Nobody reads a closed pipe, so there it ends without a word.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know every letter
            stream.reconfigure(errors="replace")
    calculate_in_one_thread()
    try:
        app()
    except TierstreamError as error:
        err.print(f"error: {error}", style="red", markup=False)
        sys.exit(_status())
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        # What is still to be written would fail again at the exit, with a stack.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            err.print(f"error: cannot write: {error.strerror}; is the disk full?", style="red")
        sys.exit(1)


def _status() -> int:
    if sys.argv[1:2] != [running.worker.__name__]:
        return 1
    from streams.app import EXIT_HALT  # noqa: PLC0415 - Faust takes a second to import

    return EXIT_HALT


if __name__ == "__main__":
    main()

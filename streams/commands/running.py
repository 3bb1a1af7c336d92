"""`tierstream worker` and `tierstream topics`: run a role, make and check what it needs."""

from __future__ import annotations

from typing import Annotated

import typer

from streams import topics
from streams.commands.common import CommandFailed, out, run, settings
from streams.settings import Role

topics_app = typer.Typer(no_args_is_help=True, help="The topics of this deployment.")


def worker(role: Annotated[Role, typer.Argument(help="What this process does.")]) -> None:
    """Run one role until it is told to stop (Ctrl-C, SIGTERM); start as many as you like."""
    from streams import app  # noqa: PLC0415 - Faust takes a second to import

    app.run_worker(role, settings())


@topics_app.command()
def create() -> None:
    """Make the topics that are missing; those that exist stay as they are."""
    made = run(topics.create(settings()))
    for name in made:
        out.print(f"made {name}")
    out.print(f"{len(made)} topics made.")
    check()


@topics_app.command()
def check() -> None:
    """Compare the topics with what they must be; every difference comes with its mend."""
    findings = run(topics.check(settings()))
    for finding in findings:
        out.print(str(finding), markup=False)
    if findings:
        raise CommandFailed(f"{len(findings)} topics differ from what they must be")
    out.print("All topics are as they must be.")

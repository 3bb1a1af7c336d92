"""`tierstream rules`: check a rulebook, try it, compare it, put it into force."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from models.calendar import rfc3339
from rules.book import Book
from rules.compiler.compile import compile_book
from rules.examples.coverage import coverage
from rules.language.include import standalone
from rules.language.nameable import nameable
from rules.language.schema import schema
from streams.commands import changing, previewing, rehearsing
from streams.commands.books import BookFile, Untested, proofread, summary
from streams.commands.changing import has_places
from streams.commands.commanding import Reason, command, control_event, who
from streams.commands.common import CommandFailed, err, out, reach, run, settings
from streams.jobs.in_force import activated_as, in_force
from streams.topics import CONTROL

app = typer.Typer(no_args_is_help=True, help="Rulebooks: what conclusions are drawn with.")


@app.command()
def check(file: BookFile) -> None:
    """Check a rulebook; every finding has its line and a hint."""
    text, book = proofread(file)
    standalone(text, str(file))  # what would be activated must read the same
    for warning in book.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False)
    count = len(book.warnings)
    advised = "" if not count else f" ({count} warning{'s' if count > 1 else ''})"
    out.print(f"{file} is in order{advised}: {summary(book)}", markup=False)


app.command("test")(rehearsing.rehearse)
app.command("diff")(changing.diff)
app.command()(previewing.preview)


@app.command()
def activate(
    file: BookFile,
    reason: Reason = None,
    *,
    untested: Untested = False,
) -> None:
    """Put a rulebook into force: every customer is concluded again under it, gradually.

    Its examples have to come true. It has to say what takes the place of a tier or category of the
    one before. A name and version mean one text for ever; going back to an earlier one is
    activating that one again.
    """
    text, book = proofread(file)
    if not untested and (said := rehearsing.untrue(file, text, book)):
        raise CommandFailed(f"nothing was activated: {said}")
    if run(_activate(text, book, reason)):
        out.print(f"{book.name} {book.version} is on its way into force: {summary(book)}")
    else:
        out.print(f"{book.name} {book.version} is in force already; nothing was written")


app.command()(changing.history)


@app.command("facts")
def list_facts() -> None:
    """List all that rules may name, with units and what their arguments may be."""
    table = Table("fact", "unit", "may be unknown", "about")
    for each in nameable():
        unit = "" if each.unit is None else each.unit.value
        table.add_row(escape(each.written), unit, "yes" if each.unknown else "", escape(each.about))
    out.print(table)
    arguments = Table("argument", "may be", "of")
    for name, meanings in _arguments().items():
        for said, facts in meanings.items():
            arguments.add_row(name, escape(said), ", ".join(facts) if len(meanings) > 1 else "")
    out.print(arguments)


@app.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of rulebooks, with which editors complete and check their keys."""
    typer.echo(json.dumps(schema(), indent=2, ensure_ascii=False))


@app.command("coverage")
def show_coverage(
    *, as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False
) -> None:
    """Play the examples of the shipped rulebooks, and count what they show."""
    found = coverage()
    if as_json:
        typer.echo(json.dumps(found.counts()))
        return
    out.print(f"{found.dimensions_shown} of {found.dimensions_total} dimensions are shown")
    out.print(f"{found.policies_shown} of {found.policies_total} policies are shown")
    for row, lack in found.unshown.items():
        out.print(f"not shown: {row}: {lack}")
    for thing in (*found.categories_unreached, *found.actions_unreached):
        out.print(f"reached by no example: {thing}")


async def _activate(text: str, book: Book, reason: str | None) -> bool:
    """Write the activation; False where that rulebook is in force, so that nothing is written."""
    async with reach(settings()) as reached:
        control = reached.catalogue.name(CONTROL)
        before = await in_force(reached.log, control)
        whole = standalone(text, "rulebook.yaml")
        fingerprint = compile_book(whole).fingerprint
        for at, earlier in await activated_as(reached.log, control, book.name, book.version):
            if earlier.fingerprint != fingerprint:
                raise CommandFailed(
                    f"{book.name} {book.version} was activated at {rfc3339(at)} with another text, "
                    "and what is told names rulebooks by name and version: raise `version:`, then "
                    "activate it"
                )
        if before is not None and before.fingerprint == fingerprint:
            return False
        has_places(before, book)
        await command(reached, activation(whole, book, by=who(), reason=reason))
        return True


def activation(text: str, book: Book, *, by: str, reason: str | None = None) -> bytes:
    """Return the control event that puts a checked rulebook into force from now on.

    Raises:
        CommandFailed: ingress would refuse it.
    """
    fields = {"name": book.name, "version": book.version, "text": text}
    return control_event("rulebook.activated", by, reason, fields)


def _arguments() -> dict[str, dict[str, list[str]]]:
    """Return, by an argument's name and what it may be, the facts that take it so."""
    found: dict[str, dict[str, list[str]]] = {}
    for each in nameable():
        for name, argument in each.arguments.items():
            said = f"{argument.said}; needed" if argument.required else argument.said
            facts = found.setdefault(name, {}).setdefault(said, [])
            facts += [] if each.name in facts else [each.name]
    return dict(sorted(found.items()))

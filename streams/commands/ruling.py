"""`tierstream rules`: check a rulebook, list what rules may say, put a rulebook into force."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rules import facts
from rules.book import Book
from rules.compile import compile_book
from rules.vocabulary import FactSpec
from streams.clock import SystemClock, random_name
from streams.commands.common import CommandFailed, out, reach, run, settings
from streams.log.port import Append, Entry
from streams.topics import CONTROL

app = typer.Typer(no_args_is_help=True, help="Rulebooks: what conclusions are drawn with.")

BookFile = Annotated[Path, typer.Argument(help="A rulebook in YAML.")]


@app.command()
def check(file: BookFile) -> None:
    """Check a rulebook; every finding has its line and a hint."""
    _, book = _read(file)
    out.print(f"{file} is in order: {_summary(book)}")


@app.command("facts")
def list_facts() -> None:
    """List the facts that rules may name, with their arguments and units."""
    table = Table("fact", "unit", "may be unknown", "about")
    for fact in facts.VOCABULARY.values():
        table.add_row(_signature(fact), fact.unit.value, "yes" if fact.unknown else "", fact.about)
    out.print(table)


@app.command()
def activate(
    file: BookFile,
    reason: Annotated[str | None, typer.Option(help="Why; recorded with the activation.")] = None,
) -> None:
    """Put a rulebook into force: every customer is concluded again under it, gradually."""
    text, book = _read(file)
    run(_activate(text, book, reason))
    out.print(f"{book.name} {book.version} is on its way into force: {_summary(book)}")


async def _activate(text: str, book: Book, reason: str | None) -> None:
    async with reach(settings()) as reached:
        entry = Entry(None, activation(text, book, by=getuser(), reason=reason))
        await reached.producer.deliver([Append(reached.catalogue.name(CONTROL), 0, [entry])])


def activation(text: str, book: Book, *, by: str, reason: str | None = None) -> bytes:
    """Return the control event that puts a checked rulebook into force from now on."""
    event = {
        "event": "rulebook.activated",
        "event_id": random_name(),
        "occurred_at": datetime.fromtimestamp(SystemClock().now(), UTC).isoformat(),
        "source": "tierstream",
        "schema_version": 1,
        "by": by,
        "name": book.name,
        "version": book.version,
        "text": text,
    }
    return json.dumps(event if reason is None else event | {"reason": reason}).encode()


def _read(file: Path) -> tuple[str, Book]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{file} cannot be read: {error}") from error
    return text, compile_book(text, str(file))


def _summary(book: Book) -> str:
    tiers = ", ".join(tier.name for tier in book.tiers)
    return f"{book.name} {book.version}; tiers {tiers}; {len(book.dimensions)} dimensions"


def _signature(fact: FactSpec) -> str:
    arguments = ", ".join(
        name if each.required else f"{name}=…" for name, each in fact.arguments.items()
    )
    return f"{fact.name}({arguments})" if arguments else fact.name

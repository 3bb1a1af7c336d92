"""Rulebook files, as every `tierstream rules` command takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rules.book import Book
from rules.compiler.compile import compile_book
from rules.language.check_examples import refuse_impossible
from rules.language.rulebook import read
from streams.commands.common import CommandFailed
from streams.jobs.publish import unreadable

BookFile = Annotated[Path, typer.Argument(help="A rulebook in YAML.")]
Untested = Annotated[
    bool, typer.Option("--untested", help="Even if its examples do not come true.")
]


def text_of(file: Path) -> str:
    """Return the text of a rulebook file.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(unreadable(file, error)) from error


def read_book(file: Path) -> tuple[str, Book]:
    """Return a rulebook's text, and the rulebook checked and compiled.

    Raises:
        BadRulebook: it is refused; the message has every finding with its line and a hint.
        CommandFailed: it cannot be read.
    """
    text = text_of(file)
    return text, compile_book(text, str(file))


def proofread(file: Path) -> tuple[str, Book]:
    """Return what `read_book` does of a rulebook whose examples tell what can happen.

    Raises:
        BadRulebook: as `read_book`; or ingress would refuse what an example tells.
        CommandFailed: it cannot be read.
    """
    text, book = read_book(file)
    refuse_impossible(*read(text, str(file)))
    return text, book


def summary(book: Book) -> str:
    """Sum a rulebook up in a line."""
    tiers = ", ".join(tier.name for tier in book.tiers)
    return f"{book.name} {book.version}; tiers {tiers}; {len(book.dimensions)} dimensions"

"""`tierstream rules test`: play a rulebook's examples, and say what did not come true."""

from __future__ import annotations

from pathlib import Path

from rules.book import Book
from rules.examples.rehearsal import Rehearsal, unreached
from rules.language.rulebook import read
from streams.commands.books import BookFile, proofread
from streams.commands.common import CommandFailed, err, out


def rehearse(file: BookFile) -> None:
    """Play a rulebook's examples with the rules that workers run.

    What did not come true is said with the line of its step. What no example reaches is said
    too: nobody has looked yet at what the rulebook does there.
    """
    text, book = proofread(file)
    examples = book.source.examples
    if not examples:
        raise CommandFailed(
            f"{file} has no examples. Write some under `examples:`; the shipped rulebooks show how"
        )
    reached: set[str] = set()
    failed = _failed(file, text, book, reached)
    for thing in sorted(unreached(book, reached)):
        out.print(f"no example reaches {thing}")
    if book.source.rfm and all(story.cuts is None for story in examples):
        out.print("no example has `cuts:`, and without them RFM segments are unknown")
    if failed:
        raise CommandFailed(
            f"{failed} of {len(examples)} examples of {file} did not come true. Correct the rules, "
            "or what the examples expect"
        )
    out.print(f"all {len(examples)} examples of {file} came true", markup=False)


def untrue(file: Path, text: str, book: Book) -> str | None:
    """Say that a rulebook does not do what its own examples say, where it does not.

    Each example that did not come true is printed with the line of its step.
    """
    failed = _failed(file, text, book, set())
    if not failed:
        return None
    return (
        f"{failed} of {len(book.source.examples)} examples of {file} did not come true. Correct "
        "the rules, or what the examples expect; --untested takes it as it is"
    )


def _failed(file: Path, text: str, book: Book, reached: set[str]) -> int:
    """Play the examples and say what did not come true, and of how many; `reached` is added to."""
    _, document = read(text, str(file))
    failed = 0
    for index, story in enumerate(book.source.examples):
        rehearsal = Rehearsal(text)
        rehearsal.play(story)
        for step, what in rehearsal.failures:
            place = "examples", index, "story", step
            err.print(str(document.finding(place, what)), markup=False)
        failed += bool(rehearsal.failures)
        reached |= rehearsal.reached
    return failed

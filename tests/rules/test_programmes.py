"""Loyalty programmes that exist, written as rulebooks: what they promise comes true.

Each book says where its rules are from, and what it leaves out because the language has no words
for it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.compiler.compile import compile_book
from rules.examples.rehearsal import Failure, Rehearsal, unreached

PROGRAMMES = sorted((Path(__file__).parent / "programmes").glob("*.yaml"))


@pytest.mark.parametrize("path", PROGRAMMES, ids=lambda path: path.stem)
def test_what_a_programme_promises_comes_true(path: Path) -> None:
    text, failures, reached = path.read_text(encoding="utf-8"), list[Failure](), set[str]()
    book = compile_book(text, path.name)
    for story in book.source.examples:
        rehearsal = Rehearsal(text)
        rehearsal.play(story)
        failures += rehearsal.failures
        reached |= rehearsal.reached
    assert failures == []
    assert unreached(book, reached) == set()


def test_there_are_an_airline_a_hotel_chain_and_a_retailer() -> None:
    assert {path.stem for path in PROGRAMMES} == {"krisflyer", "hilton_honors", "beauty_insider"}

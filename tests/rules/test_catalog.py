"""The shipped rulebooks: they pass the check, their examples come true and reach every category."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rules import catalog
from rules.eras import compiled
from rules.examples.rehearsal import Rehearsal, unreached
from rules.examples.stories import Story


def _stories() -> Iterator[tuple[str, Story]]:
    for name in catalog.NAMES:
        for story in compiled(catalog.text(name)).source.examples:
            yield name, story


@pytest.mark.parametrize(("name", "story"), [pytest.param(n, s, id=s.name) for n, s in _stories()])
def test_an_example_comes_true(name: str, story: Story) -> None:
    rehearsal = Rehearsal(catalog.text(name))
    rehearsal.play(story)
    assert rehearsal.failures == []


@pytest.mark.parametrize("name", catalog.NAMES)
def test_examples_reach_everything_that_can_be_concluded(name: str) -> None:
    book, reached = compiled(catalog.text(name)), set[str]()
    for story in book.source.examples:
        rehearsal = Rehearsal(catalog.text(name))
        rehearsal.play(story)
        reached |= rehearsal.reached
    assert unreached(book, reached) == set()


@pytest.mark.parametrize("name", catalog.NAMES)
def test_every_name_has_an_english_and_a_chinese_label(name: str) -> None:
    book = compiled(catalog.text(name))
    labels = [book.label, *(tier.label for tier in book.tiers)]
    for dimension in book.dimensions:
        labels += [dimension.label, *(category.label for category in dimension.categories)]
    assert all({"en", "zh"} <= set(label) for label in labels)


def test_an_unknown_rulebook_is_named() -> None:
    with pytest.raises(KeyError, match="shipped are: retail"):
        catalog.text("retial")

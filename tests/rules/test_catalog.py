"""The shipped rulebooks: they pass the check, their examples come true and reach every category."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.customer import CustomerState
from models.decisions import AnyDecision, ChurnRiskChanged, SegmentChanged, TierChanged
from rules import catalog
from rules.book import Book
from rules.compile import compile_book
from rules.eras import Era, EraRecord
from rules.reduce import Reducer, Reduction
from rules.stories import Expect, Story, timeline

CUSTOMER = "C-1"


def _stories() -> Iterator[tuple[str, Story]]:
    for name in catalog.NAMES:
        for story in compile_book(catalog.text(name), name).source.examples:
            yield name, story


class _Player:
    """Plays a story through the production reducer, and remembers what was reached."""

    def __init__(self, name: str) -> None:
        text = catalog.text(name)
        self.book: Book = compile_book(text, f"{name}.yaml")
        self.reducer = Reducer("test")
        self.reducer.eras = [Era(EraRecord(0, None, "rulebook.activated", "test", book=text))]
        self.state: CustomerState | None = None
        self.reached: set[str] = set()

    def play(self, story: Story) -> None:
        moments = timeline(story, self.book.zone, self.book.currency)
        self.reducer.first_tick = moments[0].at
        for moment in moments:
            because: list[AnyDecision] = []
            if self.state is not None:
                self.reducer.catch_up(CUSTOMER, self.state, moment.at, because)
                self._note(because)
            if moment.event is not None:
                reduction = self.reducer.reduce(
                    CUSTOMER, self.state, moment.event, moment.at, moment.at
                )
                assert isinstance(reduction, Reduction), reduction
                self.state, because = reduction.state, reduction.decisions
                self._note(because)
            if moment.expect is not None:
                where = f"{story.name}, on {self.book.zone.date(self.book.zone.day(moment.at))}"
                self._holds(moment.expect, because, where)

    def _holds(self, expect: Expect, because: list[AnyDecision], where: str) -> None:
        assert self.state is not None
        concluded = self.state.concluded
        if expect.tier is not None:
            assert concluded.tier is not None
            assert self.book.tiers[concluded.tier].name == expect.tier, where
        if expect.band is not None:
            assert self.book.churn is not None
            assert concluded.band is not None
            assert self.book.churn.names[concluded.band] == expect.band, where
        segments = dict(zip((d.name for d in self.book.dimensions), self._segments(), strict=True))
        for dimension, category in expect.segment.items():
            assert segments[dimension] == category, f"{where}: {dimension}"
        changes = {name: change for name, *change in map(_change, because)}
        if expect.changes == "none":
            assert changes == {}, where
        elif expect.changes is not None:
            for name, change in expect.changes.items():
                assert changes.get(name) == list(change), f"{where}: {name}, of {changes}"
        if expect.reason is not None:
            assert [d.reason for d in because if isinstance(d, TierChanged)] == [expect.reason]

    def _segments(self) -> list[str | None]:
        assert self.state is not None
        pairs = zip(self.book.dimensions, self.state.concluded.categories, strict=True)
        return [None if c is None else dimension.categories[c].name for dimension, c in pairs]

    def _note(self, decisions: list[AnyDecision]) -> None:
        for name, _, to in map(_change, decisions):
            self.reached.add(f"{name}={to}")


def _change(decision: AnyDecision) -> tuple[str, str | None, str | None]:
    match decision:
        case TierChanged():
            return "tier", decision.from_, decision.to
        case ChurnRiskChanged():
            return "band", decision.from_band, decision.to_band
        case SegmentChanged():
            return decision.dimension, decision.from_, decision.to


@pytest.mark.parametrize(("name", "story"), [pytest.param(n, s, id=s.name) for n, s in _stories()])
def test_an_example_comes_true(name: str, story: Story) -> None:
    _Player(name).play(story)


@pytest.mark.parametrize("name", catalog.NAMES)
def test_examples_reach_every_tier_category_and_band(name: str) -> None:
    reached: set[str] = set()
    for story in compile_book(catalog.text(name), name).source.examples:
        player = _Player(name)
        player.play(story)
        reached |= player.reached
    book = _Player(name).book
    wanted = {f"{d.name}={category.name}" for d in book.dimensions for category in d.categories}
    wanted |= {f"tier={tier.name}" for tier in book.tiers}
    if book.churn is not None:
        wanted |= {f"band={band}" for band in book.churn.names}
    assert wanted - reached == set()


@pytest.mark.parametrize("name", catalog.NAMES)
def test_every_name_has_an_english_and_a_chinese_label(name: str) -> None:
    book = compile_book(catalog.text(name), name)
    labels = [book.label, *(tier.label for tier in book.tiers)]
    for dimension in book.dimensions:
        labels += [dimension.label, *(category.label for category in dimension.categories)]
    assert all({"en", "zh"} <= set(label) for label in labels)


def test_an_unknown_rulebook_is_named() -> None:
    with pytest.raises(KeyError, match="shipped are: retail"):
        catalog.text("retial")

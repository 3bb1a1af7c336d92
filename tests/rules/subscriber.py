"""A subscriber who knows of a customer what outputs say, and names alone."""

from __future__ import annotations

from models.customer import Conclusions
from models.decisions import (
    ActionRequested,
    AnyDecision,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    TierWarning,
)
from rules.book import Book
from rules.tiers.tiering import visible_warning

Names = frozenset[str]
_NOTHING: Names = frozenset()


class Subscriber:
    """What was heard so far; each output has to begin where the one before ended."""

    def __init__(self) -> None:
        self.tier: str | None = None
        self.band: str | None = None
        self.warned: tuple[str, str] | None = None  # the warning, and the tier that it is about
        self.categories: dict[str, Names] = {}
        self.policies: set[str] = set()
        self.requests: set[str] = set()  # those that nobody has cancelled

    def hear(self, said: AnyDecision) -> None:
        """Take an output in."""
        match said:
            case TierChanged():
                assert (said.from_, said.to != said.from_) == (self.tier, True)
                self.tier = said.to
                if said.warning_id is not None:
                    self.warned = None
            case TierWarning():
                self.warned = None if said.state == "cleared" else (said.warning_id, said.tier)
            case ChurnRiskChanged():
                assert said.from_band == self.band
                self.band = said.to_band
            case SegmentChanged():
                self._segment(said)
            case ActionRequested(kind="do"):
                self.requests.add(said.id)
            case ActionRequested(kind="cancel"):
                self.requests.remove(said.cancels or "")
            case ActionRequested():
                assert (said.action in self.policies) is (said.kind == "stop")
                self.policies ^= {said.action}

    def _segment(self, said: SegmentChanged) -> None:
        known, left = self.categories.get(said.dimension, _NOTHING), frozenset(said.removed)
        if said.dimension.startswith("group."):  # that she is out is told only after she was in
            left -= {"out"} - known
        assert left <= known
        assert known.isdisjoint(said.added)
        self.categories[said.dimension] = (known - left) | {*said.added}
        assert {*said.current} == self.categories[said.dimension]

    def agrees(self, concluded: Conclusions, book: Book, at: int) -> None:
        """Assert that what was heard is what is concluded."""
        tier, band, bands = concluded.tier, concluded.band, book.churn and book.churn.names
        assert self.tier == (None if tier is None else book.tiers[tier].name)
        assert self.band == (None if band is None or not bands else bands[band])
        pairs = zip(book.dimensions, concluded.categories, strict=True)
        held = {d.name: frozenset(d.names(value) or ()) for d, value in pairs}
        assert _bare(self.categories) == _bare(held)
        started = {p.name for i, p in enumerate(book.policies) if concluded.policies >> i & 1}
        assert self.policies == started
        open_now = [each for asked in concluded.asked.values() for each in asked.open_at(at)]
        assert {each.id.hex() for each in open_now} <= self.requests
        warned = visible_warning(concluded.standing)
        assert self.warned == (None if warned is None else (warned.id.hex(), self.tier))


def _bare(categories: dict[str, Names]) -> dict[str, Names]:
    """Return what holds; who is out of a group, need not have heard of it."""
    bare = {n: c - {"out"} if n.startswith("group.") else c for n, c in categories.items()}
    return {name: names for name, names in bare.items() if names}

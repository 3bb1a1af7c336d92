"""Preview: what a new rulebook would make of the customers as they are, and who would hear of it.

A copy of each state is seated under the new rulebook as of its partition's clock, by the reducer
that workers run. What comes out is counted; nothing is written.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from models.customer import unpack
from models.decisions import ActionRequested, AnyDecision, TierChanged
from models.errors import TierstreamError
from models.events import RulebookActivated
from rules.eras import Era, EraRecord, compiled, succeed
from rules.reduce import Reducer
from streams import outputs
from streams.topics import TIER_CURRENT

if TYPE_CHECKING:
    from models.customer import CustomerState
    from rules.book import Book, CategoryValue, Dimension, Named

TIER = "tier"
RISK = "churn.risk"
UNKNOWN = "unknown"
NEW = "(new)"  # there was no such thing before
NEITHER = "–"  # of several categories that may hold together: not this one
OTHERS = "(others)"
_CELLS_MAX = 4_096  # of one matrix; a dimension of free texts can have any number

Names = tuple[str, ...]  # of categories
Way = tuple[str, str]  # from, to


class RulesChanged(TierstreamError):
    """Another rulebook came into force while a preview was under way."""


class Basis(msgspec.Struct, frozen=True):
    """What the customers of one partition are previewed with.

    `now` and `first_tick` are the partition's clock and its first value, `eras` what it still
    needs, in rising order. `sample`: how many customers are named per cell.
    """

    app: str
    now: int
    first_tick: int | None
    eras: tuple[EraRecord, ...]
    text: str
    sample: int


@dataclass(slots=True)
class Cell:
    """The customers who go from one category to another, and some of them by id.

    The sample is chosen by a hash of the id, so it is the same in every run.
    """

    customers: int = 0
    drawn: list[tuple[int, str]] = field(default_factory=list)

    @property
    def sample(self) -> list[str]:
        """The ids of the sample."""
        return [customer for _, customer in self.drawn]


Matrix = dict[Way, Cell]


@dataclass(slots=True)
class Tally:
    """What was counted: `matrices` by dimension, outputs by topic, requests by kind and name.

    `told`: how many customers subscribers would hear of.
    """

    customers: int = 0
    told: int = 0
    matrices: dict[str, Matrix] = field(default_factory=dict)
    outputs: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: Tally, sample: int) -> None:
        """Add what was counted elsewhere."""
        self.customers += other.customers
        self.told += other.told
        self.outputs += other.outputs
        self.requests += other.requests
        for name, matrix in other.matrices.items():
            for way, cell in matrix.items():
                mine = self._cell(name, way)
                mine.customers += cell.customers
                mine.drawn = sorted([*mine.drawn, *cell.drawn])[:sample]

    def count(self, name: str, way: Way, lot: tuple[int, str], sample: int) -> None:
        """Count a customer in the cell of a matrix; `lot`: hash and id."""
        cell = self._cell(name, way)
        cell.customers += 1
        drawn = cell.drawn
        if len(drawn) < sample or (drawn and lot < drawn[-1]):
            insort(drawn, lot)
            del drawn[sample:]

    def hear(self, decisions: Sequence[AnyDecision]) -> None:
        """Count what subscribers would get about one customer."""
        self.told += bool(decisions)
        for decision in decisions:
            self.outputs[outputs.topic_of(decision)] += 1
            if isinstance(decision, TierChanged):
                self.outputs[TIER_CURRENT] += 1
            if isinstance(decision, ActionRequested):
                self.requests[decision.kind, decision.action] += 1

    def _cell(self, name: str, way: Way) -> Cell:
        matrix = self.matrices.setdefault(name, {})
        if way not in matrix and len(matrix) >= _CELLS_MAX:
            way = (OTHERS, OTHERS)
        return matrix.setdefault(way, Cell())


class Shown(NamedTuple):
    """What is concluded about a customer, by name. None: unknown, or nothing yet."""

    tier: str | None
    band: str | None
    segments: dict[str, Names | None]


class Preview:
    """Previews the customers of one partition."""

    def __init__(self, basis: Basis) -> None:
        self._basis = basis
        eras = [Era(record) for record in basis.eras]
        newest = eras[-1] if eras else None
        book = compiled(basis.text)
        change = RulebookActivated(
            number=0 if newest is None else newest.number + 1,
            by="preview",
            name=book.name,
            version=book.version,
            text=basis.text,
        )
        after = Era(succeed(None if newest is None else newest.record, change, basis.now))
        self._known = {None, *(era.number for era in eras)}
        self._now = self._reducer(eras)
        self._then = self._reducer([*eras[-1:], after])
        self._old = None if newest is None else newest.book
        self._new = book
        self._tiers = _today(book.tiers)
        self._categories = [(each, _today(each.categories)) for each in book.dimensions]

    def take(self, states: Sequence[tuple[bytes, bytes]]) -> Tally:
        """Preview packed states, by customer.

        Raises:
            RulesChanged: a state is concluded under rules that came after the preview began.
        """
        tally = Tally()
        for customer, packed in states:
            self._one(customer.decode(errors="replace"), unpack(packed), tally)
        return tally

    def _one(self, customer: str, state: CustomerState, tally: Tally) -> None:
        if state.erased or state.moved_to is not None:
            return
        if state.era not in self._known:
            raise RulesChanged(
                "another rulebook came into force during the preview; run it again to compare "
                "with that one"
            )
        self._now.catch_up(customer, state, self._basis.now, [])
        before = shown(self._old, state)
        said: list[AnyDecision] = []
        self._then.catch_up(customer, state, self._basis.now, said)
        tally.customers += 1
        tally.hear(said)
        lot = crc32(customer.encode()), customer
        for name, way in self._ways(before, shown(self._new, state)):
            tally.count(name, way, lot, self._basis.sample)

    def _ways(self, before: Shown, after: Shown) -> Iterator[tuple[str, Way]]:
        """Yield where a customer goes in each matrix; what was renamed has its new name."""
        left = NEW if before.tier is None else self._tiers.get(before.tier, before.tier)
        yield TIER, (left, after.tier or UNKNOWN)
        if self._new.churn is not None:
            yield RISK, (before.band or UNKNOWN, after.band or UNKNOWN)
        for dimension, today in self._categories:
            names = (dimension.name, *dimension.was)
            known = next((name for name in names if name in before.segments), None)
            old = (NEW,) if known is None else before.segments[known]
            if old is not None and today:
                old = tuple(today.get(name, name) for name in old)
            for way in _ways(dimension, old, after.segments[dimension.name]):
                yield dimension.name, way

    def _reducer(self, eras: Sequence[Era]) -> Reducer:
        reducer = Reducer(self._basis.app)
        reducer.eras = eras
        reducer.first_tick = self._basis.first_tick
        return reducer


def shown(book: Book | None, state: CustomerState) -> Shown:
    """Return what is concluded about a customer in the words of a rulebook."""
    concluded = state.concluded
    if book is None:
        return Shown(None, None, {})
    tier = None if concluded.tier is None else book.tiers[concluded.tier].name
    band = None
    if book.churn is not None and concluded.band is not None:
        band = book.churn.names[concluded.band]
    values: list[CategoryValue] = concluded.categories or [None] * len(book.dimensions)
    pairs = zip(book.dimensions, values, strict=True)
    return Shown(tier, band, {dimension.name: dimension.names(value) for dimension, value in pairs})


def _today(named: Sequence[Named]) -> dict[str, str]:
    """Return the names of today by those of earlier rulebooks."""
    return {was: each.name for each in named for was in each.was}


def _ways(dimension: Dimension, left: Names | None, entered: Names | None) -> list[Way]:
    """Return from where to where a customer goes; one way a category where several may hold."""
    if dimension.kind != "many" or left is None or entered is None or left == (NEW,):
        return [(_written(left), _written(entered))]
    both = dict.fromkeys((*left, *entered))
    ways = [(n if n in left else NEITHER, n if n in entered else NEITHER) for n in both]
    return ways or [(NEITHER, NEITHER)]


def _written(names: Names | None) -> str:
    return UNKNOWN if names is None else ", ".join(names) or NEITHER


def previewed(basis: bytes, states: Sequence[tuple[bytes, bytes]]) -> Tally:
    """Preview states on an encoded `Basis`: what a process of its own is given to do."""
    return _preview(basis).take(states)


@lru_cache(maxsize=1)
def _preview(basis: bytes) -> Preview:
    """Return the preview of a basis; compiled once for all of a partition's pages."""
    return Preview(msgspec.json.decode(basis, type=Basis))

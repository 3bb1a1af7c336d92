"""Preview: what a new rulebook would make of the customers as they are, and who would hear of it.

A copy of each state is seated under the new rulebook as of its partition's clock, by the reducer
that workers run. What comes out is counted; nothing is written. Where both rulebooks name the same
things, a customer is first asked for what the new one concludes: of most there is nothing new, and
nothing to be seated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from models.calendar import DAY_S
from models.customer import unpack
from models.decisions import ChurnRiskChanged, TierChanged
from models.errors import TierstreamError
from models.events import RulebookActivated
from rules.eras import Era, EraRecord, compiled, succeed
from rules.reduce import Reducer
from rules.tiers.tiering import is_quiet
from streams.flaps import FLAP_DAYS
from streams.jobs.tally import Cell, Tally, Way

if TYPE_CHECKING:
    from models.customer import Conclusions, CustomerState
    from models.decisions import AnyDecision
    from rules.book import Book, CategoryValue, Dimension, Named

TIER = "tier"
RISK = "churn.risk"
UNKNOWN = "unknown"
NEW = "(new)"  # there was no such thing before
NEITHER = "–"  # of several categories that may hold together: not this one

Names = tuple[str, ...]  # of categories


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


class Stand(NamedTuple):
    """What is concluded about a customer, as indices into a rulebook; None: nothing yet."""

    tier: int | None
    band: int | None
    categories: tuple[CategoryValue, ...]


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
        self._after = Era(succeed(None if newest is None else newest.record, change, basis.now))
        self._known = {None, *(era.number for era in eras)}
        self._now = self._reducer(eras)
        self._then = self._reducer([*eras[-1:], self._after])
        self._old = None if newest is None else newest.book
        self._new = book
        self._alike = self._old is not None and _names_the_same(self._old, book)
        self._tiers = _today(book.tiers)
        self._categories = [(each, _today(each.categories)) for each in book.dimensions]

    def take(self, states: Sequence[tuple[bytes, bytes]]) -> Tally:
        """Preview packed states, by customer.

        Raises:
            RulesChanged: a state is concluded under rules that came after the preview began.
        """
        tally, sample = Tally(), self._basis.sample
        # Few ways lead to many customers: names are looked up once a way.
        ways: dict[tuple[Stand, Stand], Cell] = {}
        for customer, packed in states:
            state = unpack(packed)
            if state.erased or state.moved_to is not None:
                continue
            way = self._one(customer.decode(errors="replace"), state, tally)
            cell = ways.get(way)
            if cell is None:
                cell = ways[way] = Cell()
            cell.count((crc32(customer), customer.decode(errors="replace")), sample)
        for (before, after), cell in ways.items():
            tally.customers += cell.customers
            for name, named in self._named(before, after):
                tally.go(name, named, cell, sample)
        return tally

    def _one(self, customer: str, state: CustomerState, tally: Tally) -> tuple[Stand, Stand]:
        """Seat a customer under the new rulebook; return where she stood, and stands then."""
        if state.era not in self._known:
            raise RulesChanged(
                "another rulebook came into force during the preview; run it again to compare "
                "with that one"
            )
        now, concluded = self._basis.now, state.concluded
        self._now.catch_up(customer, state, now, [])
        before = _stand(concluded)
        if self._alike and self._says_the_same(state):
            return before, before
        since = concluded.tier_since, concluded.band_since
        said: list[AnyDecision] = []
        self._then.catch_up(customer, state, now, said)
        tally.hear(said)
        for name, moved, at in zip((TIER, RISK), _moved(said), since, strict=True):
            if moved and at is not None and now - at < FLAP_DAYS * DAY_S:
                tally.soon[name] += 1
        return before, _stand(concluded)

    def _says_the_same(self, state: CustomerState) -> bool:
        """Tell whether seating would say nothing, told from what both rulebooks conclude alone.

        Whoever has a deadline, an override, a hold or a review is not told of this way. Risk is the
        same because the churn rules are, and nothing is due.
        """
        concluded, era, now = state.concluded, self._after, self._basis.now
        if concluded.standing is not None:
            return False
        tier, band = concluded.tier, concluded.band
        qualified, held, categories, _ = self._new.conclude(state, now, band, era.given)
        if not is_quiet(concluded, qualified, held):
            return False
        if self._new.follow is None:
            return categories == concluded.categories
        policies, _, standing, whiles = self._new.follow(
            state, now, band, era.given, tier, qualified, categories, None
        )
        if policies != concluded.policies or categories != concluded.categories:
            return False
        said_at, wanted = max(now, concluded.said_at), standing & whiles
        return all(
            wanted >> action & 1 or not asked.open_at(said_at)
            for action, asked in concluded.asked.items()
        )

    def _named(self, left: Stand, entered: Stand) -> Iterator[tuple[str, Way]]:
        """Yield where a customer goes in each matrix; what was renamed has its new name."""
        before, after = shown(self._old, left), shown(self._new, entered)
        tier = NEW if before.tier is None else self._tiers.get(before.tier, before.tier)
        yield TIER, (tier, after.tier or UNKNOWN)
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


class Shown(NamedTuple):
    """What is concluded about a customer, by name. None: unknown, or nothing yet."""

    tier: str | None
    band: str | None
    segments: dict[str, Names | None]


def shown(book: Book | None, stand: Stand) -> Shown:
    """Return what is concluded about a customer in the words of a rulebook."""
    if book is None:
        return Shown(None, None, {})
    tier = None if stand.tier is None else book.tiers[stand.tier].name
    band = None
    if book.churn is not None and stand.band is not None:
        band = book.churn.names[stand.band]
    values: Sequence[CategoryValue] = stand.categories or [None] * len(book.dimensions)
    pairs = zip(book.dimensions, values, strict=True)
    return Shown(tier, band, {dimension.name: dimension.names(value) for dimension, value in pairs})


def _stand(concluded: Conclusions) -> Stand:
    return Stand(concluded.tier, concluded.band, tuple(concluded.categories))


def _moved(said: Sequence[AnyDecision]) -> tuple[bool, bool]:
    """Return whether a customer leaves a tier, and a churn band."""
    tiers = [each for each in said if isinstance(each, TierChanged) and each.from_ is not None]
    risks = [each for each in said if isinstance(each, ChurnRiskChanged)]
    tier = any(each.rank.from_ != each.rank.to for each in tiers)  # else it has a new name
    return tier, any(each.from_band not in {None, each.to_band} for each in risks)


def _names_the_same(old: Book, new: Book) -> bool:
    """Tell whether what is concluded has the same places in both rulebooks, and the same risk.

    Actions that are asked for at activation are no conclusion: they have to be seen to.
    """

    def places(book: Book) -> object:
        names = [[each.name for each in part] for part in (book.tiers, book.policies, book.actions)]
        categories = [(d.name, d.kind, [c.name for c in d.categories]) for d in book.dimensions]
        return names, categories, book.churn

    return places(old) == places(new) and not any(each.on_activation for each in new.actions)


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

"""Eras: what conclusions are drawn with, and since when.

A rulebook, a churn model, RFM cuts, exchange rates and the engine together form an era, numbered by
its offset in the control topic. A control record changes one of them; the others are carried over.
An era is noted with the partition's clock at its record, so that a customer who is looked at later
is re-seated as of that instant, whenever that happens.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, assert_never

import msgspec

from models.calendar import Calendar, calendar
from models.churn_model import RiskModel
from models.customer import Standing
from models.decisions import ModelRef, RulebookRef
from models.errors import BadRulebook, TierstreamError
from models.events import (
    TAGS,
    ChurnModelActivated,
    EngineRaised,
    EraChange,
    EraEvent,
    RatesSet,
    RfmCutsActivated,
    RulebookActivated,
)
from rules.book import Given
from rules.churn_risk import Scale
from rules.compiler.compile import compile_book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.customer import Asked, Conclusions, CustomerState
    from rules.book import Action, Book, Dimension, Named, Policy

ENGINE = 11  # raised whenever `reduce`, `due` or the packing of states changes its results
ERAS_MAX = 8
_RATES_MAX = 400  # days of exchange rates that an era keeps
LATENESS_DAYS = 30
FUTURE_S_MAX = 86_400
_NO_ZONE = "UTC"  # days before the first rulebook says otherwise


class EngineTooOld(TierstreamError):
    """The log was concluded by a newer engine than this one; results would differ."""


class EraRecord(msgspec.Struct, frozen=True, array_like=True):
    """An era as the log keeps it: everything that is needed to conclude with it again."""

    number: int
    since: int | None  # the partition's clock at its record; None: before its first tick
    cause_type: str
    cause_by: str
    book: str | None = None
    model: ChurnModelActivated | None = None
    cuts: RfmCutsActivated | None = None
    rates: tuple[RatesSet, ...] = ()
    engine: int = ENGINE
    tzdata: str = ""


class Era:
    """An era ready to conclude with; `book` is None until a rulebook is activated.

    `churn` is None where the rulebook has no churn rules.
    """

    __slots__ = (
        "book",
        "book_ref",
        "churn",
        "currency",
        "given",
        "model",
        "model_ref",
        "number",
        "record",
        "since",
        "zone",
    )

    def __init__(self, record: EraRecord) -> None:
        check_engine(record.engine)
        self.record = record
        self.number = record.number
        self.since = record.since
        self.book: Book | None = None if record.book is None else compiled(record.book)
        self.zone: Calendar = calendar(_NO_ZONE) if self.book is None else self.book.zone
        self.currency = None if self.book is None else self.book.currency
        self.model = RiskModel.of(record.model)
        rules = None if self.book is None else self.book.churn
        self.churn = None if rules is None else Scale.of(rules, self.model)
        self.given = Given(record.cuts, self.model)
        version = 0 if record.model is None else record.model.version
        self.model_ref = ModelRef("mbg-nbd", version, _fingerprint(self.model))
        self.book_ref = (
            RulebookRef("", 0, "")
            if self.book is None
            else RulebookRef(self.book.name, self.book.version, self.book.fingerprint)
        )


def check_engine(engine: int) -> None:
    """Raise EngineTooOld where a log's engine is newer than ours."""
    if engine > ENGINE:
        raise EngineTooOld(
            f"the log is concluded by engine {engine}, and this version of Tierstream has engine "
            f"{ENGINE}: use the newer version (results must not depend on who computes them)"
        )


def _fingerprint(model: RiskModel) -> str:
    return "sha256:" + sha256(msgspec.json.encode(model)).hexdigest()[:16]


@lru_cache(maxsize=2 * ERAS_MAX)
def compiled(text: str) -> Book:
    """Return the compiled rulebook of a text; compiling is pure, so all partitions share it."""
    return compile_book(text)


def begins(before: EraRecord | None, change: EraChange) -> bool:
    """Tell whether a control record begins an era: it is new, and an engine in it is a newer one.

    Several workers may have asked for the same engine.
    """
    if before is not None and change.number <= before.number:
        return False
    engine = ENGINE if before is None else before.engine
    return not isinstance(change, EngineRaised) or change.engine > engine


def succeed(before: EraRecord | None, change: EraEvent, since: int | None) -> EraRecord:
    """Return the era that a control record begins.

    Raises:
        BadRulebook: the rulebook in it is refused (ingress lets none of those through).
    """
    base = before or EraRecord(number=-1, since=None, cause_type="", cause_by="")
    era = msgspec.structs.replace(
        base,
        number=change.number,
        since=since,
        cause_type=TAGS[type(change)],
        cause_by=change.by,
    )
    match change:
        case RulebookActivated():
            book = compiled(change.text)
            known = None if era.book is None else compiled(era.book).currency
            if known not in (None, book.currency):
                raise BadRulebook(
                    f"{book.name} {book.version} counts in {book.currency}, and what is known of "
                    f"customers is in {known}: amounts would be compared across currencies. Keep "
                    f"`currency: {known}`, or give the new currency an application of its own"
                )
            return msgspec.structs.replace(era, book=change.text)
        case ChurnModelActivated():
            return msgspec.structs.replace(era, model=change)
        case RfmCutsActivated():
            return msgspec.structs.replace(era, cuts=change)
        case RatesSet():
            kept = tuple(r for r in era.rates if (r.base, r.date) != (change.base, change.date))
            return msgspec.structs.replace(era, rates=(*kept, change)[-_RATES_MAX:])
        case EngineRaised():
            return msgspec.structs.replace(era, engine=change.engine, tzdata=change.tzdata)
        case _:
            assert_never(change)


class Carried(NamedTuple):
    """What an old rulebook called a customer's tier and her categories, and what is gone with it.

    `categories` are by dimension; `dimensions`, `policies` (which were held) and the actions of
    `requests` are those that the new rulebook does not have by these names; `ladder` are the names
    of all its tiers.
    """

    tier: str | None
    categories: dict[str, tuple[str, ...]]
    dimensions: Sequence[Dimension]
    policies: Sequence[Policy]
    requests: Sequence[tuple[Action, Asked]]
    ladder: frozenset[str]


def carry_over(state: CustomerState, old: Era, new: Era) -> Carried | None:
    """Carry tier, band and categories, which are indices, from one rulebook to another by name.

    A name that it had before stands for the same thing. What the new rulebook does not have is None
    in the state. Returned is what subscribers know, who know names and nothing else. None: the
    rulebook is the same.
    """
    if old.book is None or new.book is None or old.book is new.book:
        return None
    before, after, concluded = old.book, new.book, state.concluded
    tier = None if concluded.tier is None else before.tiers[concluded.tier].name
    known = zip(before.dimensions, concluded.categories, strict=False)
    categories = {d.name: names for d, value in known if (names := d.names(value)) is not None}
    concluded.tier = _index(after.tiers, tier)
    concluded.categories = [
        dimension.category(_found(categories, dimension)) for dimension in after.dimensions
    ]
    concluded.quiet_until = None
    if concluded.standing is not None:
        concluded.standing = _standing(concluded.standing, before, after)
    if before.timing.review != after.timing.review:
        # Reviews count from now; those that the old rulebook did not hold are not caught up.
        concluded.standing = concluded.standing or Standing()
        is_continuous = after.timing.review == "continuous"
        concluded.standing.reviewed_at = None if is_continuous else new.since
    policies = _carry_policies(concluded, before, after)
    requests = _carry_actions(concluded, before, after)
    known_now = {dimension.name for dimension in after.dimensions}
    gone = [dimension for dimension in before.dimensions if dimension.name not in known_now]
    ladder = frozenset(tier.name for tier in before.tiers)
    return Carried(tier, categories, gone, policies, requests, ladder)


def _found(categories: Mapping[str, tuple[str, ...]], named: Dimension) -> tuple[str, ...] | None:
    """Return what was concluded on a dimension, under its name or one that it had before."""
    return next((categories[n] for n in (named.name, *named.was) if n in categories), None)


def _standing(standing: Standing, before: Book, after: Book) -> Standing | None:
    """Carry deadlines, which are promises, and overrides; what is about a lost tier is let go."""

    def moved(tier: int) -> int | None:
        return _index(after.tiers, before.tiers[tier].name)

    carried = msgspec.structs.replace(standing)
    if standing.lost is not None:
        tier = moved(standing.lost.tier)
        lost = msgspec.structs.replace(standing.lost, tier=tier or 0)
        carried.lost = None if tier is None else lost
    if standing.override is not None:
        tier = moved(standing.override.tier)
        override = msgspec.structs.replace(standing.override, tier=tier or 0)
        carried.override = None if tier is None else override
    if standing.shadow is not None:
        tier = moved(standing.shadow[0])
        carried.shadow = None if tier is None else (tier, standing.shadow[1])
    if standing.brought is not None:
        tier = moved(standing.brought.tier)
        brought = msgspec.structs.replace(standing.brought, tier=tier or 0)
        carried.brought = None if tier is None else brought
    return carried


def _carry_policies(concluded: Conclusions, before: Book, after: Book) -> Sequence[Policy]:
    """Carry what has started, by its name alone; return the policies that are no more.

    Subscribers hold a policy by its name: under another one it starts, and the old one stops.
    """
    places = {policy.name: index for index, policy in enumerate(after.policies)}
    started = [policy for i, policy in enumerate(before.policies) if concluded.policies >> i & 1]
    concluded.policies = sum(1 << places[p.name] for p in started if p.name in places)
    return [policy for policy in started if policy.name not in places]


def _carry_actions(
    concluded: Conclusions, before: Book, after: Book
) -> Sequence[tuple[Action, Asked]]:
    """Carry what was asked for; return it of the actions that are no more.

    Several actions may have become one.
    """
    whens = 0
    kept: dict[int, list[Asked]] = {}
    gone = []
    for i, action in enumerate(before.actions):
        index, asked = _index(after.actions, action.name), concluded.asked.get(i)
        if index is not None:
            whens |= (concluded.whens >> i & 1) << index
            if asked is not None:
                kept.setdefault(index, []).append(asked)
        elif asked is not None:
            gone.append((action, asked))
    concluded.whens = whens
    concluded.asked = {index: _joined(asked, concluded.said_at) for index, asked in kept.items()}
    return gone


def _joined(asked: Sequence[Asked], at: int) -> Asked:
    """Return the last request of all, with the others that are open beside it."""
    last = max(asked, key=lambda each: each.at)
    if len(asked) == 1:
        return last
    others = [each for one in asked for each in one.open_at(at) if each is not last]
    others.sort(key=lambda each: each.at)
    bare = [msgspec.structs.replace(each, others=[]) for each in others]
    return msgspec.structs.replace(last, others=bare)


def _index(named: Sequence[Named], name: str | None) -> int | None:
    """Return the place of a name, or of what had that name before."""
    return next((i for i, each in enumerate(named) if name in (each.name, *each.was)), None)

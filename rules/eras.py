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
from models.churn import PRIOR, MbgNbd
from models.decisions import ModelRef, RulebookRef
from models.errors import TierstreamError
from models.events import (
    TAGS,
    ChurnModelActivated,
    EngineRaised,
    EraEvent,
    RatesSet,
    RfmCutsActivated,
    RulebookActivated,
)
from rules.compile import compile_book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.customer import CustomerState
    from rules.book import Book, Category, Tier

ENGINE = 1  # raised whenever `reduce`, `due` or the packing of states changes its results
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
    """An era ready to conclude with; `book` is None until a rulebook is activated."""

    __slots__ = (
        "book",
        "book_ref",
        "currency",
        "model",
        "model_ref",
        "number",
        "record",
        "since",
        "zone",
    )

    def __init__(self, record: EraRecord) -> None:
        if record.engine > ENGINE:
            message = (
                f"the log is concluded by engine {record.engine}, this worker has engine {ENGINE}: "
                "start a worker of the newer version (results must not depend on the worker)"
            )
            raise EngineTooOld(message)
        self.record = record
        self.number = record.number
        self.since = record.since
        self.book: Book | None = None if record.book is None else compiled(record.book)
        self.zone: Calendar = calendar(_NO_ZONE) if self.book is None else self.book.zone
        self.currency = None if self.book is None else self.book.currency
        model = record.model
        self.model = (
            PRIOR
            if model is None
            else MbgNbd(r=model.r, alpha_days=model.alpha_days, a=model.a, b=model.b)
        )
        self.model_ref = ModelRef(
            "mbg-nbd", 0 if model is None else model.version, _fingerprint(self.model)
        )
        self.book_ref = (
            RulebookRef("", 0, "")
            if self.book is None
            else RulebookRef(self.book.name, self.book.version, self.book.fingerprint)
        )


def _fingerprint(model: MbgNbd) -> str:
    return "sha256:" + sha256(msgspec.json.encode(model)).hexdigest()[:16]


@lru_cache(maxsize=64)
def compiled(text: str) -> Book:
    """Return the compiled rulebook of a text; compiling is pure, so all partitions share it."""
    return compile_book(text)


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
            compiled(change.text)
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
    """What an old rulebook called a customer's tier and categories (by dimension)."""

    tier: str | None
    categories: dict[str, str]


def carry_over(state: CustomerState, old: Era, new: Era) -> Carried | None:
    """Carry tier, band and categories, which are indices, from one rulebook to another by name.

    What the new rulebook does not have is None in the state; its name is in what is returned, so
    that subscribers hear what a customer leaves. None: the rulebook is the same.
    """
    if old.book is None or new.book is None or old.book is new.book:
        return None
    concluded = state.concluded
    tier = None if concluded.tier is None else old.book.tiers[concluded.tier].name
    categories = {
        dimension.name: dimension.categories[category].name
        for dimension, category in zip(old.book.dimensions, concluded.categories, strict=False)
        if category is not None
    }
    concluded.tier = _index(new.book.tiers, tier)
    concluded.categories = [
        _index(dimension.categories, categories.get(dimension.name))
        for dimension in new.book.dimensions
    ]
    concluded.quiet_until = None
    return Carried(tier, categories)


def _index(named: Sequence[Tier | Category], name: str | None) -> int | None:
    return next((index for index, each in enumerate(named) if each.name == name), None)

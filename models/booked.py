"""Facts as they were booked by a day: without what was booked later, or with it moved to that day.

What is kept of a customer is booked on days, so leaving days out gives her facts of before. Two
things have no days and are taken as they are now: the profile, and what became of a complaint or
feedback after it was opened or given.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.buckets import Series
    from models.calendar import Calendar
    from models.customer import Facts, Part

_Columns = tuple[list[int], ...]


def booked_before(facts: Facts, day: int, zone: Calendar) -> Facts:
    """Return what was booked on days before `day`; the same facts where that is all."""
    start = zone.start(day)
    if not _reaches(facts, day, start):
        return facts
    trade = _without(day, facts.days, facts.net_minor, facts.orders)
    last = facts.last_purchase_at
    if last is not None and last >= start:
        last = zone.start(trade[0][-1]) if trade[0] else None
    first = facts.first_purchase_at
    return _changed(
        facts,
        trade,
        lambda *columns: _without(day, *columns),
        first_purchase_at=None if first is None or first >= start else first,
        last_purchase_at=last,
        purchase_days=facts.purchase_days - (len(facts.days) - len(trade[0])),
        complaints=[c for c in facts.complaints if c.opened_at is None or c.opened_at < start],
        feedback=[f for f in facts.feedback if f.given_at is None or f.given_at < start],
    )


def booked_by(facts: Facts, day: int, zone: Calendar) -> Facts:
    """Return all facts, those booked later than `day` moved to it."""
    start = zone.start(day + 1)
    if not _reaches(facts, day + 1, start):
        return facts
    trade = _onto(day, facts.days, facts.net_minor, facts.orders)
    last = facts.last_purchase_at
    replace = msgspec.structs.replace
    return _changed(
        facts,
        trade,
        lambda *columns: _onto(day, *columns),
        last_purchase_at=None if last is None else min(last, start - 1),
        complaints=[
            c if c.opened_at is None else replace(c, opened_at=min(c.opened_at, start - 1))
            for c in facts.complaints
        ],
        feedback=[
            f if f.given_at is None else replace(f, given_at=min(f.given_at, start - 1))
            for f in facts.feedback
        ],
    )


def _reaches(facts: Facts, day: int, start: int) -> bool:
    """Tell whether anything is booked on `day` or later."""
    parts = chain(facts.channels.values(), facts.categories.values())
    return (
        any(days and days[-1] >= day for days in (facts.days, *(part.days for part in parts)))
        or any(days[-1] >= day for days, _ in facts.series.values() if days)
        or any(c.opened_at is not None and c.opened_at >= start for c in facts.complaints)
        or any(f.given_at is not None and f.given_at >= start for f in facts.feedback)
    )


def _changed(
    facts: Facts, trade: _Columns, change: Callable[..., _Columns], **fields: object
) -> Facts:
    series: dict[str, Series] = {}
    for name, (days, values) in facts.series.items():
        kept = change(days, values)
        if kept[0]:
            series[name] = (kept[0], kept[1])
    days, net_minor, orders = trade
    return msgspec.structs.replace(
        facts,
        days=days,
        net_minor=net_minor,
        orders=orders,
        series=series,
        channels={name: _part(part, change) for name, part in facts.channels.items()},
        categories={name: _part(part, change) for name, part in facts.categories.items()},
        **fields,
    )


def _part(part: Part, change: Callable[..., _Columns]) -> Part:
    columns = msgspec.structs.astuple(part)
    width = len(columns[0])
    moved = iter(change(*(column for column in columns if len(column) == width)))
    return type(part)(*(next(moved) if len(column) == width else column for column in columns))


def _without(day: int, *columns: Sequence[int]) -> _Columns:
    end = bisect_left(columns[0], day)
    return tuple(list(column[:end]) for column in columns)


def _onto(day: int, *columns: Sequence[int]) -> _Columns:
    """Return columns in which all later days are added to `day`."""
    end = bisect_left(columns[0], day)
    if end == len(columns[0]):
        return tuple(list(column) for column in columns)
    days, *values = columns
    return ([*days[:end], day], *([*column[:end], sum(column[end:])] for column in values))

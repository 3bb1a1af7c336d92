"""The day series of a customer's facts: how they are added to, and when days are let go of.

Names of the series in `Facts.series` (day → number). Those without a colon are a closed set; of
those with one, as many are kept as `SERIES_MAX` allows, and the rest share one.

    refund          refunded minor units, on the purchase's day where it is known
    refunds         number of refunds
    cancelled       orders that stopped counting because they were refunded in full
    largest         minor units of the largest order, on days with several that are not free
    margin          minor units of margin, where purchases say so
    answered        purchases that answer a requested action
    quantity        bought quantity of the lines, in thousandths; returned: what came back of it
    lines           minor units of the lines less those refunded; of them
                    custom, own_brand, premium, discounted
    listed          list price of the lines that have one, in minor units; paid: what they cost
    net:<CUR>       net minor units in a currency other than the customer's first
    refund:<CUR>    refunded minor units of such a currency
    e:<kind>        engagements of a kind; u:<unit>: their quantity in thousandths
    contact:<name>  contacts by what they were; r:<name>: responses to an action
    c:<t><s>        complaints too many to keep one by one, by type and severity
    f:<m><p>        feedback too many to keep one by one, by metric and polarity;
                    fn:<m><p>: those with a score, fs:<m><p>: the sum of their scores
"""

from __future__ import annotations

from collections.abc import Iterator

from models import buckets
from models.buckets import Series
from models.customer import Facts, Part

RETENTION_DAYS = 800  # how long day buckets are kept: the longest window that a rule may name
SERIES_MAX = 60
BUCKETS_MAX = 56_200  # of all series and parts together: at 12 bytes each they fit a record
OTHER = "other"

_PART_BUCKETS = 4  # a part's bucket of several columns weighs as much as so many of a series
_SURELY_FIT = BUCKETS_MAX // (RETENTION_DAYS + 2)  # series whose days may all be full


def count(facts: Facts, name: str, day: int, amount: int) -> None:
    """Add `amount` to a series' bucket of `day`."""
    buckets.add(series(facts, name), day, amount)


def uncount(facts: Facts, name: str, day: int, amount: int) -> None:
    """Take `amount` off a series' bucket of `day`, as far as it goes."""
    known = facts.series.get(name) or facts.series.get(f"{name.partition(':')[0]}:{OTHER}")
    if known is None:
        return
    days, values = known
    index, found = buckets.slot(days, day)
    if found:
        values[index] = max(0, values[index] - amount)


def series(facts: Facts, name: str) -> Series:
    """Return the series of a name, begun if need be; beyond `SERIES_MAX`, that of the others."""
    found = facts.series.get(name)
    if found is not None:
        return found
    if ":" in name and sum(":" in known for known in facts.series) >= SERIES_MAX:
        name = f"{name.partition(':')[0]}:{OTHER}"
    found = facts.series.setdefault(name, ([], []))
    facts.series = dict(sorted(facts.series.items()))  # any order packs to the same bytes
    return found


def retain(facts: Facts, oldest: int) -> None:
    """Let go of the day buckets that no rule can ask for any more."""
    if facts.days and facts.days[0] < oldest:
        net, orders = buckets.prune(facts.days, oldest, facts.net_minor, facts.orders)
        facts.pruned_net_minor += net
        facts.pruned_orders += orders
    if facts.series:
        _retain_series(facts, oldest)
    if facts.categories or facts.channels:
        _retain_parts(facts.categories, oldest)
        _retain_parts(facts.channels, oldest)
        _fit(facts)
    elif len(facts.series) > _SURELY_FIT:
        _fit(facts)


def _retain_series(facts: Facts, oldest: int) -> None:
    for name in [n for n, (days, _) in facts.series.items() if days[0] < oldest]:
        lost = _prune_series(facts, name, oldest)
        if name == "refund":
            facts.pruned_net_minor -= lost
        elif name == "cancelled":
            facts.pruned_orders -= lost


def _prune_series(facts: Facts, name: str, oldest: int) -> int:
    days, values = facts.series[name]
    (lost,) = buckets.prune(days, oldest, values)
    if not days:
        del facts.series[name]
    return lost


def _retain_parts(parts: dict[str, Part], oldest: int) -> None:
    for name in [name for name, part in parts.items() if part.days[0] < oldest]:
        part = parts[name]
        buckets.prune(
            part.days, oldest, part.net_minor, part.refunded_minor, part.orders,
            part.quantity_milli, part.margin_minor,
        )  # fmt: skip
        if not part.days:
            del parts[name]


def _fit(facts: Facts) -> None:
    """Shorten the memory of a customer with too many buckets.

    Categories and series of open names give way to the closed set, and keep as many of the newest
    days as fit. Which these are is the same in any order of arrival: no event makes them older.
    """
    series, channels = facts.series, facts.channels.values()
    parts = len(facts.categories) + len(channels)
    if len(series) + _PART_BUCKETS * parts <= _SURELY_FIT:
        return
    kept = sum(len(days) for name, (days, _) in series.items() if ":" not in name)
    kept += _PART_BUCKETS * sum(len(part.days) for part in channels)
    days = sorted(_days_of_open_names(facts), reverse=True)
    room = max(0, BUCKETS_MAX - kept)
    if len(days) > room:
        oldest = days[room - 1] if room else days[0] + 1
        _retain_parts(facts.categories, oldest)
        for name in [name for name in series if ":" in name]:
            _prune_series(facts, name, oldest)


def _days_of_open_names(facts: Facts) -> Iterator[int]:
    """Yield the day of every bucket, repeated for what it weighs."""
    for name, (days, _) in facts.series.items():
        if ":" in name:
            yield from days
    for part in facts.categories.values():
        yield from part.days * _PART_BUCKETS

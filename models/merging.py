"""Merging: the facts of two customers who turn out to be one person.

The law is that of `fold`: merging what two customers did is the same as folding all of it for one.
Only what was let go of is merged as the sums that are left of it, and of two days of joining the
earlier one holds where a profile says either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models import buckets, fold_cases, fold_sales
from models.calendar import iso_date
from models.fold import newer_attribute
from models.fold_series import RETENTION_DAYS, count, retain, series
from models.home_currency import count_in

if TYPE_CHECKING:
    from models.calendar import Calendar
    from models.customer import Facts

_JOINED = "joined_at"
_LARGEST = "largest"


def merge(facts: Facts, other: Facts, zone: Calendar, today: int, lateness_days: int) -> None:
    """Add to `facts`, in place, all that is known of another customer; `other` is used up.

    `today` (a day number) is for retention only.
    """
    joined = _joined(facts, other, zone)
    facts.first_seen_at = fold_cases.earlier(facts.first_seen_at, other.first_seen_at)
    _trade(facts, other)
    for name, (days, values) in other.series.items():
        if name != _LARGEST:
            for day, value in zip(days, values, strict=True):
                count(facts, name, day, value)
    fold_cases.merge_cases(facts, other)
    for name, (at, value) in other.profile.items():
        newer_attribute(facts, name, at, value)
    facts.profile |= joined
    oldest, unmatched = today - RETENTION_DAYS, today - lateness_days
    fold_cases.retain_complaints(facts, zone, oldest, unmatched)
    fold_cases.retain_feedback(facts, zone, oldest, unmatched)
    retain(facts, oldest)


def _joined(facts: Facts, other: Facts, zone: Calendar) -> dict[str, tuple[int, str]]:
    """Return the earlier day of joining where a profile says one; a later correction counts.

    Whose profile says none joined with her first purchase.
    """
    known: list[tuple[int, str]] = []
    bought: list[str] = []
    for each in (facts, other):
        at, said = each.profile.get(_JOINED, (0, None))
        if isinstance(said, str):
            known.append((at, said))
        elif each.first_purchase_at is not None:
            bought.append(iso_date(zone.day(each.first_purchase_at)))
    if not known or len(known) + len(bought) == 1:
        return {}
    return {_JOINED: (max(at for at, _ in known), min(*bought, *(day for _, day in known)))}


def _trade(facts: Facts, other: Facts) -> None:
    """Add the purchases. Amounts in another currency are counted beside, as `fold` does."""
    if facts.currency is None:
        facts.currency = other.currency
    elif other.currency not in {None, facts.currency}:
        count_in(other, facts.currency)
    fold_sales.merge_channels(facts, other)
    largest = _largest(facts, other)
    for day, net, orders in zip(other.days, other.net_minor, other.orders, strict=True):
        index, found = buckets.slot(facts.days, day)
        if found:
            facts.net_minor[index] += net
            facts.orders[index] += orders
            facts.purchase_days -= 1  # a day with purchases of both
        else:
            facts.days.insert(index, day)
            facts.net_minor.insert(index, net)
            facts.orders.insert(index, orders)
    for day, amount in largest.items():
        buckets.raise_to(series(facts, _LARGEST), day, amount, amount)
    facts.purchase_days += other.purchase_days
    facts.pruned_net_minor += other.pruned_net_minor
    facts.pruned_orders += other.pruned_orders
    facts.first_purchase_at = fold_cases.earlier(facts.first_purchase_at, other.first_purchase_at)
    last, others = facts.last_purchase_at, other.last_purchase_at
    facts.last_purchase_at = max(last or 0, others or 0) or None


def _largest(facts: Facts, other: Facts) -> dict[int, int]:
    """Return the largest order of the days that have several orders by either customer, or both."""
    known = dict(zip(*other.series.get(_LARGEST, ([], [])), strict=True))
    mine = dict(zip(*facts.series.get(_LARGEST, ([], [])), strict=True))
    my_net = dict(zip(facts.days, facts.net_minor, strict=True))
    for day, net in zip(other.days, other.net_minor, strict=True):
        if net and my_net.get(day):
            known[day] = max(known.get(day, net), mine.get(day, my_net[day]))
    return known

"""What `fold` makes of purchases and refunds: totals by day, and their parts.

The lines of an order are booked by category and by what shares are asked of. A purchase through a
channel costs a customer nothing as long as she uses only one: the totals are that channel's. Only
when another appears do channels get buckets of their own, and the first one takes the totals over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models import buckets
from models.calendar import Calendar
from models.customer import Facts, Part
from models.events import Line, Purchase, Refund
from models.fold_series import count, series

CATEGORIES_MAX = 32
CHANNELS = ("online", "offline", "other")
MIXED = 1 + len(CHANNELS)  # the `sole_channel` of whoever has bought through several

_CHANNEL: dict[str | None, int] = {
    None: 0,
    **{name: 1 + index for index, name in enumerate(CHANNELS)},
}
_OTHER = "other"
_PREMIUM = "premium"


def purchase(facts: Facts, event: Purchase, zone: Calendar) -> None:
    """Book a purchase on its day."""
    at = event.occurred_at
    day = zone.day(at)
    if facts.first_purchase_at is None or at < facts.first_purchase_at:
        facts.first_purchase_at = at
    if facts.last_purchase_at is None or at > facts.last_purchase_at:
        facts.last_purchase_at = at
    channel = _CHANNEL[event.channel]
    if channel != facts.sole_channel:
        _meet_channel(facts, channel)
    net = event.net_amount_minor
    at_home = True  # whether the amounts are in the customer's currency
    if facts.currency is None:
        facts.currency = event.currency
    elif event.currency != facts.currency:
        count(facts, f"net:{event.currency}", day, net)
        net, at_home = 0, False
    index, found = buckets.slot(facts.days, day)
    if found:
        before = facts.net_minor[index]
        if net and before:
            buckets.raise_to(series(facts, "largest"), day, net, before)
        facts.net_minor[index] += net
        facts.orders[index] += 1
    else:
        facts.days.insert(index, day)
        facts.net_minor.insert(index, net)
        facts.orders.insert(index, 1)
        facts.purchase_days += 1
    if event.action_id is not None:
        count(facts, "answered", day, 1)
    if event.lines or event.margin_minor or channel != facts.sole_channel:
        _parts_of_purchase(facts, event, day, net, at_home=at_home)


def _parts_of_purchase(facts: Facts, event: Purchase, day: int, net: int, *, at_home: bool) -> None:
    margin = (event.margin_minor or 0) if at_home else 0
    if margin:
        count(facts, "margin", day, margin)
    quantity = 0
    if event.lines:
        quantity = _lines_of_purchase(facts, event, day, at_home=at_home)
    if facts.sole_channel == MIXED and event.channel is not None:
        part = _part(facts.channels, event.channel)
        _book(part, day, net=net, orders=1, quantity=quantity, margin=margin)


def _lines_of_purchase(facts: Facts, event: Purchase, day: int, *, at_home: bool) -> int:
    """Book the lines by what shares are made of and by category; return their quantity."""
    quantity = sum(line.quantity_milli or 0 for line in event.lines)
    if quantity:
        count(facts, "quantity", day, quantity)
    if at_home:
        _lines(facts, day, event.lines, discounted=event.coupon is not None)
    for category, lines in _by_category(event.lines):
        part = _part(facts.categories, category)
        milli = sum(line.quantity_milli or 0 for line in lines)
        _book(part, day, net=_net(lines) if at_home else 0, orders=1, quantity=milli)
    return quantity


def refund(facts: Facts, event: Refund, zone: Calendar) -> None:
    """Book a refund on its purchase's day, or on its own where that is not known."""
    day = zone.day(event.occurred_at if event.purchased_at is None else event.purchased_at)
    name = "refund"
    if facts.currency is None:
        facts.currency = event.currency
    at_home = event.currency == facts.currency
    if not at_home:
        name = f"refund:{event.currency}"
    count(facts, name, day, event.amount_minor)
    count(facts, "refunds", day, 1)
    if event.full:
        count(facts, "cancelled", day, 1)
    if event.lines or event.channel is not None:
        _parts_of_refund(facts, event, day, at_home=at_home)


def _parts_of_refund(facts: Facts, event: Refund, day: int, *, at_home: bool) -> None:
    cancelled = int(event.full)
    quantity = sum(line.quantity_milli or 0 for line in event.lines)
    if quantity:
        count(facts, "returned", day, quantity)
    if at_home:
        _lines(facts, day, event.lines, sign=-1)
    for category, lines in _by_category(event.lines):
        part = _part(facts.categories, category)
        milli = sum(line.quantity_milli or 0 for line in lines)
        refunded = _net(lines) if at_home else 0
        _book(part, day, refunded=refunded, orders=-cancelled, quantity=-milli)
    if event.channel is not None:
        part = _part(facts.channels, event.channel)
        refunded = event.amount_minor if at_home else 0
        _book(part, day, refunded=refunded, orders=-cancelled, quantity=-quantity)


def _meet_channel(facts: Facts, channel: int) -> None:
    """Note a purchase through another channel than every one before."""
    if facts.purchase_days == 0:
        facts.sole_channel = channel
        return
    if facts.sole_channel not in {0, MIXED} and facts.days:  # some of it is still kept
        part = _part(facts.channels, CHANNELS[facts.sole_channel - 1])
        for day, net, orders in zip(facts.days, facts.net_minor, facts.orders, strict=True):
            _book(part, day, net=net, orders=orders)
        for day, quantity in zip(*facts.series.get("quantity", ((), ())), strict=True):
            _book(part, day, quantity=quantity)
        for day, margin in zip(*facts.series.get("margin", ((), ())), strict=True):
            _book(part, day, margin=margin)
    facts.sole_channel = MIXED


def merge_channels(facts: Facts, other: Facts) -> None:
    """Add another customer's parts by channel and category; see `models.merging`."""
    bought = facts.purchase_days > 0
    if bought and other.purchase_days > 0 and facts.sole_channel != other.sole_channel:
        _meet_channel(facts, MIXED)
        _meet_channel(other, MIXED)
    elif not bought:
        facts.sole_channel = other.sole_channel
    for mine, others in ((facts.channels, other.channels), (facts.categories, other.categories)):
        for name, part in others.items():
            target = _part(mine, name)
            columns = (
                *(part.days, part.net_minor, part.refunded_minor),
                *(part.orders, part.quantity_milli, part.margin_minor),
            )
            for day, net, refunded, orders, quantity, margin in zip(*columns, strict=True):
                _book(
                    target,
                    day,
                    net=net,
                    refunded=refunded,
                    orders=orders,
                    quantity=quantity,
                    margin=margin,
                )


def _lines(
    facts: Facts, day: int, lines: Iterable[Line], sign: int = 1, *, discounted: bool = False
) -> None:
    """Book what shares of spend are made of; a refund's lines take off what they were."""
    sums: dict[str, int] = {}
    for line in lines:
        net = sign * line.net_amount_minor
        sums["lines"] = sums.get("lines", 0) + net
        listed = line.list_amount_minor
        if listed is not None and sign > 0:
            sums["listed"] = sums.get("listed", 0) + listed
            sums["paid"] = sums.get("paid", 0) + net
        for name, holds in (
            ("custom", line.custom),
            ("own_brand", line.own_brand),
            ("premium", line.grade == _PREMIUM),
            ("discounted", discounted or (listed or 0) > line.net_amount_minor),
        ):
            if holds:
                sums[name] = sums.get(name, 0) + net
    for name, amount in sums.items():
        count(facts, name, day, amount)


def _by_category(lines: Sequence[Line]) -> Iterable[tuple[str, list[Line]]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line.category is not None:
            found.setdefault(line.category, []).append(line)
    return found.items()


def _net(lines: Iterable[Line]) -> int:
    return sum(line.net_amount_minor for line in lines)


def _part(parts: dict[str, Part], name: str) -> Part:
    """Return the part of a name; whatever is beyond the limit shares one."""
    part = parts.get(name)
    if part is not None:
        return part
    if len(parts) >= CATEGORIES_MAX:
        name = _OTHER
    part = parts.setdefault(name, Part())
    ordered = sorted(parts.items())  # any order packs to the same bytes
    parts.clear()
    parts.update(ordered)
    return part


def _book(
    part: Part,
    day: int,
    *,
    net: int = 0,
    refunded: int = 0,
    orders: int = 0,
    quantity: int = 0,
    margin: int = 0,
) -> None:
    index, found = buckets.slot(part.days, day)
    if not found:
        part.days.insert(index, day)
        part.net_minor.insert(index, net)
        part.refunded_minor.insert(index, refunded)
        part.orders.insert(index, orders)
        part.quantity_milli.insert(index, quantity)
        part.margin_minor.insert(index, margin)
        return
    part.net_minor[index] += net
    part.refunded_minor[index] += refunded
    part.orders[index] += orders
    part.quantity_milli[index] += quantity
    part.margin_minor[index] += margin

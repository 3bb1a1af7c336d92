"""Money, orders and quantities: what a customer bought and gave back.

By category and channel what counts are the lines and channels that purchases and refunds name; a
refund without lines or without a channel changes only the totals. Shares are of what is known: of
the money of lines, or of the purchases with a channel.
"""

from __future__ import annotations

from typing import TypeAlias

from models.buckets import Series, total_within, within
from models.calendar import Calendar, Span
from models.customer import Facts
from models.fold_sales import CHANNELS
from rules.facts.arguments import Argument
from rules.facts.cases import EMPTY
from rules.facts.vocabulary import Unit, fact
from rules.facts.windows import LIFE

Names: TypeAlias = str | tuple[str, ...]

_THOUSANDTHS = 1_000
_FILTERS = ("category", "channel")
_ONE_CATEGORY = {"category": Argument("text")}  # an order may hold several, and would count twice


def total(series: Series, window: Span) -> int:
    """Return a series' sum over the days of a window."""
    return total_within(*series, window)


def named(facts: Facts, name: str) -> Series:
    """Return the series of a name, empty without data."""
    return facts.series.get(name, EMPTY)


def _chosen(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _parts(
    facts: Facts, column: str, category: Names | None, channel: Names | None
) -> tuple[Series, ...]:
    """Return a column of some categories or channels; a sole channel's purchases are the totals."""
    parts = facts.categories if category is not None else facts.channels
    names = _chosen(category if category is not None else channel or ())
    found = [parts[name] for name in names if name in parts]
    columns: list[Series] = [(part.days, getattr(part, column)) for part in found]
    sole = dict(enumerate(CHANNELS, start=1)).get(facts.sole_channel)
    if category is None and sole in names:
        totals: dict[str, Series] = {
            "net_minor": (facts.days, facts.net_minor),
            "orders": (facts.days, facts.orders),
            "quantity_milli": named(facts, "quantity"),
            "margin_minor": named(facts, "margin"),
        }
        columns.append(totals.get(column, EMPTY))
    return tuple(columns)


def _column(
    facts: Facts, window: Span, column: str, category: Names | None, channel: Names | None
) -> int:
    return sum(total(series, window) for series in _parts(facts, column, category, channel))


def _money(
    facts: Facts, _zone: Calendar, category: Names | None = None, channel: Names | None = None
) -> tuple[Series, ...]:
    if category is None and channel is None:
        return (facts.days, facts.net_minor), named(facts, "refund")
    bought = _parts(facts, "net_minor", category, channel)
    return bought + _parts(facts, "refunded_minor", category, channel)


def _counted(
    facts: Facts, _zone: Calendar, category: Names | None = None, channel: Names | None = None
) -> tuple[Series, ...]:
    if category is None and channel is None:
        return (facts.days, facts.orders), named(facts, "cancelled")
    return _parts(facts, "orders", category, channel)


def trade(facts: Facts, zone: Calendar) -> tuple[Series, ...]:
    """Return everything that a ratio of money or orders is made of."""
    return (*_money(facts, zone), _counted(facts, zone)[1])


def _spent(
    facts: Facts,
    _zone: Calendar,
    window: Span,
    category: Names | None = None,
    channel: Names | None = None,
) -> int:
    if category is None and channel is None:
        pruned = facts.pruned_net_minor if window == LIFE else 0
        bought = pruned + total_within(facts.days, facts.net_minor, window)
        return bought - total(named(facts, "refund"), window)
    bought = _column(facts, window, "net_minor", category, channel)
    return bought - _column(facts, window, "refunded_minor", category, channel)


@fact(Unit.MONEY, "nets", source=_money, one_of=_FILTERS, balance=_spent)
def spend(
    facts: Facts,
    zone: Calendar,
    window: Span,
    category: Names | None = None,
    channel: Names | None = None,
) -> int:
    """Money of the purchases in the window, less the refunds booked in it; at least 0.

    Of one or several categories or channels, where the lines or purchases name them.
    """
    return max(0, _spent(facts, zone, window, category, channel))


def _placed(
    facts: Facts,
    _zone: Calendar,
    window: Span,
    category: str | None = None,
    channel: Names | None = None,
) -> int:
    if category is not None or channel is not None:
        return _column(facts, window, "orders", category, channel)
    pruned = facts.pruned_orders if window == LIFE else 0
    bought = pruned + total_within(facts.days, facts.orders, window)
    return bought - total(named(facts, "cancelled"), window)


@fact(
    Unit.ORDERS, "nets", source=_counted, one_of=_FILTERS, arguments=_ONE_CATEGORY, balance=_placed
)
def orders(
    facts: Facts,
    zone: Calendar,
    window: Span,
    category: str | None = None,
    channel: Names | None = None,
) -> int:
    """Number of purchases in the window, without those refunded in full; at least 0."""
    return max(0, _placed(facts, zone, window, category, channel))


def _refunded(
    facts: Facts, _zone: Calendar, category: Names | None = None, channel: Names | None = None
) -> tuple[Series, ...]:
    if category is None and channel is None:
        return (named(facts, "refund"),)
    return _parts(facts, "refunded_minor", category, channel)


@fact(Unit.MONEY, "exits", source=_refunded, one_of=_FILTERS)
def refunds(
    facts: Facts,
    zone: Calendar,
    window: Span,
    category: Names | None = None,
    channel: Names | None = None,
) -> int:
    """Money refunded, on the days of the purchases where they are known."""
    return sum(total(series, window) for series in _refunded(facts, zone, category, channel))


def _quantities(
    facts: Facts, _zone: Calendar, category: Names | None = None, channel: Names | None = None
) -> tuple[Series, ...]:
    if category is None and channel is None:
        return named(facts, "quantity"), named(facts, "returned")
    return _parts(facts, "quantity_milli", category, channel)


@fact(Unit.QUANTITY, "exits", source=_quantities, reads="series", one_of=_FILTERS)
def quantity(
    facts: Facts,
    _zone: Calendar,
    window: Span,
    category: Names | None = None,
    channel: Names | None = None,
) -> float:
    """Quantity of the lines bought, less what was returned; units are added up as they come."""
    if category is None and channel is None:
        bought = total(named(facts, "quantity"), window)
        milli = bought - total(named(facts, "returned"), window)
    else:
        milli = _column(facts, window, "quantity_milli", category, channel)
    return max(0, milli) / _THOUSANDTHS


def _margins(facts: Facts, _zone: Calendar, channel: Names | None = None) -> tuple[Series, ...]:
    if channel is None:
        return (named(facts, "margin"),)
    return _parts(facts, "margin_minor", None, channel)


@fact(Unit.MONEY, "exits", source=_margins, reads="series")
def margin(facts: Facts, zone: Calendar, window: Span, channel: Names | None = None) -> int:
    """Margin of the purchases that say one; it may be negative, and refunds do not change it."""
    return sum(total(series, window) for series in _margins(facts, zone, channel))


@fact(Unit.SHARE, "exits", source=trade, unknown=True)
def return_ratio(facts: Facts, _zone: Calendar, window: Span) -> float | None:
    """Refunded share of the money of the purchases, 0 to 1; unknown without a purchase."""
    pruned = facts.pruned_net_minor if window == LIFE else 0
    whole = pruned + total_within(facts.days, facts.net_minor, window)
    return min(1.0, total(named(facts, "refund"), window) / whole) if whole > 0 else None


@fact(Unit.MONEY, "exits", source=trade, unknown=True)
def average_order(facts: Facts, zone: Calendar, window: Span) -> int | None:
    """Spend per order, in whole minor units, rounded down; unknown without an order."""
    count = orders(facts, zone, window)
    return spend(facts, zone, window) // count if count else None


def _days_of_orders(facts: Facts, _zone: Calendar) -> tuple[Series, ...]:
    return ((facts.days, facts.orders),)


@fact(Unit.MONEY, "exits", source=_days_of_orders, unknown=True, reads="days")
def largest_order(facts: Facts, _zone: Calendar, window: Span) -> int | None:
    """Money of the largest order, refunds not taken off; unknown without an order."""
    inside = within(facts.days, window)
    if "largest" not in facts.series:  # no day had several that were not free
        return max(facts.net_minor[inside], default=None)
    several = dict(zip(*named(facts, "largest"), strict=True))
    days = zip(facts.days[inside], facts.net_minor[inside], strict=True)
    return max((several.get(day, net) for day, net in days), default=None)


def _ordered(facts: Facts, zone: Calendar) -> tuple[Series, ...]:
    return (*_days_of_orders(facts, zone), *_quantities(facts, zone))


@fact(Unit.QUANTITY, "exits", source=_ordered, unknown=True, reads="series")
def quantity_per_order(facts: Facts, zone: Calendar, window: Span) -> float | None:
    """Quantity per order, over the days with orders that say one; unknown without any."""
    known = set(named(facts, "quantity")[0])
    inside = within(facts.days, window)
    days = zip(facts.days[inside], facts.orders[inside], strict=True)
    count = sum(number for day, number in days if day in known)
    return quantity(facts, zone, window) / count if count else None


def _listed(facts: Facts, _zone: Calendar) -> tuple[Series, ...]:
    return named(facts, "listed"), named(facts, "paid")


@fact(Unit.SHARE, "exits", source=_listed, unknown=True, reads="series")
def discount_rate(facts: Facts, _zone: Calendar, window: Span) -> float | None:
    """Discount on the lines with a list price, 0 to 1; unknown without such lines."""
    listed = total(named(facts, "listed"), window)
    paid = total(named(facts, "paid"), window)
    return min(1.0, max(0.0, 1 - paid / listed)) if listed else None


def _shared(
    facts: Facts,
    zone: Calendar,
    of: str | None = None,
    category: Names | None = None,
    channel: Names | None = None,
) -> tuple[Series, ...]:
    if channel is not None:
        return _money(facts, zone, None, CHANNELS)
    part = (named(facts, of),) if of is not None else _money(facts, zone, category)
    return (*part, named(facts, "lines"))


@fact(
    Unit.SHARE,
    "exits",
    source=_shared,
    unknown=True,
    positional=1,
    one_of=("of", *_FILTERS),
    needs_one=True,
    arguments={"of": Argument("choice", choices=("custom", "discounted", "own_brand", "premium"))},
)
def share(
    facts: Facts,
    zone: Calendar,
    window: Span,
    of: str | None = None,
    category: Names | None = None,
    channel: Names | None = None,
) -> float | None:
    """Share of spend, 0 to 1: of lines of a kind, of categories, or of channels.

    'discounted' are lines below their list price or bought with a coupon, 'premium' those of that
    grade. Unknown where nothing was spent on lines, or through a known channel.
    """
    if of is not None:
        part = total(named(facts, of), window)
    else:
        part = spend(facts, zone, window, category, channel)
    if channel is not None:
        whole = spend(facts, zone, window, None, CHANNELS)
    else:
        whole = total(named(facts, "lines"), window)
    return min(1.0, max(0.0, part / whole)) if whole > 0 else None


def _all_categories(facts: Facts, zone: Calendar, rank: int = 1) -> tuple[Series, ...]:  # noqa: ARG001  # an order among all
    return _money(facts, zone, tuple(facts.categories))


@fact(Unit.TEXT, "exits", source=_all_categories, unknown=True, reads="categories")
def top_category(facts: Facts, zone: Calendar, window: Span, rank: int = 1) -> str | None:
    """Category with the highest spend, or the next ones by `rank`; unknown without that many."""
    spent = {name: spend(facts, zone, window, name) for name in facts.categories}
    names = sorted((name for name in spent if spent[name]), key=lambda name: (-spent[name], name))
    return names[rank - 1] if len(names) >= rank else None

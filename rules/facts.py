"""The vocabulary: every fact that a rule may name, its unit, its arguments, and how it is read.

A fact is a function of what the log says of a customer, the rulebook's zone and today's day
number. Windows are `days=n`: the days later than today − n, without an upper edge, so that a fact
dated ahead of the clock counts at once; without `days` the whole life counts. A fact without data
is unknown (None), except sums and counts, which are 0. Money is in minor units of the rulebook's
currency: the reducer refuses every other, so a state never holds amounts that a rule could not
compare.

`motion` says how a value changes by itself as days pass, which is all that due dates need:

    still   not at all
    falls   a window's count: it falls when a day leaves the window; `source` gives its buckets
    nets    a difference of two windows, which can move both ways; `source` gives both
    exits   computed from windows; it may change whenever a day leaves one; `source` gives them all
    rises   the days since a day; `source` gives that day

To add a fact, write its function here; the check, the compiler and explain find it in `VOCABULARY`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from models.buckets import Series
from models.calendar import Calendar
from models.customer import Facts
from rules import cases
from rules.vocabulary import Cases, FactSpec, Motion, Read, Source, Unit, spec_of

VOCABULARY: dict[str, FactSpec] = {}


def _fact(
    unit: Unit,
    motion: Motion,
    *,
    source: Source | None = None,
    unknown: bool = False,
    reads: Cases | None = None,
    positional: int = 0,
) -> Callable[[Read], Read]:
    """Enter a function into the vocabulary; its arguments come from its signature."""

    def enter(read: Read) -> Read:
        spec = spec_of(
            read, unit, motion, source, unknown=unknown, reads=reads, positional=positional
        )
        VOCABULARY[spec.name] = spec
        return read

    return enter


def total(series: Series, today: int, days: int | None) -> int:
    """Return a series' sum over a window of `days`, or over all that is kept of it."""
    if days is None:
        return sum(series[1])
    after = today - days
    return sum([value for day, value in zip(*series, strict=True) if day > after])


def _refunded(facts: Facts, _zone: Calendar) -> Series:
    return facts.series.get("refund", cases.EMPTY)


def _money(facts: Facts, _zone: Calendar) -> tuple[Series, Series]:
    return (facts.days, facts.net_minor), facts.series.get("refund", cases.EMPTY)


def _counted(facts: Facts, _zone: Calendar) -> tuple[Series, Series]:
    return (facts.days, facts.orders), facts.series.get("cancelled", cases.EMPTY)


def trade(facts: Facts, zone: Calendar) -> tuple[Series, ...]:
    """Return everything that a ratio of money or orders is made of."""
    return (*_money(facts, zone), _counted(facts, zone)[1])


@_fact(Unit.MONEY, "nets", source=_money)
def spend(facts: Facts, zone: Calendar, today: int, days: int | None = None) -> int:
    """Money of the purchases in the window, less the refunds booked in it; at least 0."""
    bought, returned = _money(facts, zone)
    pruned = facts.pruned_net_minor if days is None else 0
    return max(0, pruned + total(bought, today, days) - total(returned, today, days))


@_fact(Unit.ORDERS, "nets", source=_counted)
def orders(facts: Facts, zone: Calendar, today: int, days: int | None = None) -> int:
    """Number of purchases in the window, without those refunded in full; at least 0."""
    bought, cancelled = _counted(facts, zone)
    pruned = facts.pruned_orders if days is None else 0
    return max(0, pruned + total(bought, today, days) - total(cancelled, today, days))


@_fact(Unit.MONEY, "falls", source=_refunded)
def refunds(facts: Facts, zone: Calendar, today: int, days: int | None = None) -> int:
    """Money refunded, on the days of the purchases where they are known."""
    return total(_refunded(facts, zone), today, days)


@_fact(Unit.SHARE, "exits", source=trade, unknown=True)
def return_ratio(facts: Facts, zone: Calendar, today: int, days: int | None = None) -> float | None:
    """Refunded share of the money of the purchases, 0 to 1; unknown without a purchase."""
    bought, returned = _money(facts, zone)
    pruned = facts.pruned_net_minor if days is None else 0
    whole = pruned + total(bought, today, days)
    return min(1.0, total(returned, today, days) / whole) if whole else None


@_fact(Unit.MONEY, "exits", source=trade, unknown=True)
def average_order(facts: Facts, zone: Calendar, today: int, days: int | None = None) -> int | None:
    """Spend per order, in whole minor units, rounded down; unknown without an order."""
    count = orders(facts, zone, today, days)
    return int(spend(facts, zone, today, days) // count) if count else None


def _last_purchase(facts: Facts, zone: Calendar) -> int | None:
    return None if facts.last_purchase_at is None else zone.day(facts.last_purchase_at)


def _first_purchase(facts: Facts, zone: Calendar) -> int | None:
    return None if facts.first_purchase_at is None else zone.day(facts.first_purchase_at)


def _since(day: int | None, today: int) -> int | None:
    return None if day is None else max(0, today - day)


@_fact(Unit.DAYS, "rises", source=_last_purchase, unknown=True)
def days_since_purchase(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since the last purchase, at least 0; unknown before the first."""
    return _since(_last_purchase(facts, zone), today)


@_fact(Unit.DAYS, "rises", source=_first_purchase, unknown=True)
def days_since_first_purchase(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since the first purchase, at least 0; unknown before it."""
    return _since(_first_purchase(facts, zone), today)


@_fact(Unit.DAYS, "rises", source=cases.joined_day, unknown=True)
def member_days(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since she joined: profile.joined_at, else the first purchase, else first seen."""
    return _since(cases.joined_day(facts, zone), today)


@_fact(Unit.FEEDBACK, "falls", source=cases.feedback_buckets, reads="feedback")
def feedback_count(
    facts: Facts,
    zone: Calendar,
    today: int,
    days: int | None = None,
    polarity: str | None = None,
    metric: str | None = None,
) -> int:
    """Number of survey answers, reviews and suggestions given and not retracted."""
    return total(cases.feedback_buckets(facts, zone, polarity, metric), today, days)


def _scored(facts: Facts, zone: Calendar, metric: str) -> tuple[Series, ...]:
    return cases.score_buckets(facts, zone, metric)


@_fact(Unit.SCORE, "exits", source=_scored, unknown=True, reads="feedback")
def feedback_mean(
    facts: Facts, zone: Calendar, today: int, metric: str, days: int | None = None
) -> float | None:
    """Mean score of the answers of a metric, on its own scale; unknown without an answer."""
    scores, answers = cases.score_buckets(facts, zone, metric)
    count = total(answers, today, days)
    return total(scores, today, days) / count if count else None


def _nps(facts: Facts, zone: Calendar) -> tuple[Series, ...]:
    return (cases.feedback_buckets(facts, zone, None, "nps"),)


@_fact(Unit.SCORE, "exits", source=_nps, unknown=True, reads="feedback")
def nps(facts: Facts, zone: Calendar, today: int, days: int | None = None) -> float | None:
    """Net promoter score, −100 to 100: promoters less detractors; unknown without an answer."""
    count = feedback_count(facts, zone, today, days, None, "nps")
    for_us = feedback_count(facts, zone, today, days, "positive", "nps")
    against = feedback_count(facts, zone, today, days, "negative", "nps")
    return 100 * (for_us - against) / count if count else None


@_fact(Unit.COMPLAINTS, "falls", source=cases.complaint_buckets, reads="complaints")
def complaints(
    facts: Facts,
    zone: Calendar,
    today: int,
    days: int | None = None,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> int:
    """Number of complaints opened and not retracted, each on the day it was opened."""
    return total(cases.complaint_buckets(facts, zone, severity, severity_from, type), today, days)


@_fact(Unit.COMPLAINTS, "still", reads="complaints")
def open_complaints(
    facts: Facts,
    _zone: Calendar,
    _today: int,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> int:
    """Number of complaints neither resolved nor retracted, among the newest 64."""
    return cases.open_cases(facts, severity, severity_from, type)


@_fact(Unit.DAYS, "rises", source=cases.last_complaint, unknown=True, reads="complaints")
def days_since_complaint(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since the last complaint was opened, at least 0; unknown without one."""
    return _since(cases.last_complaint(facts, zone), today)


def _activity(facts: Facts, _zone: Calendar, kind: str) -> Series:
    return facts.series.get(f"e:{kind}", cases.EMPTY)


@_fact(Unit.ACTIVITIES, "falls", source=_activity)
def activities(facts: Facts, zone: Calendar, today: int, kind: str, days: int | None = None) -> int:
    """Number of engagements of a kind, such as 'activity.joined' or 'page_viewed'."""
    return total(_activity(facts, zone, kind), today, days)


@_fact(Unit.TRUTH, "still", unknown=True, positional=2)
def has(facts: Facts, _zone: Calendar, _today: int, attribute: str, value: str) -> bool | None:
    """Whether a list of the profile holds a value; unknown where the list is not known."""
    known = facts.profile.get(attribute.removeprefix("profile."), (0, None))[1]
    return value in known if isinstance(known, list | tuple) else None


TEXT_ATTRIBUTES = (
    *("city", "country", "culture", "economic_role", "education", "gender", "home_province"),
    *("income_band", "industry", "job_type", "need_level", "occupation", "partnership"),
    *("province", "scale", "skill_level", "trade"),
)
NUMBER_ATTRIBUTES = ("children", "employees", "household_size", "reach")
LIST_ATTRIBUTES = ("business_scope", "interests", "requirements")
_CUSTOM = "custom."


def _attribute(
    kind: type | tuple[type, ...], name: str, facts: Facts, _zone: Calendar, _today: int
) -> Any:  # noqa: ANN401  # a profile holds what its owner put there
    value = facts.profile.get(name, (0, None))[1]
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


@lru_cache(maxsize=1024)
def lookup(name: str) -> FactSpec | None:
    """Return the fact of a name, None if there is none (yet)."""
    attribute = name.removeprefix("profile.")
    if attribute == name:
        return VOCABULARY.get(name)
    if attribute in TEXT_ATTRIBUTES or attribute.startswith(_CUSTOM):
        read, unit = partial(_attribute, str, attribute), Unit.TEXT
    elif attribute in NUMBER_ATTRIBUTES:
        read, unit = partial(_attribute, (int, float), attribute), Unit.NUMBER
    else:
        return None
    about = f"The customer's {attribute}, as the newest profile event says."
    return FactSpec(name, unit, "still", True, about, {}, read, None, None, 0)


# Names that the language will have; a rulebook that uses one is refused with that message.
PLANNED = frozenset(
    (
        *("quantity", "margin", "largest_order", "quantity_per_order", "discount_rate", "share"),
        *("order_interval_days", "order_stability", "quantity_stability", "top_category"),
        *("late_deliveries", "days_since_contact", "days_since", "age", "satisfaction"),
        *("last_feedback", "public_praise", "complaint_amount", "repeat_complaints", "usage"),
        *("referrals", "relations", "responses", "consent", "local", "domestic", "rfm"),
        *("churn.risk", "expected_purchases", "value_forecast", "score", "tier", "lifecycle"),
        *("group", "entered", "left", "happened", "lookup"),
    )
)

"""Engagement: what else a customer does, and whom she knows."""

from __future__ import annotations

from models.buckets import Series
from models.calendar import Calendar, Span
from models.customer import Facts
from models.fold_cases import RELATIONS
from rules.facts.arguments import Argument
from rules.facts.habits import since
from rules.facts.sales import named, total
from rules.facts.vocabulary import Unit, fact

_THOUSANDTHS = 1_000


def _activity(facts: Facts, _zone: Calendar, kind: str) -> Series:
    return named(facts, f"e:{kind}")


@fact(Unit.ACTIVITIES, "falls", source=_activity, reads="series")
def activities(facts: Facts, zone: Calendar, window: Span, kind: str) -> int:
    """Number of engagements of a kind, such as 'activity.joined' or 'page_viewed'."""
    return total(_activity(facts, zone, kind), window)


def _used(facts: Facts, _zone: Calendar, unit: str) -> tuple[Series, ...]:
    return (named(facts, f"u:{unit}"),)


@fact(Unit.QUANTITY, "exits", source=_used, reads="series")
def usage(facts: Facts, _zone: Calendar, window: Span, unit: str) -> float:
    """Quantity of the engagements in a unit, such as 'hours'."""
    return total(named(facts, f"u:{unit}"), window) / _THOUSANDTHS


def _referred(facts: Facts, _zone: Calendar) -> Series:
    return named(facts, "e:referral.converted")


@fact(Unit.CUSTOMERS, "falls", source=_referred, reads="series")
def referrals(facts: Facts, zone: Calendar, window: Span) -> int:
    """Number of her referrals that came; who is reported several times counts as often."""
    return total(_referred(facts, zone), window)


def _late(facts: Facts, _zone: Calendar) -> Series:
    return named(facts, "e:order.delivered_late")


@fact(Unit.ORDERS, "falls", source=_late, reads="series")
def late_deliveries(facts: Facts, zone: Calendar, window: Span) -> int:
    """Number of orders that were delivered late."""
    return total(_late(facts, zone), window)


def _answered(facts: Facts, _zone: Calendar, action: str | None = None) -> tuple[Series, ...]:
    if action is not None:
        return (named(facts, f"r:{action}"),)
    return named(facts, "e:action.responded"), named(facts, "answered")


@fact(Unit.ACTIVITIES, "exits", source=_answered, reads="series")
def responses(facts: Facts, zone: Calendar, window: Span, action: str | None = None) -> int:
    """Number of responses to actions; of one action, those that give its name.

    A response is an engagement 'action.responded', or a purchase that names what it answers.
    """
    return sum(total(series, window) for series in _answered(facts, zone, action))


def _last_contact(facts: Facts, _zone: Calendar, kind: str | None = None) -> int | None:
    days, _ = named(facts, "e:contact.made" if kind is None else f"contact:{kind}")
    return days[-1] if days else None


@fact(Unit.DAYS, "rises", source=_last_contact, unknown=True, reads="series")
def days_since_contact(
    facts: Facts, zone: Calendar, today: int, kind: str | None = None
) -> int | None:
    """Days since the last contact, or the last of a kind such as 'visit'; unknown without one."""
    return since(_last_contact(facts, zone, kind), today)


@fact(
    Unit.CUSTOMERS,
    "still",
    reads="relations",
    arguments={"kind": Argument("choice", choices=RELATIONS)},
)
def relations(facts: Facts, _zone: Calendar, _today: int, kind: str | None = None) -> int:
    """Number of ties to other customers among the newest 64; a friend and colleague is two."""
    kinds = range(len(RELATIONS)) if kind is None else (RELATIONS.index(kind),)
    return sum(1 for tie in facts.relations if tie.step[1] and tie.kind in kinds)

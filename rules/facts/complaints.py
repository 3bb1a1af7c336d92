"""Complaints: how many, how grave, and what they are about."""

from __future__ import annotations

from models.buckets import Series, total_within
from models.calendar import Calendar, Span
from models.customer import Facts
from models.fold_cases import COMPLAINT_TYPES
from rules.facts import cases
from rules.facts.habits import since
from rules.facts.sales import total
from rules.facts.vocabulary import Unit, fact


@fact(Unit.COMPLAINTS, "falls", source=cases.complaint_buckets, reads="complaints")
def complaints(
    facts: Facts,
    zone: Calendar,
    window: Span,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> int:
    """Number of complaints opened and not retracted, each on the day it was opened."""
    return total(cases.complaint_buckets(facts, zone, severity, severity_from, type), window)


@fact(Unit.COMPLAINTS, "still", reads="complaints")
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


@fact(Unit.DAYS, "rises", source=cases.last_complaint, unknown=True, reads="complaints")
def days_since_complaint(facts: Facts, zone: Calendar, today: int) -> int | None:
    """Days since the last complaint was opened, at least 0; unknown without one."""
    return since(cases.last_complaint(facts, zone), today)


@fact(Unit.MONEY, "falls", source=cases.amount_buckets, reads="complaints")
def complaint_amount(
    facts: Facts,
    zone: Calendar,
    window: Span,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> int:
    """Money that complaints are about, among the newest 64, each on the day it was opened."""
    return total(cases.amount_buckets(facts, zone, severity, severity_from, type), window)


def _repeated(facts: Facts, zone: Calendar, type: str | None = None) -> tuple[Series, ...]:  # noqa: A002  # the analyst's word for it
    return (cases.complaint_buckets(facts, zone, type=type),)


@fact(Unit.COMPLAINTS, "exits", source=_repeated, reads="complaints")
def repeat_complaints(
    facts: Facts,
    zone: Calendar,
    window: Span,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> int:
    """Number of complaints in the window that repeat another of their type in it."""
    if len(facts.complaints) == 1 and not cases.folded(facts.series, "complaints"):
        return 0
    types = COMPLAINT_TYPES if type is None else (type,)
    buckets = (cases.complaint_buckets(facts, zone, type=name) for name in types)
    return sum(max(0, total_within(*series, window) - 1) for series in buckets)

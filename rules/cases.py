"""What facts read of complaints and feedback: the cases kept one by one, and the folded rest.

A state keeps a customer's newest complaints and feedback as cases, because they can still be
amended or retracted, and folds the older rest into day series by type, severity, metric and
polarity. Here both become one series of day buckets for a given selection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from models.buckets import Series
from models.calendar import Calendar, day_number
from models.customer import ComplaintCase, Facts
from models.events import SEVERITIES
from models.fold import COMPLAINT_TYPES, METRICS, POLARITIES, RESOLVED, RETRACTED
from rules.vocabulary import Cases

EMPTY: Series = ([], [])

_ISO_DATE_LENGTH = 10


def complaint_buckets(
    facts: Facts,
    zone: Calendar,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> Series:
    """Return the complaints opened and not retracted, by the day they were opened.

    Without a severity a complaint matches no severity filter; `severity_from` is inclusive.
    """
    types, severities = _types(type), _severities(severity, severity_from)
    counts: list[tuple[int, int]] = [
        (zone.day(case.opened_at), 1)
        for case in facts.complaints
        if case.opened_at is not None and _is_counted(case, types, severities)
    ]
    counts += _folded_counts(facts, "c:", types, severities)
    return _series(counts)


def open_cases(
    facts: Facts,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> int:
    """Return the number of complaints that are opened, and neither resolved nor retracted."""
    types, severities = _types(type), _severities(severity, severity_from)
    return sum(
        1
        for case in facts.complaints
        if case.opened_at is not None
        and case.status[1] != RESOLVED
        and _is_counted(case, types, severities)
    )


def last_complaint(facts: Facts, zone: Calendar) -> int | None:
    """Return the day of the newest complaint, None without one."""
    days, _ = complaint_buckets(facts, zone)
    return days[-1] if days else None


def feedback_buckets(
    facts: Facts, zone: Calendar, polarity: str | None = None, metric: str | None = None
) -> Series:
    """Return the feedback given and not retracted, by the day it was given."""
    metrics = _selected(METRICS, metric)
    polarities = _selected(POLARITIES, polarity)
    counts: list[tuple[int, int]] = [
        (zone.day(case.given_at), 1)
        for case in facts.feedback
        if case.given_at is not None
        and not case.value[1]
        and case.value[2] in metrics
        and case.value[3] in polarities
    ]
    counts += _folded_counts(facts, "f:", metrics, polarities)
    return _series(counts)


def score_buckets(facts: Facts, zone: Calendar, metric: str) -> tuple[Series, Series]:
    """Return the sums of a metric's scores, and the number of answers with a score, by day."""
    index = METRICS.index(metric)
    scores: list[tuple[int, int]] = []
    answers: list[tuple[int, int]] = []
    for case in facts.feedback:
        _, retracted, of, _, _, _, score = case.value
        if case.given_at is not None and not retracted and of == index and score:
            day = zone.day(case.given_at)
            scores.append((day, score - 1))
            answers.append((day, 1))
    polarities = _selected(POLARITIES, None)
    scores += _folded_counts(facts, "fs:", (index,), polarities)
    answers += _folded_counts(facts, "fn:", (index,), polarities)
    return _series(scores), _series(answers)


def folded(series: Mapping[str, Series], kind: Cases) -> bool:
    """Tell whether a customer had so many complaints or answers that some were folded."""
    prefix = "c:" if kind == "complaints" else "f:"
    return any(name.startswith(prefix) for name in series)


def joined_day(facts: Facts, zone: Calendar) -> int | None:
    """Return the day of joining: as the profile says, else first purchase, else first seen."""
    said = facts.profile.get("joined_at", (0, None))[1]
    if isinstance(said, str):
        try:
            return day_number(date.fromisoformat(said[:_ISO_DATE_LENGTH]))
        except ValueError:
            pass  # not a date: the profile says nothing that can be used
    at = facts.first_seen_at if facts.first_purchase_at is None else facts.first_purchase_at
    return None if at is None else zone.day(at)


def _is_counted(case: ComplaintCase, types: tuple[int, ...], severities: tuple[int, ...]) -> bool:
    return case.status[1] != RETRACTED and case.detail[1] in types and case.detail[2] in severities


def _types(name: str | None) -> tuple[int, ...]:
    return _selected(COMPLAINT_TYPES, name)


def _severities(exactly: str | None, at_least: str | None) -> tuple[int, ...]:
    """Return the ranks that pass both filters; rank 0 is a complaint without severity."""
    if exactly is None and at_least is None:
        return tuple(range(len(SEVERITIES) + 1))
    least = 0 if at_least is None else SEVERITIES.index(at_least)
    return tuple(
        rank + 1
        for rank, name in enumerate(SEVERITIES)
        if rank >= least and exactly in {None, name}
    )


def _selected(names: tuple[str, ...], name: str | None) -> tuple[int, ...]:
    return tuple(range(len(names))) if name is None else (names.index(name),)


def _folded_counts(
    facts: Facts, prefix: str, first: tuple[int, ...], second: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Yield the buckets of the series `prefix`, two digits, whose digits are selected."""
    for name, (days, counts) in facts.series.items():
        if name.startswith(prefix):
            digits = name.removeprefix(prefix)
            if int(digits[0]) in first and int(digits[1]) in second:
                yield from zip(days, counts, strict=True)


def _series(counts: list[tuple[int, int]]) -> Series:
    """Return buckets sorted by day; a day may stand in several, which sums do not notice."""
    counts.sort()
    return [day for day, _ in counts], [count for _, count in counts]

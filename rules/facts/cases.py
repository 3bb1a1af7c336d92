"""What facts read of complaints and feedback: the cases kept one by one, and the folded rest.

A state keeps a customer's newest complaints and feedback as cases, because they can still be
amended or retracted, and folds the older rest into day series by type, severity, metric and
polarity. Here both become one series of day buckets for a given selection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from models.buckets import Series
from models.calendar import Calendar
from models.customer import ComplaintCase, Facts, FeedbackCase
from models.events import SEVERITIES
from models.fold_cases import (
    COMPLAINT_TYPES,
    KINDS,
    METRICS,
    POLARITIES,
    RESOLVED,
    RETRACTED,
    TOPICS,
)
from models.fold_series import OTHER
from rules.facts.joining import joined_day as joined_day  # noqa: PLC0414
from rules.facts.vocabulary import Cases

EMPTY: Series = ([], [])


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
    if facts.series:
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


def amount_buckets(
    facts: Facts,
    zone: Calendar,
    severity: str | None = None,
    severity_from: str | None = None,
    type: str | None = None,  # noqa: A002  # the analyst's word for it
) -> Series:
    """Return the amounts of the newest complaints in minor units, by the day they were opened.

    What came in another currency than hers, and had no exchange rate, cannot be added: left out.
    """
    types, severities = _types(type), _severities(severity, severity_from)
    return _series(
        [
            (zone.day(case.opened_at), case.amount[1])
            for case in facts.complaints
            if case.opened_at is not None
            and case.amount is not None
            and case.amount[2] in {None, facts.currency}
            and _is_counted(case, types, severities)
        ]
    )


def feedback_cases(
    facts: Facts,
    polarity: str | None = None,
    metric: str | None = None,
    kind: str | None = None,
    topic: str | None = None,
) -> Iterator[FeedbackCase]:
    """Yield the newest feedback given and not retracted that passes all filters."""
    metrics, polarities = _selected(METRICS, metric), _selected(POLARITIES, polarity)
    kinds = _selected(KINDS, kind)
    for case in facts.feedback:
        _, retracted, of, felt, was, _, _ = case.value
        if case.given_at is None or retracted:
            continue
        if topic is not None and case.topic != 1 + TOPICS.index(topic):
            continue
        if of in metrics and felt in polarities and was in kinds:
            yield case


def feedback_buckets(
    facts: Facts,
    zone: Calendar,
    polarity: str | None = None,
    metric: str | None = None,
    kind: str | None = None,
    topic: str | None = None,
) -> Series:
    """Return the feedback given and not retracted, by the day it was given.

    Of what was folded neither kind nor topic is known: filtered by them, the newest count.
    """
    counts: list[tuple[int, int]] = [
        (zone.day(case.given_at), 1)
        for case in feedback_cases(facts, polarity, metric, kind, topic)
        if case.given_at is not None
    ]
    if kind is None and topic is None:
        polarities = _selected(POLARITIES, polarity)
        counts += _folded_counts(facts, "f:", _selected(METRICS, metric), polarities)
    return _series(counts)


def praise_buckets(facts: Facts, zone: Calendar) -> Series:
    """Return the public positive feedback among the newest, by the day it was given."""
    return _series(
        [
            (zone.day(case.given_at), 1)
            for case in feedback_cases(facts, polarity="positive")
            if case.given_at is not None and case.value[5]
        ]
    )


def score_buckets(
    facts: Facts, zone: Calendar, metric: str, topic: str | None = None
) -> tuple[Series, Series]:
    """Return the sums of a metric's scores, and the number of answers with a score, by day."""
    scores: list[tuple[int, int]] = []
    answers: list[tuple[int, int]] = []
    wanted = METRICS.index(metric)
    for case in facts.feedback:
        _, retracted, of, _, _, _, score = case.value
        if case.given_at is None or retracted or of != wanted or not score:
            continue
        if topic is None or case.topic == 1 + TOPICS.index(topic):
            day = zone.day(case.given_at)
            scores.append((day, score - 1))
            answers.append((day, 1))
    if topic is None and folded(facts.series, "feedback"):
        chosen, polarities = _selected(METRICS, metric), _selected(POLARITIES, None)
        scores += _folded_counts(facts, "fs:", chosen, polarities)
        answers += _folded_counts(facts, "fn:", chosen, polarities)
    return _series(scores), _series(answers)


def folded(series: Mapping[str, Series], kind: Cases) -> bool:
    """Tell whether a customer had so many complaints or answers that some were folded."""
    prefix = "c:" if kind == "complaints" else "f:"
    for name in series:  # noqa: SIM110  # asked for every event, and a generator doubles its cost
        if name.startswith(prefix):
            return True
    return False


def _is_counted(case: ComplaintCase, types: tuple[int, ...], severities: tuple[int, ...]) -> bool:
    return case.status[1] != RETRACTED and case.detail[1] in types and case.detail[2] in severities


def _types(name: str | None) -> tuple[int, ...]:
    return _selected(COMPLAINT_TYPES, name)


@cache
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


@cache
def _selected(names: tuple[str, ...], name: str | None) -> tuple[int, ...]:
    return tuple(range(len(names))) if name is None else (names.index(name),)


def _folded_counts(
    facts: Facts, prefix: str, first: tuple[int, ...], second: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Yield the buckets of the series `prefix`, two digits, whose digits are selected.

    A customer with too many series has one of all others, which passes only without a filter.
    """
    for name, (days, counts) in facts.series.items():
        if name.startswith(prefix):
            digits = name.removeprefix(prefix)
            if digits == OTHER:
                passes = len(first) > 1 and len(second) > 1 and 0 in second
            else:
                passes = int(digits[0]) in first and int(digits[1]) in second
            if passes:
                yield from zip(days, counts, strict=True)


def _series(counts: list[tuple[int, int]]) -> Series:
    """Return buckets sorted by day; a day may stand in several, which sums do not notice."""
    if not counts:
        return EMPTY
    counts.sort()
    return [day for day, _ in counts], [count for _, count in counts]

"""Feedback: what a customer says, and how satisfied she is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from math import ceil, log2

from models.buckets import Series
from models.calendar import Calendar, Span
from models.customer import Facts, FeedbackCase
from models.fold_cases import KINDS, METRICS, POLARITIES
from rules.facts import cases
from rules.facts.arguments import Argument
from rules.facts.sales import total
from rules.facts.vocabulary import Unit, fact

# The lowest answer of a metric, and how many steps there are to the highest.
_SCALES = {"csat": (1, 4), "nps": (0, 10), "ces": (1, 6), "stars": (1, 4)}
_FORGOTTEN = 20  # half-lives after which a complaint costs nothing any more
_SATISFIED = 100  # points


@fact(
    Unit.FEEDBACK,
    "falls",
    source=cases.feedback_buckets,
    reads="feedback",
    arguments={"kind": Argument("choice", choices=KINDS)},
)
def feedback_count(
    facts: Facts,
    zone: Calendar,
    window: Span,
    polarity: str | None = None,
    metric: str | None = None,
    kind: str | None = None,
    topic: str | None = None,
) -> int:
    """Number of survey answers, reviews and suggestions given and not retracted.

    Filtered by kind or topic, among the newest 32.
    """
    return total(cases.feedback_buckets(facts, zone, polarity, metric, kind, topic), window)


def _mean_score(buckets: tuple[Series, Series], window: Span) -> float | None:
    scores, answers = buckets
    count = total(answers, window)
    return total(scores, window) / count if count else None


@fact(
    Unit.SCORE,
    "exits",
    source=cases.score_buckets,
    of=_mean_score,
    unknown=True,
    reads="feedback",
    arguments={"metric": Argument("choice", choices=METRICS[: METRICS.index("label")])},
)
def feedback_mean(
    facts: Facts, zone: Calendar, window: Span, metric: str, topic: str | None = None
) -> float | None:
    """Mean score of the answers of a metric, on its own scale; unknown without an answer.

    Of a topic, among the newest 32 answers.
    """
    return _mean_score(cases.score_buckets(facts, zone, metric, topic), window)


def _nps(facts: Facts, zone: Calendar) -> tuple[Series, ...]:
    return (cases.feedback_buckets(facts, zone, None, "nps"),)


@fact(Unit.SCORE, "exits", source=_nps, unknown=True, reads="feedback")
def nps(facts: Facts, zone: Calendar, window: Span) -> float | None:
    """Net promoter score, −100 to 100: promoters less detractors; unknown without an answer."""
    count = feedback_count(facts, zone, window, None, "nps")
    for_us = feedback_count(facts, zone, window, "positive", "nps")
    against = feedback_count(facts, zone, window, "negative", "nps")
    return 100 * (for_us - against) / count if count else None


@fact(Unit.FEEDBACK, "falls", source=cases.praise_buckets, reads="feedback")
def public_praise(facts: Facts, zone: Calendar, window: Span) -> int:
    """Number of positive reviews and answers given in public, among the newest 32."""
    return total(cases.praise_buckets(facts, zone), window)


@fact(
    Unit.TEXT,
    "still",
    unknown=True,
    reads="feedback",
    positional=1,
    arguments={"of": Argument("choice", choices=("polarity", "kind"))},
    texts={"polarity": POLARITIES, "kind": KINDS},
)
def last_feedback(facts: Facts, _zone: Calendar, _today: int, of: str) -> str | None:
    """What the newest feedback was, by 'polarity' or by 'kind'; unknown without one."""
    newest = _newest(facts)
    if newest is None:
        return None
    return POLARITIES[newest.value[3]] if of == "polarity" else KINDS[newest.value[4]]


def _newest(facts: Facts) -> FeedbackCase | None:
    return max(
        cases.feedback_cases(facts), key=lambda case: (case.given_at or 0, case.key), default=None
    )


def _next_point(
    facts: Facts, zone: Calendar, today: int, half_life: int = 90, penalty: float = 10
) -> int | None:
    """Return the day on which satisfaction will have recovered by a point, None: it stays."""
    complaints = cases.complaint_buckets(facts, zone)
    days, _ = complaints
    mean = _mean(facts, zone, half_life) if days else None
    if mean is None:
        return None
    cost = _cost(complaints, today, half_life, penalty)
    now = _points(mean, cost)
    later = range(today + 1, max(days[-1], today) + _FORGOTTEN * half_life + 2)

    def has_changed(day: int) -> bool:
        return _points(mean, _cost(complaints, day, half_life, penalty)) != now

    # Where the whole cost fades alike, it is known when the next point is reached.
    left = mean - now - 0.5
    if 0 < left < cost:
        guess = today + ceil(half_life * log2(cost / left))
        if guess in later and has_changed(guess) and not has_changed(guess - 1):
            return guess
    index = bisect_left(later, x=True, key=has_changed)  # it only ever rises
    return later[index] if index < len(later) else None


@fact(Unit.SCORE, "turns", source=_next_point, unknown=True, reads="feedback")
def satisfaction(
    facts: Facts, zone: Calendar, today: int, half_life: int = 90, penalty: float = 10
) -> int | None:
    """Satisfaction in whole points, 0 to 100; unknown without an answer.

    The mean of the newest 32 answers on a scale of 0 to 100, where an answer counts half as much as
    one that is `half_life` days newer, less `penalty` points for each complaint, which fade to half
    in as many days.
    """
    mean = _mean(facts, zone, half_life)
    if mean is None:
        return None
    complaints = cases.complaint_buckets(facts, zone)
    return _points(mean, _cost(complaints, today, half_life, penalty))


def _points(mean: float, cost: float) -> int:
    return round(max(0.0, mean - cost))


def _cost(complaints: Series, today: int, half_life: int, penalty: float) -> float:
    """Return the points that complaints by day cost today."""
    cost = 0.0
    for day, count in zip(*complaints, strict=True):
        age = max(0, today - day)
        if age <= _FORGOTTEN * half_life:
            cost += count * penalty * _half_by(age, half_life)
    return cost


def _mean(facts: Facts, zone: Calendar, half_life: int) -> float | None:
    answers = list(_answers(facts, zone))
    if not answers:
        return None
    newest = max(day for day, _ in answers)
    weights = [_half_by(newest - day, half_life) for day, _ in answers]
    weighed = zip(weights, answers, strict=True)
    return sum(weight * points for weight, (_, points) in weighed) / sum(weights)


def _half_by(age_days: int, half_life: int) -> float:
    return float(0.5 ** (age_days / half_life))


def _answers(facts: Facts, zone: Calendar) -> Iterator[tuple[int, float]]:
    """Yield the day and the points of every answer; one without a score has its polarity's."""
    for case in cases.feedback_cases(facts):
        if case.given_at is None:
            continue
        _, _, metric, polarity, _, _, score = case.value
        scale = _SCALES.get(METRICS[metric])
        if scale is None or not score:
            points = _SATISFIED * polarity / (len(POLARITIES) - 1)
        else:
            lowest, steps = scale
            points = _SATISFIED * min(1.0, max(0.0, (score - 1 - lowest) / steps))
        yield zone.day(case.given_at), points

"""Cases beyond the limits: they are counted as if they were kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import events, fold_cases
from models.customer import Facts
from models.fold_cases import RETRACTED
from tests.models.lives import T0, complaint, feedback, folded

_KEPT = 2
_SEVERITIES: tuple[events.Severity | None, ...] = (None, "low", "high")
_SCORES = (None, 0, 8)
_CORRECTIONS = (None, "amended", "retracted")

# Of each case, in the order of their instants: what was said first, and how it was corrected.
histories = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(_CORRECTIONS)), min_size=1, max_size=6
)
randoms = st.randoms(use_true_random=False)


def in_some_order(
    said: Sequence[events.CustomerEvent],
    corrections: Mapping[int, events.CustomerEvent],
    random: Random,
) -> Facts:
    """Fold cases in any order; a correction comes first only to those that are kept in the end."""
    happened = [*said, *corrections.values()]
    random.shuffle(happened)
    for number, correction in corrections.items():
        first, then = happened.index(said[number]), happened.index(correction)
        if then < first and number < len(said) - _KEPT:
            happened[first], happened[then] = correction, said[number]
    return folded(happened)


@given(histories, randoms)
def test_complaints_are_counted_alike_whether_kept_or_not(
    history: list[tuple[int, str | None]], random: Random
) -> None:
    opened, corrections, expected = [], {}, Counter[str]()
    for number, (what, correction) in enumerate(history):
        severity, key = _SEVERITIES[what], f"k{number}"
        opened.append(complaint(T0 + number, key=key, severity=severity))
        if correction is not None:
            was = events.ComplaintValues(
                occurred_at=T0 + number, type="delivery", severity=severity
            )
            corrections[number] = complaint(
                T0 + 100, correction, key, type="billing", severity="critical", original=was
            )
        if correction is None:
            expected[f"c:2{0 if severity is None else 1 + events.SEVERITIES.index(severity)}"] += 1
        elif correction == "amended":
            expected["c:34"] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_cases, "COMPLAINTS_MAX", _KEPT)
        facts = in_some_order(opened, corrections, random)
    counted = Counter({name: sum(values) for name, (_, values) in facts.series.items()})
    for case in facts.complaints:
        if case.status[1] != RETRACTED:
            counted[f"c:{case.detail[1]}{case.detail[2]}"] += 1
    assert +counted == expected
    assert [case.opened_at for case in facts.complaints] == [
        event.occurred_at for event in opened[-_KEPT:]
    ]


@given(histories, randoms)
def test_feedback_is_counted_alike_whether_kept_or_not(
    history: list[tuple[int, str | None]], random: Random
) -> None:
    answers, corrections, expected = [], {}, Counter[str]()
    for number, (what, correction) in enumerate(history):
        score, key = _SCORES[what], f"f{number}"
        answers.append(feedback(T0 + number, key=key, score=score))
        if correction is not None:
            was = events.FeedbackValues(
                occurred_at=T0 + number, metric="nps", polarity="positive", score=score
            )
            corrections[number] = feedback(T0 + 100, correction, key, score=3, original=was)
        if correction != "retracted":
            _count(expected, 3 if correction == "amended" else score)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_cases, "FEEDBACK_MAX", _KEPT)
        facts = in_some_order(answers, corrections, random)
    counted = Counter({name: sum(values) for name, (_, values) in facts.series.items()})
    for case in facts.feedback:
        if not case.value[1]:
            _count(counted, case.value[-1] - 1 if case.value[-1] else None)
    assert +counted == +expected
    assert [case.given_at for case in facts.feedback] == [
        event.occurred_at for event in answers[-_KEPT:]
    ]


def _count(counts: Counter[str], score: int | None) -> None:
    """Count a feedback, those with a score, and its points."""
    counts["f:12"] += 1
    if score is not None:
        counts["fn:12"] += 1
        counts["fs:12"] += score

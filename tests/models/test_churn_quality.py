"""Figures of predictions against cases worked out by hand and against their plain definitions."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn_history import Flags, Floats
from models.churn_quality import auc, average_precision, lift, log_loss, quality, reliability

cases = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()),
    min_size=1, max_size=40,
)  # fmt: skip


def arrays(listed: list[tuple[float, bool]]) -> tuple[Floats, Flags]:
    risk, churned = zip(*listed, strict=True)
    return np.array(risk, float), np.array(churned, bool)


def test_a_case_worked_out_by_hand() -> None:
    risk, churned = arrays([(0.9, True), (0.8, False), (0.7, True), (0.2, False)])
    found = quality(risk, churned)
    assert found.customers == 4
    assert found.churn_rate == 0.5
    assert found.predicted_rate == pytest.approx(0.65)
    assert found.auc == 0.75, "3 of 4 pairs are in order"
    assert found.pr_auc == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found.brier == pytest.approx((0.01 + 0.64 + 0.09 + 0.04) / 4)
    expected = -(np.log(0.9) + np.log(0.2) + np.log(0.7) + np.log(0.8)) / 4
    assert found.log_loss == pytest.approx(expected)
    assert found.lift_10 == pytest.approx(2.0)
    assert found.ece == pytest.approx((0.1 + 0.8 + 0.3 + 0.2) / 4)


@given(cases)
def test_auc_is_the_share_of_pairs_in_order(listed: list[tuple[float, bool]]) -> None:
    pairs = [
        0.5 if high == low else float(high > low)
        for high, churned in listed if churned
        for low, other in listed if not other
    ]  # fmt: skip
    found = auc(*arrays(listed))
    if not pairs:
        assert found is None
    else:
        assert found == pytest.approx(sum(pairs) / len(pairs))


@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_the_customers_is_no_matter(
    listed: list[tuple[float, bool]], order: Random
) -> None:
    shuffled = list(listed)
    order.shuffle(shuffled)
    one, other = quality(*arrays(listed)), quality(*arrays(shuffled))
    for name in ("auc", "pr_auc", "brier", "log_loss", "ece", "lift_10"):
        assert getattr(one, name) == pytest.approx(getattr(other, name)), name


@given(cases)
def test_bins_hold_everybody_once(listed: list[tuple[float, bool]]) -> None:
    risk, churned = arrays(listed)
    bins = reliability(risk, churned)
    assert sum(each.customers for each in bins) == len(listed)
    sizes = {each.customers for each in bins}
    assert max(sizes) - min(sizes) <= 1
    for values, name in ((risk, "predicted"), (churned, "realised")):
        total = sum(each.customers * getattr(each, name) for each in bins)
        assert total == pytest.approx(float(values.sum()))


def test_the_best_and_the_blind_guess() -> None:
    churned = np.arange(1_000) < 200
    perfect = churned.astype(np.float64)
    assert auc(perfect, churned) == 1.0
    assert average_precision(perfect, churned) == 1.0
    assert lift(perfect, churned) == pytest.approx(5.0)
    same = np.full(1_000, 0.2)
    assert auc(same, churned) == 0.5
    assert average_precision(same, churned) == pytest.approx(0.2)
    assert lift(same, churned) == pytest.approx(1.0)
    assert quality(same, churned).ece == pytest.approx(0.0)


def test_where_all_or_nobody_churned_there_is_nothing_to_rank() -> None:
    risk = np.array([0.2, 0.7])
    nobody, everybody = np.zeros(2, bool), np.ones(2, bool)
    assert (auc(risk, nobody), average_precision(risk, nobody), lift(risk, nobody)) == (None,) * 3
    assert (auc(risk, everybody), average_precision(risk, everybody)) == (None, None)


def test_a_certainty_that_fails_is_costly_but_finite() -> None:
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(27.6, abs=0.1)

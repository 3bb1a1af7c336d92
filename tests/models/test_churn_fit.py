"""Fitting: the gradient, shared histories, agreement with the path of an event, what is refused."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import churn, churn_forecast
from models.churn import MbgNbd, log_dead
from models.churn_fit import Family, Unfittable, fit, log_likelihood
from models.churn_history import Histories
from models.gamma_gamma import GammaGamma, expected_amount
from models.gamma_gamma import fit as fit_spend
from tests.churn.simulated import ages, population

positive = st.floats(-3.0, 3.0).map(exp)
models = st.builds(MbgNbd, r=positive, alpha_days=positive.map(lambda v: 30 * v), a=positive,
                   b=positive)  # fmt: skip
# As far as a fit goes where hardly anybody leaves, or nearly all do at once.
extreme = models | st.builds(
    MbgNbd, r=positive, alpha_days=st.floats(1.0, 1_000.0),
    a=st.sampled_from([1.3e-4, 1.0, 8_000.0]), b=st.sampled_from([1.3e-4, 1.0, 8_000.0]),
)  # fmt: skip
families: st.SearchStrategy[Family] = st.sampled_from(["mbg-nbd", "bg-nbd"])
rows = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 700), st.integers(0, 400)), min_size=1, max_size=20
)


def histories(listed: list[tuple[int, int, int]]) -> Histories:
    """Return histories of (x, t_x, silence); who bought once has t_x = 0."""
    x, last, silence = (np.array(column) for column in zip(*listed, strict=True))
    last = np.where(x > 0, last, 0)
    return Histories(x, last, last + silence, np.ones_like(x))


@given(models, rows, st.floats(1.0, 730.0))
def test_many_at_once_are_scored_as_one_by_one(
    model: MbgNbd, listed: list[tuple[int, int, int]], horizon_days: float
) -> None:
    some = histories(listed)
    alive = churn_forecast.p_alive(model, some)
    risks = churn_forecast.risk(model, some, horizon_days)
    for index in range(len(some)):
        x, last, age = (
            int(each[index]) for each in (some.repeats, some.last_age_days, some.age_days)
        )
        ell = log_dead(model, x, last)
        assert alive[index] == pytest.approx(churn.p_alive(model, x, ell, age), abs=1e-12)
        assert risks[index] == pytest.approx(churn.risk(model, x, ell, age, horizon_days), abs=1e-9)


@given(extreme, rows, st.floats(1.0, 730.0), families)
def test_expected_purchases_lie_between_none_and_those_of_an_immortal(
    model: MbgNbd, listed: list[tuple[int, int, int]], horizon_days: float, family: Family
) -> None:
    some = histories(listed)
    expected = churn_forecast.expected_purchases(model, some, horizon_days, family)
    pace = (model.r + some.repeats) / (model.alpha_days + some.age_days)
    assert np.all(expected >= -1e-9)
    # The difference of two nearly equal numbers where hardly anybody drops out.
    assert np.all(expected <= pace * horizon_days * (1 + 1e-3))
    assert np.all(expected >= 1.0 - churn_forecast.risk(model, some, horizon_days, family) - 1e-6)


@given(models, rows, families)
def test_a_shared_history_counts_as_often_as_it_occurs(
    model: MbgNbd, listed: list[tuple[int, int, int]], family: Family
) -> None:
    some = histories(listed * 3)
    distinct = some.distinct()
    assert len(distinct) <= len(listed)
    assert int(distinct.customers.sum()) == 3 * len(listed)
    thrice = log_likelihood(model, some, family)
    assert thrice == pytest.approx(3 * log_likelihood(model, histories(listed), family))
    assert thrice == pytest.approx(log_likelihood(model, distinct, family))


@pytest.mark.parametrize("family", ["mbg-nbd", "bg-nbd"])
def test_a_fit_is_a_summit(family: Family) -> None:
    rng = np.random.default_rng(5)
    true = MbgNbd(r=0.8, alpha_days=40.0, a=0.9, b=2.5)
    some, _ = population(true, ages(3_000, 500, rng), 90.0, rng)
    fitted = fit(some, family, with_prior=False)
    best = fitted.model
    for name in ("r", "alpha_days", "a", "b"):
        for factor in (0.98, 1.02):
            beside = MbgNbd(
                **{
                    each: getattr(best, each) * (factor if each == name else 1.0)
                    for each in ("r", "alpha_days", "a", "b")
                }
            )
            assert log_likelihood(beside, some, family) < fitted.log_likelihood


def test_too_few_customers_are_refused_with_what_to_do() -> None:
    with pytest.raises(Unfittable, match=r"29 customers are too few.*30 are needed.*default model"):
        fit(histories([(1, 10, 20)] * 29))


def test_without_repeat_purchases_nothing_can_be_fitted() -> None:
    with pytest.raises(Unfittable, match=r"two different days.*customer column"):
        fit(histories([(0, 0, 20)] * 50))


def test_spending_is_drawn_towards_the_mean_the_less_is_known() -> None:
    model = GammaGamma(p=6.0, q=3.5, v=15.0)
    expected = expected_amount(model, np.array([0, 1, 5, 500]), np.full(4, 80.0))
    assert expected[0] == pytest.approx(6.0 * 15.0 / 2.5)
    assert list(expected) == sorted(expected)
    assert expected[-1] == pytest.approx(80.0, rel=0.01)


def test_spending_of_known_parameters_is_recovered() -> None:
    rng = np.random.default_rng(6)
    p, q, v = 6.0, 3.5, 15.0
    rate = rng.gamma(q, 1.0 / v, 20_000)
    days = rng.integers(1, 10, 20_000)
    mean = rng.gamma(p * days, 1.0 / rate) / days
    found = fit_spend(days, mean)
    assert (found.p, found.q, found.v) == pytest.approx((p, q, v), rel=0.05)


def test_spending_needs_customers_who_spent() -> None:
    with pytest.raises(Unfittable, match=r"0 customers with amounts.*amount column"):
        fit_spend(np.ones(100, np.int64), np.zeros(100))
    with pytest.raises(ValueError, match="q must be a positive"):
        GammaGamma(p=1.0, q=0.0, v=1.0)
    without_mean = GammaGamma(p=1.0, q=0.5, v=1.0)
    assert np.isnan(expected_amount(without_mean, np.array([3]), np.array([2.0]))).all()

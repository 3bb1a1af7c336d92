"""The churn model against published and hand-checked values, and the laws it must keep."""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import exp, inf, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn import (
    PRIOR,
    Coins,
    MbgNbd,
    expected_next,
    log_dead,
    p_alive,
    risk,
    risk_factors,
)

WEEK = 7.0
# Fitted to the CDNOW sample (2,357 customers, 39 weeks), as published, rounded.
CDNOW = MbgNbd(r=0.525, alpha_days=6.183 * WEEK, a=0.891, b=1.614)

positive = st.floats(-9.0, 9.0).map(exp)
models = st.builds(MbgNbd, r=positive, alpha_days=positive, a=positive, b=positive)
repeats = st.integers(0, 2_000)
days = st.floats(0.0, 7_300.0)
horizons = st.floats(1.0, 730.0)
coins = st.floats(0.0, 0.95)


def weeks_after(t_x_weeks: float, *ages_and_coins: tuple[float, float]) -> float:
    """Return `ell` of a customer with x = 4; everything in weeks."""
    in_days = [(age * WEEK, coin) for age, coin in ages_and_coins]
    return log_dead(CDNOW, 4, t_x_weeks * WEEK, in_days)


@pytest.mark.parametrize(
    ("x", "t_x", "age", "alive", "risk_39"),
    [
        (0, 0.0, 38.86, 0.389735, 0.891171),
        (1, 1.71, 38.86, 0.170836, 0.895156),
        (2, 30.43, 38.86, 0.706202, 0.440006),
        (7, 29.43, 38.86, 0.622724, 0.382977),
        (26, 30.86, 31.0, 0.965566, 0.034434),
        (12, 35.0, 36.0, 0.918790, 0.081463),
    ],
)
def test_golden_values_of_cdnow(
    x: int, t_x: float, age: float, alive: float, risk_39: float
) -> None:
    ell = log_dead(CDNOW, x, t_x * WEEK)
    assert p_alive(CDNOW, x, ell, age * WEEK) == pytest.approx(alive, abs=1e-5)
    assert risk(CDNOW, x, ell, age * WEEK, 39 * WEEK) == pytest.approx(risk_39, abs=1e-5)


@pytest.mark.parametrize(
    ("complaints", "alive", "risk_13"),
    [
        ([], 0.768055, 0.383834),
        ([(21.0, 0.2)], 0.562122, 0.549042),
        ([(21.0, 0.2), (23.0, 0.4)], 0.325230, 0.739087),
    ],
)
def test_golden_values_of_complaints(
    complaints: list[tuple[float, float]], alive: float, risk_13: float
) -> None:
    ell = weeks_after(20.0, *complaints)
    assert p_alive(CDNOW, 4, ell, 24 * WEEK) == pytest.approx(alive, abs=1e-5)
    assert risk(CDNOW, 4, ell, 24 * WEEK, 13 * WEEK) == pytest.approx(risk_13, abs=1e-5)


def test_a_critical_complaint_one_week_after_the_last_purchase() -> None:
    before, now, horizon_days = weeks_after(20.0), 21 * WEEK, 90.0
    critical = (now, Coins().complaint("critical", resolved_well=False))
    after = log_dead(CDNOW, 4, 20 * WEEK, [critical])
    assert risk(CDNOW, 4, before, now, horizon_days) == pytest.approx(0.30, abs=5e-3)
    assert risk(CDNOW, 4, after, now, horizon_days) == pytest.approx(0.5825, abs=5e-5)
    assert p_alive(CDNOW, 4, after, now) == pytest.approx(0.5050, abs=5e-5)

    factors = risk_factors(CDNOW, 4, 20 * WEEK, now, horizon_days, complaints=[critical])
    assert factors.complaint == pytest.approx(1.651, abs=5e-4)
    assert factors.silence == pytest.approx(0.170, abs=5e-4)
    assert factors.low_rate < 0.0, "alive, she buys every five weeks: that speaks against a risk"
    assert factors.feedback == 0.0


def test_the_default_prior_is_the_documented_one() -> None:
    assert MbgNbd(r=0.5, alpha_days=42.0, a=0.8, b=2.5) == PRIOR
    assert p_alive(PRIOR, 0, log_dead(PRIOR, 0, 0.0), 0.0) == pytest.approx(2.5 / 3.3)


def test_coins_by_severity_and_recovery() -> None:
    usual = Coins()
    assert usual.complaint("low", resolved_well=False) == 0.02
    assert usual.complaint("medium", resolved_well=False) == 0.08
    assert usual.complaint("high", resolved_well=False) == 0.20
    assert usual.complaint("high", resolved_well=True) == pytest.approx(0.08)
    assert usual.complaint("critical", resolved_well=False) == 0.40
    assert usual.detractor == 0.03


@pytest.mark.parametrize("value", [0.0, -1.0, 1e15, inf, nan])
@pytest.mark.parametrize("name", ["r", "alpha_days", "a", "b"])
def test_impossible_parameters_are_refused_by_name(name: str, value: float) -> None:
    parameters = {"r": 0.5, "alpha_days": 42.0, "a": 0.8, "b": 2.5, name: value}
    with pytest.raises(ValueError, match=f"{name} must be positive and at most 1e9.*default"):
        MbgNbd(**parameters)


@pytest.mark.parametrize("value", [-0.01, 1.0, nan])
def test_a_coin_is_a_probability_below_one(value: float) -> None:
    with pytest.raises(ValueError, match="critical must be at least 0 and below 1"):
        Coins(critical=value)


def test_a_frequent_buyer_of_long_ago_does_not_overflow() -> None:
    ell = log_dead(CDNOW, 800, 0.0, [(1.0, 0.4)])
    assert p_alive(CDNOW, 800, ell, 500 * WEEK) == 0.0
    assert risk(CDNOW, 800, ell, 500 * WEEK, 90.0) == 1.0


def test_where_nobody_leaves_the_model_is_nbd() -> None:
    nbd = MbgNbd(r=0.5, alpha_days=42.0, a=1e-300, b=2.5)
    ell = log_dead(nbd, 3, 100.0)
    assert p_alive(nbd, 3, ell, 400.0) == 1.0
    assert risk(nbd, 3, ell, 400.0, 90.0) == pytest.approx((442 / 532) ** 3.5)


def test_a_purchase_proves_that_earlier_complaints_did_not_drive_her_away() -> None:
    complained = log_dead(CDNOW, 4, 140.0, [(147.0, 0.4)])
    assert complained > log_dead(CDNOW, 4, 140.0)
    assert log_dead(CDNOW, 5, 150.0, [(147.0, 0.4)]) == log_dead(CDNOW, 5, 150.0)
    assert log_dead(CDNOW, 5, 147.0, [(147.0, 0.4)]) > log_dead(CDNOW, 5, 147.0), "at once: counts"


def test_expected_next_is_the_middle_half_of_those_alive() -> None:
    expected = expected_next(CDNOW, 4, 147.0)
    assert expected is not None
    immortal = MbgNbd(r=CDNOW.r, alpha_days=CDNOW.alpha_days, a=1e-300, b=CDNOW.b)
    ell = log_dead(immortal, 4, 140.0)
    assert [1.0 - risk(immortal, 4, ell, 147.0, wait) for wait in expected] == pytest.approx(
        [0.25, 0.75]
    )
    assert expected == pytest.approx((12.4902, 68.2111), abs=1e-4)


def test_a_purchase_that_takes_a_century_is_not_expected() -> None:
    assert expected_next(MbgNbd(r=1e-4, alpha_days=42.0, a=0.8, b=2.5), 0, 1.0) is None


@given(models, repeats, days, st.lists(st.tuples(days, coins), max_size=8), days, horizons)
def test_values_are_probabilities_and_nothing_overflows(
    model: MbgNbd,
    x: int,
    t_x: float,
    thrown: list[tuple[float, float]],
    silence: float,
    horizon: float,
) -> None:
    later = [(t_x + wait, coin) for wait, coin in thrown]
    ell = log_dead(model, x, t_x, later)
    alive = p_alive(model, x, ell, t_x + silence)
    at_risk = risk(model, x, ell, t_x + silence, horizon)
    assert 0.0 <= alive <= 1.0
    assert 1.0 - alive <= at_risk <= 1.0, "who has left buys nothing"
    assert ell == log_dead(model, x, t_x, reversed(later)), "the order of arrival is no matter"


@given(models, repeats, days, days, days, horizons)
def test_risk_never_falls_while_nothing_happens(
    model: MbgNbd, x: int, t_x: float, silence: float, more: float, horizon: float
) -> None:
    ell = log_dead(model, x, t_x)
    now = risk(model, x, ell, t_x + silence, horizon)
    later = risk(model, x, ell, t_x + silence + more, horizon)
    assert later >= now - 1e-12


@given(models, repeats, days, st.lists(st.tuples(days, coins), max_size=7), days, coins, horizons)
def test_one_more_complaint_never_lowers_the_risk(
    model: MbgNbd,
    x: int,
    t_x: float,
    thrown: list[tuple[float, float]],
    wait: float,
    coin: float,
    horizon: float,
) -> None:
    before = [(t_x + when, q) for when, q in thrown]
    now = max([t_x + wait, *(age for age, _ in before)])
    without = log_dead(model, x, t_x, before)
    with_one_more = log_dead(model, x, t_x, [*before, (t_x + wait, coin)])
    assert with_one_more >= without
    assert risk(model, x, with_one_more, now, horizon) >= risk(model, x, without, now, horizon)


@given(
    models, st.integers(0, 50), days, st.lists(st.tuples(days, coins), max_size=4), days, horizons
)
def test_log_space_agrees_with_the_formula_in_fifty_digits(
    model: MbgNbd,
    x: int,
    t_x: float,
    thrown: list[tuple[float, float]],
    silence: float,
    horizon: float,
) -> None:
    later = sorted((t_x + wait, coin) for wait, coin in thrown)
    ell = log_dead(model, x, t_x, later)
    with localcontext(prec=50):
        n = Decimal(model.r) + x
        alpha, age = Decimal(model.alpha_days), Decimal(t_x + silence)
        dead = Decimal(model.a) / (Decimal(model.b) + x) * (alpha + Decimal(t_x)) ** -n
        for when, coin in later:
            q = Decimal(coin)
            dead = (dead + q * (alpha + Decimal(when)) ** -n) / (1 - q)
        alive = 1 / (1 + dead * (alpha + age) ** n)
        purchase = 1 - ((alpha + age) / (alpha + age + Decimal(horizon))) ** n
        expected = float(1 - alive * purchase)
    assert risk(model, x, ell, t_x + silence, horizon) == pytest.approx(expected, abs=1e-10)


@given(models, repeats, days, days, horizons)
def test_risk_without_complaints_follows_from_its_factors(
    model: MbgNbd, x: int, t_x: float, silence: float, horizon: float
) -> None:
    factors = risk_factors(model, x, t_x, t_x + silence, horizon)
    assert factors.silence >= 0.0
    assert factors.complaint == factors.feedback == 0.0
    log_odds_dead = log(model.a / (model.b + x)) + factors.silence
    alive = 1.0 / (1.0 + exp(min(log_odds_dead, 700.0)))
    purchase = 1.0 / (1.0 + exp(min(factors.low_rate, 700.0)))
    at_risk = risk(model, x, log_dead(model, x, t_x), t_x + silence, horizon)
    assert at_risk == pytest.approx(1.0 - alive * purchase, abs=1e-9)

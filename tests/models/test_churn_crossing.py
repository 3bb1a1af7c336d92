"""The moment at which the risk reaches a threshold: known cases, and exactness as a law."""

from __future__ import annotations

from math import exp, nan, nextafter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from models.calendar import DAY_S, rfc3339
from models.churn import PRIOR, MbgNbd, log_dead, risk
from models.churn_crossing import crossing_age, crossing_at

WEEK = 7.0
# Fitted to the CDNOW sample (2,357 customers, 39 weeks), as published, rounded.
CDNOW = MbgNbd(r=0.525, alpha_days=6.183 * WEEK, a=0.891, b=1.614)

positive = st.floats(-9.0, 9.0).map(exp)
models = st.builds(MbgNbd, r=positive, alpha_days=positive, a=positive, b=positive)
repeats = st.integers(0, 2_000)
days = st.floats(0.0, 7_300.0)
horizons = st.floats(1.0, 730.0)
thresholds = st.floats(0.01, 0.99)


def test_a_regular_customer_falls_silent() -> None:
    ell = log_dead(CDNOW, 4, 20 * WEEK)
    age_days = crossing_age(CDNOW, 4, ell, 0.75, 13 * WEEK, 20 * WEEK)
    assert age_days is not None
    assert age_days / WEEK == pytest.approx(38.2991, abs=5e-5)


def test_after_a_critical_complaint_high_risk_has_a_date() -> None:
    first = 1_767_585_600  # 2026-01-05T04:00:00Z
    complained_at = first + 21 * 7 * DAY_S
    ell = log_dead(CDNOW, 4, 20 * WEEK, [(21 * WEEK, 0.4)])
    at = crossing_at(
        CDNOW,
        4,
        ell,
        threshold=0.75,
        horizon_days=90.0,
        first_purchase_at=first,
        after=complained_at,
    )
    assert at is not None
    assert rfc3339(complained_at) == "2026-06-01T04:00:00Z"
    assert rfc3339(at) == "2026-07-06T15:02:38Z", "reached 0.14 s after 15:02:37, so rounded up"


def test_a_threshold_that_is_reached_already_is_crossed_at_once() -> None:
    ell = log_dead(PRIOR, 0, 0.0)
    assert risk(PRIOR, 0, ell, 400.0, 90.0) > 0.5
    assert crossing_age(PRIOR, 0, ell, 0.5, 90.0, 400.0) == 400.0
    assert (
        crossing_at(
            PRIOR,
            0,
            ell,
            threshold=0.5,
            horizon_days=90.0,
            first_purchase_at=0,
            after=400 * DAY_S,
        )
        == 400 * DAY_S
    )


def test_where_nobody_leaves_silence_still_crosses() -> None:
    nbd = MbgNbd(r=0.5, alpha_days=42.0, a=1e-300, b=2.5)
    age_days = crossing_age(nbd, 3, log_dead(nbd, 3, 100.0), 0.5, 90.0, 100.0)
    # ((alpha + T) / (alpha + T + 90))^3.5 = 0.5
    assert age_days == pytest.approx(90.0 / (2 ** (1 / 3.5) - 1) - 42.0, abs=2e-6)


def test_a_crossing_beyond_a_century_is_none() -> None:
    nbd = MbgNbd(r=0.5, alpha_days=42.0, a=1e-300, b=2.5)
    ell = log_dead(nbd, 100, 1_000.0)
    assert crossing_age(nbd, 100, ell, 0.9, 90.0, 1_000.0) is None
    assert (
        crossing_at(
            nbd,
            100,
            ell,
            threshold=0.9,
            horizon_days=90.0,
            first_purchase_at=0,
            after=1_000 * DAY_S,
        )
        is None
    )


@pytest.mark.parametrize("threshold", [0.0, 1.0, 75.0, nan])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        crossing_age(PRIOR, 0, log_dead(PRIOR, 0, 0.0), threshold, 90.0, 0.0)


@example(MbgNbd(r=exp(8.5), alpha_days=1.0, a=1.0, b=1.0), 0, 3_128.0, 0.0, 0.5625, 1.75)
@given(models, repeats, days, days, thresholds, horizons)
def test_the_age_is_within_its_rounding_of_the_crossing(
    model: MbgNbd, x: int, t_x: float, silence: float, threshold: float, horizon: float
) -> None:
    ell = log_dead(model, x, t_x)
    after = t_x + silence
    age_days = crossing_age(model, x, ell, threshold, horizon, after)
    if age_days is None:
        assert risk(model, x, ell, after + 36_500.0, horizon) < threshold
        return
    assert age_days >= after
    assert risk(model, x, ell, age_days + 1e-6, horizon) >= threshold
    if age_days > after:
        assert risk(model, x, ell, max(after, age_days - 2e-6), horizon) < threshold


@given(
    models,
    repeats,
    st.integers(0, 7_300 * DAY_S),
    st.lists(st.tuples(days, st.floats(0.0, 0.95)), max_size=3),
    st.integers(0, 7_300 * DAY_S),
    thresholds,
    horizons,
)
def test_the_second_is_the_first_at_which_the_risk_is_reached(
    model: MbgNbd,
    x: int,
    last_s: int,
    thrown: list[tuple[float, float]],
    silence_s: int,
    threshold: float,
    horizon: float,
) -> None:
    first = 1_700_000_000
    after = first + last_s + silence_s
    t_x = last_s / DAY_S
    ell = log_dead(model, x, t_x, [(t_x + wait, coin) for wait, coin in thrown])

    def risk_at(at: int) -> float:
        return risk(model, x, ell, (at - first) / DAY_S, horizon)

    at = crossing_at(
        model,
        x,
        ell,
        threshold=threshold,
        horizon_days=horizon,
        first_purchase_at=first,
        after=after,
    )
    if at is None:
        assert risk_at(after + 36_500 * DAY_S) < threshold
        return
    assert at >= after
    assert risk_at(at) >= threshold
    assert at == after or risk_at(at - 1) < threshold


@given(st.integers(0, 20), st.integers(0, 1_000), st.integers(1, 300))
def test_a_crossing_on_a_whole_second_is_not_lost_to_rounding(
    x: int, last_day: int, silent_days: int
) -> None:
    ell = log_dead(CDNOW, x, float(last_day))
    there = risk(CDNOW, x, ell, float(last_day + silent_days), 90.0)
    assume(there < 0.99)

    def reached(threshold: float) -> int | None:
        return crossing_at(
            CDNOW,
            x,
            ell,
            threshold=threshold,
            horizon_days=90.0,
            first_purchase_at=0,
            after=last_day * DAY_S,
        )

    on_the_second = (last_day + silent_days) * DAY_S
    assert reached(there) == on_the_second
    assert reached(nextafter(there, 1.0)) == on_the_second + 1

"""When a customer's churn risk will reach a threshold if nothing happens.

Between events the risk only rises (see `models.churn`), so the moment can be computed once and put
into a timer; nobody has to be looked at in between.
"""

from __future__ import annotations

from math import ceil, exp, expm1, log, log1p

from models.calendar import DAY_S
from models.churn import FORECAST_DAYS_MAX, MbgNbd, risk

_ROUNDING_DAYS = 1e-6
_NEWTON_STEPS_MAX = 64  # about five are needed, ten in extreme cases
_NEWTON_ERROR = 1e-12
"""In ln(days): what is left after a step is about its square times the shape."""


def crossing_age(
    model: MbgNbd,
    x: int,
    ell: float,
    threshold: float,
    horizon_days: float,
    after_age_days: float,
) -> float | None:
    """Return the first age, from `after_age_days` on, at which the risk is `threshold` or more.

    `threshold` lies strictly between 0 and 1; ValueError otherwise. The result is rounded up to
    1e-6 days, and it is that close to the true crossing; `crossing_at` is exact. None if it lies
    more than a century ahead.

    With y = ln(alpha + T), the logarithm of 1 - risk is concave and falls as y grows. It is

        ln(1 - e^(-n v)) - ln(1 + e^(l + n y)),   v = ln(1 + horizon e^-y).

    The second term is a softplus. The first has the slope -n (1 - e^-v) / (e^(n v) - 1), which
    falls with y, because 1 / (e^v - 1) < 1 / v < n / (1 - e^(-n v)). So Newton's method that starts
    late comes down on the crossing without ever passing it, and there is a late start in closed
    form: the age at which having left alone, or buying too slowly alone, would reach the threshold.
    """
    if not 0.0 < threshold < 1.0:
        message = f"a risk threshold lies strictly between 0 and 1, not {threshold!r}"
        raise ValueError(message)
    shape, alpha = model.r + x, model.alpha_days
    target = log1p(-threshold)
    slow = -log(threshold) / shape
    y = min(
        (log(threshold) - target - ell) / shape,
        log(horizon_days) - slow - log(-expm1(-slow)),
    )
    latest_age_days = after_age_days + FORECAST_DAYS_MAX
    if y > log(alpha + latest_age_days):
        if risk(model, x, ell, latest_age_days, horizon_days) < threshold:
            return None
        y = log(alpha + latest_age_days)
    earliest = log(alpha + after_age_days)
    for _ in range(_NEWTON_STEPS_MAX):
        if y <= earliest:
            return after_age_days
        odds_dead = exp(ell + shape * y)
        horizons = horizon_days * exp(-y)
        purchase = -expm1(-shape * log1p(horizons))
        value = log(purchase / (1.0 + odds_dead))
        step = (target - value) / (
            shape * (horizons / (1.0 + horizons) * (1.0 / purchase - 1.0))
            + shape * (odds_dead / (1.0 + odds_dead))
        )
        y -= step
        if shape * step * step < _NEWTON_ERROR:
            break
    if y <= earliest:
        return after_age_days
    age_days = ceil((exp(y) - alpha) / _ROUNDING_DAYS) * _ROUNDING_DAYS
    return max(age_days, after_age_days)


def crossing_at(
    model: MbgNbd,
    x: int,
    ell: float,
    *,
    threshold: float,
    horizon_days: float,
    first_purchase_at: int,
    after: int,
) -> int | None:
    """Return the first whole second, from `after` on, at which the risk is `threshold` or more.

    Instants are seconds since 1970. Exact: at the result `risk` has reached the threshold, and a
    second earlier it had not. None if it lies more than a century ahead of `after`.
    """

    def reached(at: int) -> bool:
        age_days = (at - first_purchase_at) / DAY_S
        return risk(model, x, ell, age_days, horizon_days) >= threshold

    after_age_days = (after - first_purchase_at) / DAY_S
    age_days = crossing_age(model, x, ell, threshold, horizon_days, after_age_days)
    if age_days is None:
        return None
    at = max(after, first_purchase_at + ceil(age_days * DAY_S))
    # At most a step or two: `at` is within a tenth of a second of the crossing.
    while at > after and reached(at - 1):
        at -= 1
    while not reached(at):
        at += 1
    return at

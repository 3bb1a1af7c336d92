"""How much a customer is expected to buy: the mean of MBG/NBD, for one customer at a time.

`churn_forecast` computes the same for many customers at once, with libraries that the path of an
event does without.
"""

from __future__ import annotations

from math import expm1, log1p

from models.churn import MbgNbd, p_alive

_SINGULAR = 1e-9  # around a = 1 the formula is 0 / 0, though its limit is not
_TERMS_MAX = 10_000
_PRECISION = 1e-12


def expected_purchases(
    model: MbgNbd, x: int, ell: float, age_days: float, horizon_days: float
) -> float:
    """Return how many days with a purchase the horizon brings on average; `ell` as in `log_dead`.

    P(alive) times the mean of (1 - e^(-lambda p H)) / p over what the history leaves open (Fader,
    Hardie and Lee 2005, equation 10, with one more coin survived). With c = a + b + x and
    z = H / (alpha + T + H), after Euler's transformation of the hypergeometric function F:

        c / (a - 1) (1 - (1 - z)^u F(u, c - v; c; z))

    where u and v are n and a - 1: either may be which, and with the smaller as u the series is
    short. Around a = 1 the power and F are 1 and a little, so it is the little that is computed.
    """
    a = model.a if abs(model.a - 1.0) > _SINGULAR else 1.0 + _SINGULAR
    z = horizon_days / (model.alpha_days + age_days + horizon_days)
    c = a + model.b + x
    n = model.r + x
    u, v = min(n, a - 1.0), max(n, a - 1.0)
    series = _hypergeometric_less_1(u, c - v, c, z)
    power = expm1(u * log1p(-z))
    lasting = -power - (1.0 + power) * series
    return max(0.0, p_alive(model, x, ell, age_days) * c / (a - 1.0) * lasting)


def _hypergeometric_less_1(a: float, b: float, c: float, z: float) -> float:
    """Return Gauss's F(a, b; c; z) - 1 by its series; 0 <= z < 1, c > 0."""
    total, term = 0.0, 1.0
    for k in range(_TERMS_MAX):
        term *= (a + k) * (b + k) / ((c + k) * (k + 1)) * z
        total += term
        if abs(term) <= _PRECISION * abs(total):
            break
    return total

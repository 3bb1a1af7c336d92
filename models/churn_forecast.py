"""What a fitted churn model says of many customers at once: alive, at risk, expected purchases.

The same formulas as `models.churn`, which scores one customer in the path of an event, on arrays;
without complaints. `coins_survived` is the only difference between MBG/NBD and BG/NBD.
"""

from __future__ import annotations

import numpy as np
from scipy.special import hyp2f1

from models.churn import MbgNbd
from models.churn_fit import Family, coins_survived
from models.churn_history import Floats, Histories

_LOG_ODDS_MAX = 700.0  # exp() overflows above 709
_TERMS_MAX = 10_000
_PRECISION = 1e-12
_SINGULAR = 1e-4  # around a = 1 the formula is 0 / 0, though its limit is not


def p_alive(model: MbgNbd, histories: Histories, family: Family = "mbg-nbd") -> Floats:
    """Return the probabilities that customers have not left."""
    log_odds = np.minimum(_log_odds_dead(model, histories, family), _LOG_ODDS_MAX)
    alive: Floats = 1.0 / (1.0 + np.exp(log_odds))
    return alive


def risk(
    model: MbgNbd, histories: Histories, horizon_days: float, family: Family = "mbg-nbd"
) -> Floats:
    """Return the probabilities of no purchase within the horizon (see `models.churn`)."""
    rate = model.alpha_days + histories.age_days
    buys: Floats = -np.expm1(-(model.r + histories.repeats) * np.log1p(horizon_days / rate))
    return 1.0 - p_alive(model, histories, family) * buys


def expected_purchases(
    model: MbgNbd, histories: Histories, horizon_days: float, family: Family = "mbg-nbd"
) -> Floats:
    """Return how many days with a purchase the horizon will bring each customer, on average.

    P(alive) times the mean of (1 - e^(-lambda p H)) / p, for a living customer with the rate lambda
    and the coin p, over what her history leaves open about both (Fader, Hardie and Lee 2005,
    equation 10). With c = a + b + k - 1 and z = H / (alpha + T + H):

        c / (a - 1) (1 - (1 - z)^u F(u, c - v; c; z))

    where u and v are n and a - 1. Euler's transformation of the hypergeometric function says that
    it does not matter which is which; with the smaller one as u all powers stay in range. Around
    a = 1 the line between two neighbours stands for it.
    """
    alive = p_alive(model, histories, family)
    if abs(model.a - 1.0) >= _SINGULAR:
        return alive * _of_the_living(model, model.a, histories, horizon_days, family)
    low = _of_the_living(model, 1.0 - _SINGULAR, histories, horizon_days, family)
    high = _of_the_living(model, 1.0 + _SINGULAR, histories, horizon_days, family)
    share = (model.a - 1.0 + _SINGULAR) / (2.0 * _SINGULAR)
    return alive * (low + share * (high - low))


def _of_the_living(
    model: MbgNbd, a: float, histories: Histories, horizon_days: float, family: Family
) -> Floats:
    rate = (model.alpha_days + histories.age_days).astype(np.float64)
    z = horizon_days / (rate + horizon_days)
    coins = coins_survived(family, histories.repeats).astype(np.float64)
    c = a + model.b + coins - 1.0
    n = model.r + histories.repeats
    u, v = np.minimum(n, a - 1.0), np.maximum(n, a - 1.0)
    purchases: Floats = c / (a - 1.0) * (1.0 - (1.0 - z) ** u * _hypergeometric(u, c - v, c, z))
    return purchases


def _hypergeometric(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    """Return Gauss's F(a, b; c; z), also where SciPy finds no number: b close to 1, c large."""
    values: Floats = hyp2f1(a, b, c, z)
    lost = np.isnan(values)
    if lost.any():
        values[lost] = _series(a[lost], b[lost], c[lost], z[lost])
    return values


def _series(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    total = term = np.ones_like(z)
    for k in range(_TERMS_MAX):
        term = term * (a + k) * (b + k) / ((c + k) * (k + 1)) * z
        total = total + term
        if np.all(np.abs(term) <= _PRECISION * np.abs(total)):
            break
    return total


def _log_odds_dead(model: MbgNbd, histories: Histories, family: Family) -> Floats:
    coins = coins_survived(family, histories.repeats)
    beaten = model.b + np.where(coins > 0, coins - 1, 0)
    log_coin: Floats = np.where(coins > 0, np.log(model.a) - np.log(beaten), -np.inf)
    ages = model.alpha_days + histories.age_days
    silence: Floats = np.log(ages) - np.log(model.alpha_days + histories.last_age_days)
    log_odds: Floats = log_coin + (model.r + histories.repeats) * silence
    return log_odds

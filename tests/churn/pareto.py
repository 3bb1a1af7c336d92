"""Pareto/NBD, to compare with: customers leave at a moment of their own, not after a purchase.

A living customer buys as a Poisson process at her own rate, Gamma(r, alpha) between customers, and
her lifetime is exponential at her own rate, Gamma(s, beta) (Schmittlein, Morrison and Colombo 1987;
formulas as in Fader and Hardie's note 009, "A Note on Deriving the Pareto/NBD Model"). With
n = r + x the likelihood of a history is

    G(n) / G(r) alpha^r beta^s (s / (n + s) A0 + 1 / ((alpha + T)^n (beta + T)^s))

where A0 is a difference of two hypergeometric functions. Four parameters as MBG/NBD has, but four
of these functions for each look at a customer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

from models.churn_history import Floats, Histories

_UNIT_DAYS = 7.0
_LOG_BOUND = 6.0
_TINY = 1e-300
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


class Pareto(NamedTuple):
    """The four parameters; `alpha` and `beta` in weeks."""

    r: float
    alpha: float
    s: float
    beta: float


def fit(histories: Histories) -> Pareto:
    """Return the parameters of the greatest likelihood."""
    rows = histories.distinct()

    def descent(logs: Floats) -> float:
        return -log_likelihood(Pareto(*np.exp(logs).tolist()), rows) / float(rows.customers.sum())

    start, bounds = np.log([0.7, 9.0, 0.5, 12.0]), [(-_LOG_BOUND, _LOG_BOUND)] * 4
    found = minimize(descent, start, method="L-BFGS-B", bounds=bounds)
    return Pareto(*np.exp(found.x).tolist())


def log_likelihood(model: Pareto, histories: Histories) -> float:
    """Return the natural log-likelihood of all customers, with time in weeks."""
    n, _, age, gone = _parts(model, histories)
    r, alpha, s, beta = model
    alive = -n * np.log(alpha + age) - s * np.log(beta + age)
    of_one = (
        gammaln(n) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.logaddexp(alive, gone)
    )
    return float(np.sum(histories.customers * of_one))


def p_alive(model: Pareto, histories: Histories) -> Floats:
    """Return the probabilities that customers have not left."""
    n, _, age, gone = _parts(model, histories)
    odds = gone + n * np.log(model.alpha + age) + model.s * np.log(model.beta + age)
    alive: Floats = 1.0 / (1.0 + np.exp(np.minimum(odds, 700.0)))
    return alive


def risk(model: Pareto, histories: Histories, horizon_days: float) -> Floats:
    """Return the probabilities of no purchase within the horizon.

    Whoever is alive has the rates Gamma(n, alpha + T) and Gamma(s, beta + T), and buys first after
    h with the density n (alpha + T)^n / (alpha + T + h)^(n+1) ((beta + T) / (beta + T + h))^s.
    """
    n, _, age, _ = _parts(model, histories)
    rate, life = model.alpha + age, model.beta + age
    half = horizon_days / _UNIT_DAYS / 2.0
    buys = np.zeros(len(age))
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        h = half * (1.0 + node)
        density = n / (rate + h) * (rate / (rate + h)) ** n * (life / (life + h)) ** model.s
        buys += half * weight * density
    return 1.0 - p_alive(model, histories) * buys


def expected_purchases(model: Pareto, histories: Histories, horizon_days: float) -> Floats:
    """Return how many purchases the horizon will bring each customer, on average."""
    n, _, age, _ = _parts(model, histories)
    life, s = model.beta + age, model.s
    lasting = 1.0 - (life / (life + horizon_days / _UNIT_DAYS)) ** (s - 1.0)
    bought: Floats = n * life / ((model.alpha + age) * (s - 1.0)) * lasting
    return p_alive(model, histories) * bought


def _parts(model: Pareto, histories: Histories) -> tuple[Floats, Floats, Floats, Floats]:
    """Return n, the ages at the last purchase and now, and ln(s / (n + s) A0)."""
    n = (model.r + histories.repeats).astype(np.float64)
    last, age = histories.last_age_days / _UNIT_DAYS, histories.age_days / _UNIT_DAYS
    larger, smaller = max(model.alpha, model.beta), min(model.alpha, model.beta)
    second = model.s + 1.0 if model.alpha >= model.beta else n

    def part(at: Floats) -> Floats:
        z = (larger - smaller) / (larger + at)
        value: Floats = hyp2f1(n + model.s, second, n + model.s + 1.0, z)
        return value / (larger + at) ** (n + model.s)

    left = np.log(np.maximum(part(last) - part(age), _TINY))
    gone: Floats = left + np.log(model.s) - np.log(n + model.s)
    return n, last, age, gone

"""Fitting MBG/NBD and BG/NBD to purchase histories. No labels are needed, only who bought when.

With k coins survived by a living customer (x + 1 in MBG/NBD, x in BG/NBD: no coin is thrown after
the first purchase), n = r + x, and l the log-odds of having left, the likelihood of a history is

    ln L = ln G(n) - ln G(r) + r ln alpha - n ln(alpha + T)
           + ln B(a, b + k) - ln B(a, b) + ln(1 + e^l)
    l    = ln a - ln(b + k - 1) + n ln((alpha + T) / (alpha + t_x))      (k = 0: nobody has left)

with G the gamma and B the beta function (Fader, Hardie and Lee 2005; Batislam, Denizel and
Filiztekin 2007). It is climbed in the logarithms of the parameters, with its gradient. Histories
that many customers share count once, with a weight, so a million customers take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, psi

from models.churn import PRIOR, MbgNbd
from models.churn_history import Floats, Histories, Ints
from models.errors import TierstreamError

Family: TypeAlias = Literal["mbg-nbd", "bg-nbd"]

CUSTOMERS_MIN = 30
_UNIT_DAYS = 7.0  # the bounds and the prior are those of a clock in weeks
_LOG_BOUND = 9.0
_AT_BOUND = 1e-3
_STEPS_MAX = 500
_CONVERGED = 1e-11  # relative change of the mean log-likelihood
_PRIOR_SPREAD = (0.8, 1.5, 0.8, 0.8)  # standard deviations of ln r, ln alpha, ln a, ln b
# Twice the gain in ln L is chi-squared: below this, leaving explains nothing (5 % level, the
# parameter at its boundary, Self and Liang 1987).
_GAIN_MIN = 1.353


class Unfittable(TierstreamError):
    """Histories that say too little; the message says what is missing."""


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a fit."""

    family: Family
    model: MbgNbd
    log_likelihood: float
    """Natural, of all customers, with time in weeks; without the prior."""
    customers: int
    dropout_identified: bool
    """False: the histories look as if nobody ever left. Risk is then slow buying alone."""
    at_bounds: tuple[str, ...]
    """Parameters that ended at the edge of what is searched: they are not identified."""


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Distinct histories; what depends on x alone is computed once for each distinct x."""

    family: Family
    x: Ints
    x_index: Ints
    last_age: Floats
    age: Floats
    share: Floats

    @classmethod
    def of(cls, histories: Histories, family: Family) -> _Data:
        rows = histories.distinct()
        x, index = np.unique(rows.repeats, return_inverse=True)
        total = float(rows.customers.sum())
        return cls(
            family,
            x,
            index,
            rows.last_age_days / _UNIT_DAYS,
            rows.age_days / _UNIT_DAYS,
            rows.customers / total,
        )


def coins_survived(family: Family, repeats: Ints) -> Ints:
    """Return how many chances to leave a living customer has let pass."""
    return repeats + 1 if family == "mbg-nbd" else repeats


def fit(histories: Histories, family: Family = "mbg-nbd", *, with_prior: bool = True) -> Fitted:
    """Fit the four parameters.

    With the prior (log-normal around `models.churn.PRIOR`) the most probable parameters, usable
    from some thirty customers on; without it those of the greatest likelihood. From a few hundred
    customers on they agree.

    Raises:
        Unfittable: too few customers, or none who bought twice.
    """
    customers = int(histories.customers.sum())
    if customers < CUSTOMERS_MIN:
        raise Unfittable(
            f"{customers} customers are too few to fit a churn model: {CUSTOMERS_MIN} are needed. "
            "Until then the default model ranks customers well enough"
        )
    if not histories.repeats.any():
        raise Unfittable(
            "nobody has bought on two different days, so nothing can be said about gaps between "
            "purchases; check the customer column, or wait for repeat purchases"
        )
    data = _Data.of(histories, family)
    pull = 1.0 / customers if with_prior else 0.0
    starts = (_centre(), np.zeros(4))
    found = [_climb(data, start, pull) for start in starts]
    best = max(found, key=lambda logs: _objective(logs, data, pull)[0])
    nobody_leaves = _climb(data, best, 0.0, leaving=False)
    level = customers * _mean_log_likelihood(best, data)[0]
    gain = level - customers * _mean_log_likelihood(nobody_leaves, data)[0]
    r, alpha, a, b = np.exp(best).tolist()
    return Fitted(
        family=family,
        model=MbgNbd(r=r, alpha_days=alpha * _UNIT_DAYS, a=a, b=b),
        log_likelihood=level,
        customers=customers,
        dropout_identified=gain > _GAIN_MIN,
        at_bounds=tuple(
            name
            for name, value in zip(MbgNbd.__struct_fields__, best.tolist(), strict=True)
            if abs(value) > _LOG_BOUND - _AT_BOUND
        ),
    )


def log_likelihood(model: MbgNbd, histories: Histories, family: Family = "mbg-nbd") -> float:
    """Return the natural log-likelihood of all customers, with time in weeks."""
    logs = np.log([model.r, model.alpha_days / _UNIT_DAYS, model.a, model.b])
    return (
        float(histories.customers.sum())
        * _mean_log_likelihood(logs, _Data.of(histories, family))[0]
    )


def _centre() -> Floats:
    return np.log([PRIOR.r, PRIOR.alpha_days / _UNIT_DAYS, PRIOR.a, PRIOR.b])


def _climb(data: _Data, start: Floats, pull: float, *, leaving: bool = True) -> Floats:
    bounds = [(-_LOG_BOUND, _LOG_BOUND)] * 4
    if not leaving:
        start = np.array([start[0], start[1], -_LOG_BOUND, 0.0])
        bounds[2:] = [(-_LOG_BOUND, -_LOG_BOUND), (0.0, 0.0)]

    def descent(logs: Floats) -> tuple[float, Floats]:
        value, gradient = _objective(logs, data, pull)
        return -value, -gradient

    found = minimize(
        descent,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": _STEPS_MAX, "ftol": _CONVERGED, "gtol": 1e-8},
    )
    return np.asarray(found.x, np.float64)


def _objective(logs: Floats, data: _Data, pull: float) -> tuple[float, Floats]:
    """Return the mean log-likelihood plus `pull` times the prior's logarithm, and its gradient."""
    value, gradient = _mean_log_likelihood(logs, data)
    away = (logs - _centre()) / np.array(_PRIOR_SPREAD)
    value -= pull * 0.5 * float(away @ away)
    return value, gradient - pull * away / np.array(_PRIOR_SPREAD)


def _mean_log_likelihood(logs: Floats, data: _Data) -> tuple[float, Floats]:
    """Return the log-likelihood of the average customer, and its gradient by the logarithms."""
    r, alpha, a, b = np.exp(logs).tolist()
    x, index, share = data.x, data.x_index, data.share
    coins = coins_survived(data.family, x)
    thrown = coins > 0
    beaten = b + np.where(thrown, coins - 1, 0)  # the b of those who left at their last coin
    by_x = gammaln(r + x) - gammaln(r) + r * log(alpha) + betaln(a, b + coins) - betaln(a, b)
    log_coin = np.where(thrown, log(a) - np.log(beaten), -np.inf)
    n = (r + x)[index]
    log_age, log_last = np.log(alpha + data.age), np.log(alpha + data.last_age)
    silence = log_age - log_last
    log_odds = log_coin[index] + n * silence
    value = by_x[index] - n * log_age + np.logaddexp(0.0, log_odds)
    left = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))

    age_rate, last_rate = 1.0 / (alpha + data.age), 1.0 / (alpha + data.last_age)
    both = psi(a + b) - psi(a + b + coins)
    slope_r = (psi(r + x) - psi(r) + log(alpha))[index] - log_age + left * silence
    slope_alpha = r / alpha - n * age_rate + left * n * (age_rate - last_rate)
    slope_a = both[index] + left / a
    slope_b = (psi(b + coins) - psi(b) + both)[index] - left / beaten[index]
    # Sums, not `@`: its threads cost more than they save, and round differently with their number.
    slopes = [float(np.sum(share * each)) for each in (slope_r, slope_alpha, slope_a, slope_b)]
    return float(np.sum(share * value)), np.array(slopes) * np.array([r, alpha, a, b])

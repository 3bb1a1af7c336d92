"""What a customer spends on a purchase day: the Gamma-Gamma model.

What a customer spends varies around her own mean as Gamma(p, nu), and nu varies between customers
as Gamma(q, v) (Fader and Hardie 2013, "The Gamma-Gamma model of monetary value", note 025). What
somebody spent on few days is drawn towards the population's mean, what she spent on many is
believed. Spending must not depend on how often somebody buys: check their correlation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

import msgspec
import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, psi

from models.churn_fit import CUSTOMERS_MIN, Unfittable
from models.churn_history import Floats, Ints

_LOG_BOUND = 9.0


class GammaGamma(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters; `v` is in the unit of the amounts, `p` and `q` have none."""

    p: float
    q: float
    v: float

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not 0.0 < value < inf:
                message = f"gamma-gamma: {name} must be a positive, finite number, not {value!r}"
                raise ValueError(message)


def expected_amount(model: GammaGamma, days: Ints, mean_amount: Floats) -> Floats:
    """Return what customers will spend on a purchase day, on average.

    From `mean_amount` over `days` purchase days; 0 days give the population's mean. NaN where the
    population has none (q <= 1).
    """
    if model.q <= 1.0:
        return np.full(len(days), np.nan)
    px = model.p * days
    share = px / (px + model.q - 1.0)
    return (1.0 - share) * model.p * model.v / (model.q - 1.0) + share * mean_amount


def fit(days: Ints, mean_amount: Floats) -> GammaGamma:
    """Return the parameters of the greatest likelihood; who spent nothing is left out.

    Raises:
        Unfittable: fewer than 30 customers spent anything.
    """
    some = (days > 0) & (mean_amount > 0.0)
    x, mean = days[some].astype(np.float64), mean_amount[some]
    if len(x) < CUSTOMERS_MIN:
        raise Unfittable(
            f"{len(x)} customers with amounts are too few for a value forecast: "
            f"{CUSTOMERS_MIN} are needed; check the amount column"
        )
    unit = float(mean.mean())
    data = _Data.of(x, mean / unit)
    bounds = [(-_LOG_BOUND, _LOG_BOUND)] * 3
    options = {"ftol": 1e-13, "gtol": 1e-8}
    found = minimize(
        _descent, np.zeros(3), (data,), "L-BFGS-B", jac=True, bounds=bounds, options=options
    )
    p, q, v = np.exp(found.x).tolist()
    return GammaGamma(p=p, q=q, v=v * unit)


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """What the likelihood needs; what depends on the days alone is computed once for each number.

    `spent` is x times the mean; `log_spent` is the sum of x ln(spent), `log_mean` that of ln(mean).
    """

    x: Floats
    spent: Floats
    log_spent: float
    log_mean: float
    days: Floats
    customers: Ints

    @classmethod
    def of(cls, x: Floats, mean: Floats) -> _Data:
        days, customers = np.unique(x, return_counts=True)
        spent = x * mean
        log_spent, log_mean = float(np.sum(x * np.log(spent))), float(np.sum(np.log(mean)))
        return cls(x, spent, log_spent, log_mean, days, customers)


def _descent(logs: Floats, data: _Data) -> tuple[float, Floats]:
    """Return the mean negative log-likelihood, and its gradient by the logarithms.

        ln L = ln G(px + q) - ln G(px) - ln G(q) + q ln v + px ln(xm) - ln m - (px + q) ln(v + xm)

    of a customer with the mean m over x days, summed over all.
    """
    p, q, v = np.exp(logs).tolist()
    count, px = len(data.x), p * data.days
    log_all = np.log(v + data.spent)
    by_days = gammaln(px + q) - gammaln(px) - gammaln(q)
    sum_log, sum_x_log = float(np.sum(log_all)), float(np.sum(data.x * log_all))
    value = (
        float(np.sum(data.customers * by_days)) + count * q * log(v)
        + p * data.log_spent - data.log_mean - p * sum_x_log - q * sum_log
    )  # fmt: skip
    of_both = psi(px + q)
    slope_p = float(np.sum(data.customers * data.days * (of_both - psi(px))))
    slope_q = float(np.sum(data.customers * (of_both - psi(q))))
    slopes = (
        slope_p + data.log_spent - sum_x_log,
        slope_q + count * log(v) - sum_log,
        count * q / v - float(np.sum((p * data.x + q) / (v + data.spent))),
    )
    return -value / count, -np.array(slopes) * np.array([p, q, v]) / count

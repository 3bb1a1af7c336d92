"""What a customer spends on a purchase day: the Gamma-Gamma model.

What a customer spends varies around her own mean as Gamma(p, nu), and nu varies between customers
as Gamma(q, v) (Fader and Hardie 2013, "The Gamma-Gamma model of monetary value", note 025). What
somebody spent on few days is drawn towards the population's mean, what she spent on many is
believed. Spending must not depend on how often somebody buys: check their correlation.
"""

from __future__ import annotations

from math import inf

import msgspec
import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

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
    mean = mean / unit

    def descent(logs: Floats) -> float:
        p, q, v = np.exp(logs).tolist()
        px = p * x
        value = (
            gammaln(px + q) - gammaln(px) - gammaln(q)
            + q * np.log(v) + px * np.log(x * mean) - np.log(mean) - (px + q) * np.log(v + x * mean)
        )  # fmt: skip
        return -float(value.mean())

    bounds = [(-_LOG_BOUND, _LOG_BOUND)] * 3
    options = {"ftol": 1e-13, "gtol": 1e-8}
    found = minimize(descent, np.zeros(3), method="L-BFGS-B", bounds=bounds, options=options)
    p, q, v = np.exp(found.x).tolist()
    return GammaGamma(p=p, q=q, v=v * unit)

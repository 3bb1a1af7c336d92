"""Learning from histories how likely a complaint is to drive a customer away.

With the parameters of the model known, what is left of the likelihood of a history with complaints
(coins q at known ages, see `models.churn.log_dead`) is

    ln L = sum over all complaints of ln(1 - q)  +  ln(1 + e^(l + n ln(alpha + T)))

where l already counts the complaints since the last purchase, which she may not have survived; the
earlier ones she has. The parameters should come from customers who never complained, or complaints
would be counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log, log1p
from typing import NamedTuple

import msgspec
import numpy as np
from scipy.optimize import minimize

from models.churn import Coins, MbgNbd, log_dead
from models.churn_history import Floats
from models.events import SEVERITIES, Severity

COMPLAINTS_MIN = 50  # of a severity; with fewer its coin stays as it is
_COIN_RANGE = (1e-4, 0.95)
_SOFTPLUS_LINEAR = 30.0  # above it ln(1 + e^v) is v to the last digit


class Grievance(NamedTuple):
    """A complaint: at which age, how severe, and whether it was resolved to satisfaction."""

    age_days: float
    severity: Severity
    resolved_well: bool


class Complainer(NamedTuple):
    """The history of a customer who has complained; ages since her first purchase."""

    repeats: int
    last_age_days: float
    age_days: float
    grievances: tuple[Grievance, ...]


def log_likelihood(model: MbgNbd, coins: Coins, complainers: Sequence[Complainer]) -> float:
    """Return the part of the log-likelihood that depends on the coins."""
    return sum(_of_one(model, coins, each) for each in complainers)


def fit_coins(model: MbgNbd, complainers: Sequence[Complainer], known: Coins) -> Coins:
    """Return the coins of the greatest likelihood, severity by severity.

    A severity with fewer than 50 complaints keeps its coin of `known`, as do the factor of a good
    resolution and the coin of bad feedback.
    """
    count = Counter(each.severity for one in complainers for each in one.grievances)
    severities = [each for each in SEVERITIES if count[each] >= COMPLAINTS_MIN]
    if not severities:
        return known

    def coins(values: Floats) -> Coins:
        changed = dict(zip(severities, values.tolist(), strict=True))
        return msgspec.structs.replace(known, **changed)

    found = minimize(
        lambda values: -log_likelihood(model, coins(values), complainers),
        np.array([getattr(known, each) for each in severities]),
        method="L-BFGS-B",
        bounds=[_COIN_RANGE] * len(severities),
    )
    return coins(found.x)


def _of_one(model: MbgNbd, coins: Coins, one: Complainer) -> float:
    thrown = [
        (each.age_days, coins.complaint(each.severity, resolved_well=each.resolved_well))
        for each in one.grievances
    ]
    survived = sum(log1p(-q) for _, q in thrown)
    ell = log_dead(model, one.repeats, one.last_age_days, thrown)
    log_odds = ell + (model.r + one.repeats) * log(model.alpha_days + one.age_days)
    return survived + (log_odds if log_odds > _SOFTPLUS_LINEAR else log1p(exp(log_odds)))

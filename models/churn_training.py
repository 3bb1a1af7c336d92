"""A churn model as it is handed on: fitted parameters, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models import churn_fit, gamma_gamma
from models.churn import Coins
from models.churn_calibration import Platt
from models.churn_coins import Complainer, fit_coins
from models.churn_fit import Family, Fitted, Unfittable
from models.churn_history import Purchases, Snapshot, snapshot, usual_horizon_days
from models.churn_labels import Trial, platt_of, try_platt
from models.churn_watch import matured
from models.gamma_gamma import GammaGamma


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A fit with all that goes with it; plain numbers, to be written as JSON."""

    fitted: Fitted
    horizon_days: int
    horizon_given: bool
    """False: it follows from the population's gaps."""
    spend: GammaGamma | None
    """None: too few customers with amounts."""
    calibration: Platt | None
    """None: not asked for, or it did not win its trial."""
    coins: Coins | None
    """What complaints do to customers; None: nothing was known of complaints."""
    trial: Trial | None
    """How the calibration did on later labels; None: not asked for, or too little has matured."""


def train(
    purchases: Purchases,
    today: int,
    *,
    family: Family = "mbg-nbd",
    horizon_days: int | None = None,
    complainers: Sequence[Complainer] = (),
    calibrate: bool = False,
) -> Trained:
    """Fit a model to what is known at the end of day `today`.

    The calibration is promoted only where it would have improved the log-loss of later predictions
    (see `models.churn_labels`).

    Raises:
        Unfittable: the histories say too little.
    """
    taken = snapshot(purchases, today)
    fitted = churn_fit.fit(taken.histories, family)
    known = purchases.until(today)
    horizon = horizon_days or usual_horizon_days(known)
    if horizon is None:
        raise Unfittable("no gap between purchases is known; give the horizon yourself")
    trial, calibration = None, None
    if calibrate:
        past = matured(known, fitted.model, horizon, today, family=family)
        trial = try_platt(past, horizon)
        calibration = platt_of(past) if trial is not None and trial.won else None
    return Trained(
        fitted=fitted,
        horizon_days=horizon,
        horizon_given=horizon_days is not None,
        spend=_spend(taken),
        coins=fit_coins(fitted.model, complainers, Coins()) if complainers else None,
        calibration=calibration,
        trial=trial,
    )


def _spend(taken: Snapshot) -> GammaGamma | None:
    try:
        return gamma_gamma.fit(taken.histories.repeats + 1, taken.mean_amount)
    except Unfittable:
        return None

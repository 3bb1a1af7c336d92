"""Evaluating churn risk on history: fit on what was known on a day, measure on what came after.

The fit sees purchases up to the end of the cut day and no labels. A customer has churned if she
buys nothing in the horizon after it. Beside the risk stand the rules that it must beat or explain
itself against: days since the last purchase, and what labels can add.

Labels come in two ways. `calibrated` has learned from predictions that had matured by the cut: what
customers would really have been told that day. `with_labels` knows what became of the other four
fifths of the same customers *after* the cut, which nobody knows that day: it says how much there is
to gain. Where it is far better than `calibrated`, the time after the cut was unlike the time before
it. On the Online Retail year that is a wholesaler's Christmas trade; see `tests/churn/ways.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

import msgspec
import numpy as np

from models import churn_fit, gamma_gamma
from models.churn_calibration import Platt
from models.churn_fit import Family, Fitted, Unfittable
from models.churn_forecast import expected_purchases, risk
from models.churn_history import Flags, Floats, Purchases, Snapshot, churned, snapshot
from models.churn_labels import (
    CLASS_MIN,
    METHODS,
    Correction,
    Matured,
    Trial,
    calibrated,
    cross_validated,
    features,
    learn,
    platt_of,
    try_platt,
)
from models.churn_quality import Quality, auc, lift, quality
from models.churn_watch import matured

SEGMENT_MIN = 30
_MONTH_DAYS = 30


class Naive(msgspec.Struct, frozen=True, kw_only=True):
    """Ranking by days since the last purchase: no model, no probability."""

    auc: float | None
    lift_10: float | None


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """A correction that learned from labels; `parameters` are those learned from all of them."""

    quality: Quality
    parameters: Correction


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """Platt's calibration, learned from predictions that had matured by the cut."""

    quality: Quality
    parameters: Platt
    trial: Trial | None
    """How it did on later labels that were known by the cut; None: too little had matured."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Purchase days and amounts within the horizon, over all customers; in the log's own unit."""

    expected_purchases: float
    actual_purchases: int
    expected_amount: float | None
    """None: too few customers with amounts, or none in expectation."""
    actual_amount: float
    auc: float | None
    """Of the ranking by the fewest expected purchases: the order for a list of calls."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What one evaluation found."""

    cut_day: int
    horizon_days: int
    fitted: Fitted
    risk: Quality
    recency: Naive
    calibrated: Calibrated | None
    """None: too few labels had matured by the cut."""
    with_labels: dict[str, Learned]
    """By correction: `platt`, `isotonic`, `logistic`; empty with too few labels."""
    value: Value
    segments: dict[str, Quality]
    last_month: Quality | None
    """The same a month earlier; None where there was too little history."""


def evaluate(
    purchases: Purchases,
    cut_day: int,
    horizon_days: int,
    *,
    family: Family = "mbg-nbd",
    segments: Mapping[str, Flags] | None = None,
) -> Evaluation:
    """Evaluate the model on a cut; `segments`: by name, who belongs (by customer index).

    Raises:
        Unfittable: too little happened before the cut.
    """
    taken = snapshot(purchases, cut_day)
    happened = churned(purchases, taken, horizon_days)
    fitted = churn_fit.fit(taken.histories, family)
    said = risk(fitted.model, taken.histories, horizon_days, family)
    silence = (taken.histories.age_days - taken.histories.last_age_days).astype(np.float64)
    return Evaluation(
        cut_day=cut_day,
        horizon_days=horizon_days,
        fitted=fitted,
        risk=quality(said, happened),
        recency=Naive(auc=auc(silence, happened), lift_10=lift(silence, happened)),
        calibrated=_calibrated(purchases, fitted, horizon_days, Matured(cut_day, said, happened)),
        with_labels=_with_labels(taken, said, happened),
        value=_value(purchases, taken, fitted, horizon_days, happened),
        segments={
            name: quality(said[inside], happened[inside])
            for name, inside in _segments(taken, segments or {})
            if int(inside.sum()) >= SEGMENT_MIN
        },
        last_month=_last_month(purchases, cut_day - _MONTH_DAYS, horizon_days, family),
    )


def _segments(taken: Snapshot, named: Mapping[str, Flags]) -> Iterable[tuple[str, Flags]]:
    repeats = taken.histories.repeats
    yield "bought on one day", repeats == 0
    yield "on two or three", (repeats == 1) | (repeats == 2)  # noqa: PLR2004 - as it says
    yield "on four or more", repeats > 2  # noqa: PLR2004
    for name, members in named.items():
        yield name, members[taken.customer]


def _calibrated(
    purchases: Purchases, fitted: Fitted, horizon_days: int, at_cut: Matured
) -> Calibrated | None:
    known = purchases.until(at_cut.day)
    past = matured(known, fitted.model, horizon_days, at_cut.day, family=fitted.family)
    platt = platt_of(past) if past else None
    if platt is None:
        return None
    (told,) = calibrated([at_cut], platt)
    trial = try_platt(past, horizon_days)
    return Calibrated(quality=quality(told.risk, told.churned), parameters=platt, trial=trial)


def _with_labels(taken: Snapshot, said: Floats, happened: Flags) -> dict[str, Learned]:
    if min(int(happened.sum()), int((~happened).sum())) < CLASS_MIN:
        return {}
    rows = features(taken, said)
    return {
        method: Learned(
            quality=quality(cross_validated(method, rows, happened), happened),
            parameters=learn(method, rows, happened),
        )
        for method in METHODS
    }


def _value(
    purchases: Purchases, taken: Snapshot, fitted: Fitted, horizon_days: int, happened: Flags
) -> Value:
    expected = expected_purchases(fitted.model, taken.histories, horizon_days, fitted.family)
    later = purchases.between(taken.day + 1, taken.day + horizon_days)
    known = np.isin(later.customer, taken.customer)
    return Value(
        expected_purchases=float(expected.sum()),
        actual_purchases=int(later.purchase_days[known].sum()),
        expected_amount=_expected_amount(taken, expected),
        actual_amount=float(later.amount[known].sum()),
        auc=auc(-expected, happened),
    )


def _expected_amount(taken: Snapshot, expected: Floats) -> float | None:
    days = taken.histories.repeats + 1
    try:
        model = gamma_gamma.fit(days, taken.mean_amount)
    except Unfittable:
        return None
    total = float(expected @ gamma_gamma.expected_amount(model, days, taken.mean_amount))
    return total if isfinite(total) else None


def _last_month(
    purchases: Purchases, day: int, horizon_days: int, family: Family
) -> Quality | None:
    taken = snapshot(purchases, day)
    try:
        fitted = churn_fit.fit(taken.histories, family)
    except Unfittable:
        return None
    said = risk(fitted.model, taken.histories, horizon_days, family)
    return quality(said, churned(purchases, taken, horizon_days))

"""Learning from labels: what matured predictions can correct in a model that was fitted without.

Three corrections, from the most careful to the most thorough. Platt's (`models.churn_calibration`)
and the isotonic one keep the order of customers and make probabilities right. The logistic one also
weighs the history itself; it ranks better where the model's assumptions do not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec
import numpy as np
from scipy.optimize import isotonic_regression, minimize

from models.churn_calibration import Platt
from models.churn_history import Flags, Floats, Snapshot
from models.churn_quality import log_loss

LABELS_MIN = 200
CLASS_MIN = 50
METHODS = ("platt", "isotonic", "logistic")
_FOLDS = 5
_EDGE = 1e-12
_RIDGE = 1.0  # of standardised weights, in units of one label
_SLOPE_MIN = 1e-6
_ALIKE = 1e-3
_FEATURES = ("log_odds", "repeats", "silence_days", "age_days", "gap_days", "amount")


class Isotonic(msgspec.Struct, frozen=True, kw_only=True):
    """The rising step function nearest to the labels, with straight lines between its steps."""

    risks: tuple[float, ...]
    values: tuple[float, ...]


class Logistic(msgspec.Struct, frozen=True, kw_only=True):
    """Log-odds as a weighted sum of `features`, in plain numbers."""

    intercept: float
    weights: dict[str, float]


Correction: TypeAlias = Platt | Isotonic | Logistic


def features(taken: Snapshot, risk: Floats) -> Floats:
    """Return a row for each customer: the log-odds of her risk, then logarithms of her history.

    These are ln(1 + each of): repeat purchases, days since the last one, age, days between
    purchases (the age where there is no gap yet), and the mean amount.
    """
    history = taken.histories
    silence = history.age_days - history.last_age_days
    some = history.repeats > 0
    gap = np.where(some, history.last_age_days / np.maximum(history.repeats, 1), history.age_days)
    amount = np.maximum(taken.mean_amount, 0.0)
    plain = (history.repeats, silence, history.age_days, gap, amount)
    return np.column_stack([_log_odds(risk), *map(np.log1p, plain)])


def learn(method: str, rows: Floats, churned: Flags) -> Correction:
    """Learn a correction, one of `METHODS`, from the features of customers and what became of them.

    Both must have happened: somebody churned, and somebody came back.
    """
    match method:
        case "platt":
            return fit_platt(rows[:, 0], churned)
        case "isotonic":
            return _fit_isotonic(_sigmoid(rows[:, 0]), churned)
        case "logistic":
            intercept, weights = fit_logistic(rows, churned)
            named = dict(zip(_FEATURES, weights.tolist(), strict=True))
            return Logistic(intercept=intercept, weights=named)
        case _:
            message = f"no correction is called {method!r}; one of {', '.join(METHODS)}"
            raise ValueError(message)


def corrected(correction: Correction, rows: Floats) -> Floats:
    """Return the risks of customers after a correction."""
    match correction:
        case Platt():
            return _sigmoid(correction.intercept + correction.slope * rows[:, 0])
        case Isotonic():
            return np.interp(_sigmoid(rows[:, 0]), correction.risks, correction.values)
        case Logistic():
            weights = np.array([*correction.weights.values()])
            return _sigmoid(correction.intercept + np.sum(rows * weights, axis=1))
        case _:
            assert_never(correction)


def cross_validated(method: str, rows: Floats, churned: Flags) -> Floats:
    """Return each customer's risk, corrected by what the other four fifths taught."""
    fold = np.arange(len(churned)) % _FOLDS
    risks = np.zeros(len(churned))
    for each in range(_FOLDS):
        held = fold == each
        risks[held] = corrected(learn(method, rows[~held], churned[~held]), rows[held])
    return risks


def fit_logistic(rows: Floats, churned: Flags) -> tuple[float, Floats]:
    """Return intercept and weights of a logistic regression, drawn a little towards 0."""
    return _logistic(rows, churned.astype(np.float64), np.ones(len(rows)), ridge=_RIDGE)


def fit_platt(log_odds: Floats, churned: Flags) -> Platt:
    """Return the calibration of the greatest likelihood whose slope is positive.

    Log-odds that agree to a thousandth are taken together, as their mean: millions of labels become
    some ten thousand, and the parameters stay the same to six digits.
    """
    group = np.rint((log_odds - log_odds.min()) / _ALIKE).astype(np.int64)
    every = np.bincount(group)
    count = np.maximum(every, 1)
    mean, share = np.bincount(group, log_odds) / count, np.bincount(group, churned) / count
    some = every > 0
    intercept, weights = _logistic(
        mean[some, None], share[some], every[some].astype(np.float64), lowest=_SLOPE_MIN
    )
    return Platt(intercept=intercept, slope=float(weights[0]))


def _fit_isotonic(risk: Floats, churned: Flags) -> Isotonic:
    """Pool adjacent violators; of a step's many equal values its two ends are kept."""
    distinct, index = np.unique(risk, return_inverse=True)
    count = np.bincount(index)
    values = isotonic_regression(np.bincount(index, churned) / count, weights=count).x
    steps = np.flatnonzero(np.diff(values) > 0.0)
    ends = np.unique([0, *steps, *(steps + 1), len(values) - 1])
    return Isotonic(risks=tuple(distinct[ends].tolist()), values=tuple(values[ends].tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Matured:
    """Predictions of one day, and what became of them within the horizon."""

    day: int
    risk: Floats
    churned: Flags


def calibrated(predictions: Sequence[Matured], platt: Platt | None) -> list[Matured]:
    """Return predictions as a calibration tells them; None: as they are."""
    if platt is None:
        return [*predictions]
    return [
        Matured(each.day, corrected(platt, _log_odds(each.risk)[:, None]), each.churned)
        for each in predictions
    ]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A calibration measured on predictions that came after all labels it had learned from."""

    labels: int
    churned: int
    log_loss_raw: float
    log_loss_calibrated: float

    @property
    def won(self) -> bool:
        """Tell whether it is better, on enough labels to say so."""
        stayed = self.labels - self.churned
        enough = self.labels >= LABELS_MIN and min(self.churned, stayed) >= CLASS_MIN
        return enough and self.log_loss_calibrated < self.log_loss_raw


def try_platt(predictions: Sequence[Matured], horizon_days: int) -> Trial | None:
    """Try Platt's calibration prequentially; None where nothing matured before a later day.

    Each day's predictions are calibrated with the labels that were known on that day.
    """
    raw, calibrated, labels = [], [], []
    for current in predictions:
        past = [each for each in predictions if each.day + horizon_days <= current.day]
        if not past:
            continue
        learned = platt_of(past)
        if learned is None:
            continue
        raw.append(current.risk)
        calibrated.append(corrected(learned, _log_odds(current.risk)[:, None]))
        labels.append(current.churned)
    if not labels:
        return None
    happened = np.concatenate(labels)
    return Trial(
        labels=len(happened),
        churned=int(happened.sum()),
        log_loss_raw=log_loss(np.concatenate(raw), happened),
        log_loss_calibrated=log_loss(np.concatenate(calibrated), happened),
    )


def platt_of(predictions: Sequence[Matured]) -> Platt | None:
    """Return the calibration that predictions of several days teach; None with too few labels."""
    churned = np.concatenate([each.churned for each in predictions])
    if min(int(churned.sum()), int((~churned).sum())) < CLASS_MIN:
        return None
    return fit_platt(_log_odds(np.concatenate([each.risk for each in predictions])), churned)


def _logistic(
    rows: Floats,
    share: Floats,
    count: Floats,
    *,
    ridge: float = 0.0,
    lowest: float | None = None,
) -> tuple[float, Floats]:
    """Return intercept and weights of a logistic regression; `lowest` bounds the weights.

    Each row stands for `count` customers of whom a `share` churned.
    """
    total = count.sum()
    mean = np.sum(rows * count[:, None], axis=0) / total
    spread = np.sqrt(np.sum((rows - mean) ** 2 * count[:, None], axis=0) / total)
    spread = np.where(spread > 0.0, spread, 1.0)
    scaled = np.column_stack([np.ones(len(rows)), (rows - mean) / spread])
    pull = np.array([0.0, *[ridge] * rows.shape[1]])

    def descent(weights: Floats) -> tuple[float, Floats]:
        odds = np.sum(scaled * weights, axis=1)
        loss = float(np.sum(count * (np.logaddexp(0.0, odds) - share * odds)))
        slope = np.sum(scaled * (count * (_sigmoid(odds) - share))[:, None], axis=0)
        return loss + 0.5 * float(np.sum(pull * weights**2)), slope + pull * weights

    bounds = [(None, None), *[(lowest, None)] * rows.shape[1]]
    start = np.zeros(scaled.shape[1])
    found = minimize(descent, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = found[1:] / spread
    return float(found[0] - np.sum(weights * mean)), weights


def _log_odds(risk: Floats) -> Floats:
    within = np.clip(risk, _EDGE, 1.0 - _EDGE)
    return np.log(within) - np.log1p(-within)


def _sigmoid(odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(odds, -700.0, 700.0)))

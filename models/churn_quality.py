"""How good predictions of churn were: ranking, calibration, and both together.

`risk` is predicted, `churned` is what happened. All figures treat customers with equal predictions
alike, in whatever order they are given.
"""

from __future__ import annotations

import msgspec
import numpy as np

from models.churn_history import Flags, Floats

_BINS = 10
_TOP_SHARE = 0.1
_EDGE = 1e-12  # a certain prediction that fails costs 28 nats, not infinity


class Bin(msgspec.Struct, frozen=True):
    """A tenth of the customers, by rising risk: what was said of them, and what happened."""

    customers: int
    predicted: float
    realised: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one set of predictions. None: undefined, because all or nobody churned."""

    customers: int
    churn_rate: float
    predicted_rate: float
    auc: float | None
    """The chance that a churner was ranked above a customer who came back."""
    pr_auc: float | None
    """Average precision; a blind guess has the churn rate."""
    brier: float
    """Mean squared error of the probability."""
    log_loss: float
    ece: float
    """Expected calibration error: |predicted - realised|, averaged over ten bins of equal size."""
    lift_10: float | None
    """Churners among the tenth with the highest risk, against churners among all."""
    reliability: tuple[Bin, ...]


def quality(risk: Floats, churned: Flags) -> Quality:
    """Measure predictions; there must be at least one."""
    bins = reliability(risk, churned)
    return Quality(
        customers=len(risk),
        churn_rate=float(churned.mean()),
        predicted_rate=float(risk.mean()),
        auc=auc(risk, churned),
        pr_auc=average_precision(risk, churned),
        brier=float(np.mean((risk - churned) ** 2)),
        log_loss=log_loss(risk, churned),
        ece=sum(each.customers * abs(each.predicted - each.realised) for each in bins) / len(risk),
        lift_10=lift(risk, churned),
        reliability=bins,
    )


def auc(score: Floats, churned: Flags) -> float | None:
    """Return the area under the ROC curve (Mann and Whitney); a tie counts half."""
    positives = int(churned.sum())
    negatives = len(churned) - positives
    if not positives or not negatives:
        return None
    found, taken = _cumulated(score, churned)
    ahead = found - np.diff(found, prepend=0.0) / 2.0
    return float(np.sum(np.diff(taken - found, prepend=0.0) * ahead)) / (positives * negatives)


def average_precision(score: Floats, churned: Flags) -> float | None:
    """Return the area under precision over recall, as a step function; ties form one step."""
    positives = int(churned.sum())
    if not positives or positives == len(churned):
        return None
    found, taken = _cumulated(score, churned)
    return float(np.sum(np.diff(found, prepend=0) / positives * found / taken))


def lift(score: Floats, churned: Flags, share: float = _TOP_SHARE) -> float | None:
    """Return how many times as often the riskiest share churned as all did.

    Where a tie lies across the edge, its churners count in proportion.
    """
    positives = int(churned.sum())
    if not positives:
        return None
    found, taken = _cumulated(score, churned)
    edge = share * len(churned)
    in_top = float(np.interp(edge, [0.0, *taken], [0.0, *found]))
    return in_top / edge / (positives / len(churned))


def log_loss(risk: Floats, churned: Flags) -> float:
    """Return the mean of -ln(probability given to what happened), in nats."""
    said = np.clip(np.where(churned, risk, 1.0 - risk), _EDGE, 1.0)
    return float(-np.mean(np.log(said)))


def reliability(risk: Floats, churned: Flags, bins: int = _BINS) -> tuple[Bin, ...]:
    """Return bins of equal size by rising risk.

    Within equal risks it does not matter who falls into which bin: what happened to them is spread
    evenly over the tie.
    """
    _, index = np.unique(risk, return_inverse=True)
    realised = (np.bincount(index, churned) / np.bincount(index))[index]
    order = np.argsort(risk, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple(
        Bin(len(part), float(risk[part].mean()), float(realised[part].mean())) for part in parts
    )


def _cumulated(score: Floats, churned: Flags) -> tuple[Floats, Floats]:
    """Return churners and customers among those at or above each distinct score, from the top."""
    _, index = np.unique(-score, return_inverse=True)
    found, taken = np.bincount(index, churned), np.bincount(index)
    return np.cumsum(found, dtype=np.float64), np.cumsum(taken, dtype=np.float64)

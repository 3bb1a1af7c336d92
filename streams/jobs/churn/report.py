"""An evaluation and a fit told: as one line of JSON, as a table, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.table import Table

from models.calendar import Calendar
from models.churn_evaluation import Evaluation
from models.churn_fit import Fitted
from models.churn_labels import Trial
from models.churn_quality import Quality
from models.churn_training import Trained
from models.churn_watch import Week
from models.events import SEVERITIES
from streams.jobs.churn.watching import Told

_FIGURES = ("people", "churn", "AUC", "PR-AUC", "Brier", "log-loss", "ECE", "lift")


def as_json(evaluation: Evaluation) -> bytes:
    """Return one line: the figures of the label-free risk by name, and everything else beside."""
    rest: dict[str, Any] = msgspec.to_builtins(evaluation)
    fitted, recency = rest.pop("fitted"), rest.pop("recency")
    return msgspec.json.encode(
        {
            "cut": Calendar.date(rest.pop("cut_day")).isoformat(),
            "model": fitted.pop("family"),
            "parameters": fitted.pop("model"),
            **fitted,
            **rest.pop("risk"),
            "auc_recency": recency["auc"],
            "lift_10_recency": recency["lift_10"],
            **rest,
        }
    )


def table(evaluation: Evaluation) -> Table:
    """Return the figures of the risk, of what it is compared with, and of the segments."""
    found = Table(box=None, pad_edge=False, collapse_padding=True)
    found.add_column("")
    for figure in _FIGURES:  # where space is short a name takes two lines, a figure never
        found.add_column(figure, no_wrap=True, justify="right")
    recency = evaluation.recency
    found.add_row(f"risk ({evaluation.fitted.family})", *_figures(evaluation.risk))
    found.add_row("recency alone", "", "", _short(recency.auc), *[""] * 4, _short(recency.lift_10))
    if evaluation.calibrated is not None:
        found.add_row("+ labels by the cut, platt", *_figures(evaluation.calibrated.quality))
    for name, learned in evaluation.with_labels.items():
        found.add_row(f"+ labels, {name}", *_figures(learned.quality))
    if evaluation.last_month is not None:
        found.add_row("risk 30 days before", *_figures(evaluation.last_month))
    for name, each in evaluation.segments.items():
        found.add_row(name, *_figures(each))
    return found


def weeks(found: Sequence[Week], told: Mapping[int, Told]) -> Table:
    """Return how predictions have turned out: those told at the time, and today's model's."""
    shown = Table(box=None, pad_edge=False)
    for name in ("day", "customers", "churned", "told", "by", "predicted", "drift", "AUC", "Brier"):
        shown.add_column(name, justify="right", no_wrap=True)
    for week in found:
        each, then = week.quality, told.get(week.day)
        shown.add_row(
            Calendar.date(week.day).isoformat(),
            f"{each.customers:,}",
            f"{each.churn_rate:.1%}",
            "–" if then is None else f"{then.predicted_rate:.1%}",
            "–" if then is None else f"{then.version}",
            f"{each.predicted_rate:.1%}",
            f"{week.drift:+.1%}",
            _short(each.auc),
            f"{each.brier:.3f}",
        )
    return shown


def remarks(evaluation: Evaluation) -> Iterator[str]:
    """Yield what the table does not show: parameters, value, and what to be careful with."""
    yield parameters(evaluation.fitted)
    yield (
        "Recency: days since the last purchase. + labels by the cut: calibrated with predictions "
        "that had matured by then. + labels: each customer by what became of others after the cut. "
        "Lift: churners among the tenth with the highest risk, against all."
    )
    if evaluation.calibrated is not None and evaluation.calibrated.trial is not None:
        yield f"On the day of the cut: {_verdict(evaluation.calibrated.trial)}"
    value = evaluation.value
    yield (
        f"Expected {value.expected_purchases:,.0f} days with a purchase, there were "
        f"{value.actual_purchases:,}; ranked by them AUC {_short(value.auc)}."
    )
    if value.expected_amount is not None:
        yield f"Expected amount {value.expected_amount:,.0f}, actual {value.actual_amount:,.0f}."
    for each in evaluation.risk.reliability:
        yield (
            f"  of {each.customers:,} customers {each.predicted:6.1%} predicted, "
            f"{each.realised:6.1%} churned"
        )


def parameters(fitted: Fitted) -> str:
    """Return the parameters of a fit in words."""
    model = fitted.model
    notes = []
    if not fitted.dropout_identified:
        notes.append("no drop-out identified: the histories look as if nobody ever left")
    if fitted.at_bounds:
        notes.append(f"at the edge of what is searched: {', '.join(fitted.at_bounds)}")
    note = f" ({'; '.join(notes)})" if notes else ""
    return (
        f"{fitted.family} of {fitted.customers:,} customers: r {model.r:.4g}, "
        f"alpha {model.alpha_days:.4g} days, a {model.a:.4g}, b {model.b:.4g}{note}."
    )


def findings(trained: Trained) -> Iterator[str]:
    """Yield what goes with the parameters of a fit: horizon, spending, calibration."""
    origin = "as given" if trained.horizon_given else "twice the 80th percentile of the gaps"
    yield f"Horizon {trained.horizon_days} days ({origin})."
    if trained.spend is not None:
        spend = trained.spend
        yield f"Spend, gamma-gamma: p {spend.p:.4g}, q {spend.q:.4g}, v {spend.v:.4g}."
    if trained.coins is not None:
        shares = (f"{each} {getattr(trained.coins, each):.3f}" for each in SEVERITIES)
        yield f"A complaint drives away, by severity: {', '.join(shares)}."
    if trained.trial is not None:
        yield _verdict(trained.trial)
    if trained.calibration is not None:
        platt = trained.calibration
        yield f"Platt: intercept {platt.intercept:.4g}, slope {platt.slope:.4g}."


def _verdict(trial: Trial) -> str:
    return (
        f"Calibration {'promoted' if trial.won else 'not promoted'}: log-loss "
        f"{trial.log_loss_calibrated:.4f} against {trial.log_loss_raw:.4f} on {trial.labels:,} "
        "later labels."
    )


def _figures(each: Quality) -> list[str]:
    return [
        f"{each.customers:,}",
        f"{each.churn_rate:.1%}",
        *map(_short, (each.auc, each.pr_auc, each.brier, each.log_loss, each.ece)),
        _short(each.lift_10),
    ]


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

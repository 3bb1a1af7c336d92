"""An evaluation drawn: how well its probabilities hold, and for whom."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.calendar import Calendar
from models.churn_evaluation import Evaluation
from models.churn_quality import Quality

_FIGURE_INCHES = (9.0, 4.5)


def draw(evaluation: Evaluation, file: Path) -> None:
    """Draw reliability and segments into `file`; its suffix says the format (png, svg, pdf).

    Raises:
        ValueError: the format is not known.
    """
    figure = Figure(figsize=_FIGURE_INCHES, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_reliability(left, evaluation)
    _draw_segments(right, evaluation)
    cut = Calendar.date(evaluation.cut_day).isoformat()
    ranking = ""
    if evaluation.risk.auc is not None and evaluation.recency.auc is not None:
        ranking = f": AUC {evaluation.risk.auc:.3f}, recency alone {evaluation.recency.auc:.3f}"
    figure.suptitle(f"Churn risk on {cut}, {evaluation.horizon_days} days ahead{ranking}")
    figure.savefig(file)


def _draw_reliability(axes: Axes, evaluation: Evaluation) -> None:
    """Lines are what customers would have been told, dots what only the time after can teach."""
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    _draw_curve(axes, "no labels", evaluation.risk, "o-")
    if evaluation.calibrated is not None:
        _draw_curve(axes, "labels by the cut", evaluation.calibrated.quality, "s-")
    for name, learned in evaluation.with_labels.items():
        _draw_curve(axes, f"labels after it, {name}", learned.quality, ".")
    axes.set(xlabel="predicted risk", ylabel="share that churned", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc="upper left", fontsize="small")


def _draw_curve(axes: Axes, name: str, each: Quality, style: str) -> None:
    points = [(part.predicted, part.realised) for part in each.reliability]
    axes.plot(*zip(*points, strict=True), style, label=f"{name}: ECE {each.ece:.3f}", markersize=5)


def _draw_segments(axes: Axes, evaluation: Evaluation) -> None:
    rows = {"all": evaluation.risk, **evaluation.segments}
    places = range(len(rows))
    axes.barh(places, [each.churn_rate for each in rows.values()], color="0.85", label="churned")
    axes.plot([each.predicted_rate for each in rows.values()], places, "k|", label="predicted")
    axes.set_yticks(places, list(rows))
    axes.invert_yaxis()
    axes.set(xlabel="share of customers", xlim=(0, 1))
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)

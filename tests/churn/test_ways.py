"""What other ways than MBG/NBD alone do: the findings of `tests.churn.ways`, at two of its cuts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from models.churn_history import Histories, snapshot
from models.churn_quality import Quality, auc, quality
from tests.churn import pareto
from tests.churn.data import CDNOW_CUT, RETAIL_CUT, cdnow
from tests.churn.ways import HORIZON_DAYS, Cut, calibrations, rankings

BEFORE_SUMMER = RETAIL_CUT - HORIZON_DAYS

# Published: Fader, Hardie and Lee 2005, Table 2.
PUBLISHED = pareto.Pareto(r=0.553, alpha=10.578, s=0.606, beta=11.669)


@cache
def cut(day: int) -> Cut:
    return Cut.on(day)


@cache
def aucs(day: int) -> dict[str, float]:
    return {name: auc(score, cut(day).happened) or 0.0 for name, score in rankings(cut(day))}


@cache
def told(day: int) -> dict[str, Quality]:
    return {name: quality(said, cut(day).happened) for name, said in calibrations(cut(day))}


def test_pareto_nbd_is_the_published_one() -> None:
    histories = snapshot(cdnow(), CDNOW_CUT).histories
    assert pareto.log_likelihood(PUBLISHED, histories) == pytest.approx(-9594.98, abs=0.05)
    assert pareto.fit(histories) == pytest.approx(PUBLISHED, rel=0.01)


@pytest.mark.parametrize(
    ("history", "alive"),
    [
        ((0, 0.0, 38.86), 0.295287),
        ((1, 1.71, 38.86), 0.168002),
        ((2, 30.43, 38.86), 0.869168),
        ((7, 29.43, 38.86), 0.749501),
        ((26, 30.86, 31.0), 0.997919),
        ((12, 35.0, 36.0), 0.985350),
    ],
)
def test_pareto_nbd_knows_who_is_alive(history: tuple[int, float, float], alive: float) -> None:
    assert pareto.p_alive(in_hundredths(PUBLISHED), one(*history))[0] == pytest.approx(
        alive, abs=1e-5
    )


def test_both_forms_of_pareto_nbd_meet_where_the_rates_are_alike() -> None:
    model, history = in_hundredths(PUBLISHED), one(7, 29.43, 38.86)
    below, above = (
        pareto.p_alive(model._replace(beta=model.alpha * by), history)[0] for by in (0.9999, 1.0001)
    )
    assert below == pytest.approx(above, abs=1e-3)


def one(x: int, t_x: float, age: float) -> Histories:
    """Return a history in hundredths of a week for days: the formulas know no unit of time."""
    return Histories(*(np.array([each]) for each in (x, round(t_x * 100), round(age * 100), 1)))


def in_hundredths(model: pareto.Pareto) -> pareto.Pareto:
    scale = 100 / 7.0
    return model._replace(alpha=model.alpha * scale, beta=model.beta * scale)


@pytest.mark.long
def test_another_model_of_the_same_history_ranks_no_better() -> None:
    found = aucs(RETAIL_CUT)
    assert found["Pareto/NBD"] == pytest.approx(found["MBG/NBD"], abs=0.003)
    assert found["Pareto/NBD, purchases"] < found["MBG/NBD"]
    assert 0.0 < found["MBG/NBD of two cohorts"] - found["MBG/NBD"] < 0.005


@pytest.mark.long
def test_amounts_and_returns_help_to_rank() -> None:
    found = aucs(RETAIL_CUT)
    assert found["with labels: amount"] > found["MBG/NBD"] + 0.002
    assert found["with labels: share returned"] > found["MBG/NBD"] + 0.003
    assert found["with labels: both"] > found["with labels: history"] + 0.002
    assert found["with labels: both"] > 0.744


@pytest.mark.long
def test_all_matured_weeks_together_calibrate_best_before_the_season() -> None:
    found = told(RETAIL_CUT)
    fitted, best = found["as fitted"], found["Platt, all matured weeks"]
    assert best.ece < 0.06 < fitted.ece
    assert best.brier < 0.209 < fitted.brier
    known = {name: each.log_loss for name, each in found.items() if not name.startswith("(")}
    assert best.log_loss < min(known.values()) + 0.002


@pytest.mark.long
def test_what_is_left_of_the_error_is_the_season() -> None:
    before, after = told(BEFORE_SUMMER)["as fitted"], told(RETAIL_CUT)["as fitted"]
    assert before.predicted_rate == pytest.approx(before.churn_rate, abs=0.02)
    assert after.churn_rate < before.churn_rate - 0.08
    assert told(BEFORE_SUMMER)["as fitted"].ece < 0.035
    one_number = told(RETAIL_CUT)["(a shift learned afterwards)"]
    assert one_number.ece < 0.03
    assert one_number.brier < 0.207

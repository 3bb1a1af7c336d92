"""How good predictions have to be on a year of a wholesaler's invoices, all cohorts mixed."""

import pytest

from models.churn_evaluation import evaluate
from models.churn_history import usual_horizon_days
from models.churn_training import train
from tests.churn.data import RETAIL_CUT, online_retail

WEEKS_13 = 91


def test_predictions_of_a_quarter() -> None:
    found = evaluate(online_retail(), RETAIL_CUT, WEEKS_13)
    assert found.risk.customers == 3_370
    assert found.risk.churn_rate == pytest.approx(0.430, abs=5e-4)
    assert not found.fitted.dropout_identified, "nobody can be shown to have left in nine months"
    assert found.risk.auc is not None
    assert found.recency.auc is not None
    assert found.risk.auc >= 0.73
    assert found.risk.auc >= found.recency.auc + 0.04
    for method in ("platt", "isotonic"):
        calibrated = found.with_labels[method].quality
        assert calibrated.brier <= 0.207
        assert calibrated.ece <= 0.03
    logistic = found.with_labels["logistic"].quality
    assert logistic.auc is not None
    assert logistic.auc >= 0.738, "above the risk, for spending and gaps say something too"
    assert logistic.brier <= 0.203
    assert found.last_month is not None
    assert found.last_month.customers < found.risk.customers


@pytest.mark.long
def test_labels_that_were_known_on_the_day_do_half_of_it() -> None:
    """The rest is the Christmas trade that was to come: see `tests.churn.ways`."""
    found = evaluate(online_retail(), RETAIL_CUT, WEEKS_13)
    assert found.calibrated is not None
    told, raw = found.calibrated.quality, found.risk
    assert told.auc == raw.auc
    assert told.ece < 0.06 < raw.ece
    assert told.brier < 0.209 < raw.brier
    assert told.log_loss < raw.log_loss
    trial = found.calibrated.trial
    assert trial is not None
    assert trial.won, "it would have been promoted that day"


def test_without_matured_labels_there_is_no_calibration() -> None:
    found = evaluate(online_retail(), RETAIL_CUT - 195, WEEKS_13)
    assert found.calibrated is None
    assert found.with_labels


def test_a_calibration_is_promoted_on_what_came_later() -> None:
    purchases = online_retail()
    today = int(purchases.day.max())
    trained = train(purchases, today, horizon_days=WEEKS_13, calibrate=True)
    assert trained.trial is not None
    assert trained.trial.labels >= 200
    assert trained.trial.won == (trained.calibration is not None)
    assert trained.spend is not None
    assert trained.horizon_given
    usual = train(purchases, today)
    assert usual.horizon_days == usual_horizon_days(purchases)
    assert (usual.trial, usual.calibration) == (None, None)

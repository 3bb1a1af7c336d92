"""The fits against the values published for CDNOW, and how good its predictions have to be."""

import numpy as np
import pytest

from models import gamma_gamma
from models.churn import MbgNbd
from models.churn_evaluation import evaluate
from models.churn_fit import Family, fit, log_likelihood
from models.churn_forecast import expected_purchases, p_alive, risk
from models.churn_history import Histories, snapshot
from models.churn_labels import METHODS
from tests.churn.data import CDNOW_CUT, cdnow, cdnow_master

WEEKS_39 = 273


@pytest.mark.parametrize(
    ("family", "published", "level"),
    [
        ("bg-nbd", (0.243, 4.414, 0.793, 2.426), -9582.43),
        ("mbg-nbd", (0.525, 6.183, 0.891, 1.614), -9582.14),
    ],
)
def test_parameters_are_those_published(
    family: Family, published: tuple[float, ...], level: float
) -> None:
    histories = snapshot(cdnow(), CDNOW_CUT).histories
    fitted = fit(histories, family, with_prior=False)
    model = fitted.model
    found = (model.r, model.alpha_days / 7, model.a, model.b)
    assert found == pytest.approx(published, rel=0.005)
    assert fitted.log_likelihood == pytest.approx(level, abs=0.05)
    assert log_likelihood(model, histories, family) == pytest.approx(fitted.log_likelihood)
    assert fitted.customers == 2_357
    assert fitted.dropout_identified
    assert not fitted.at_bounds


@pytest.mark.parametrize(
    ("family", "published", "level"),
    [
        ("bg-nbd", (0.2516, 4.7889, 0.7234, 2.1611), -95368.44),
        ("mbg-nbd", (0.6371, 7.3103, 0.8075, 1.2284), -95336.96),
    ],
)
def test_parameters_of_all_customers(
    family: Family, published: tuple[float, ...], level: float
) -> None:
    fitted = fit(snapshot(cdnow_master(), CDNOW_CUT).histories, family, with_prior=False)
    model = fitted.model
    found = (model.r, model.alpha_days / 7, model.a, model.b)
    assert found == pytest.approx(published, rel=0.005)
    assert fitted.log_likelihood == pytest.approx(level, abs=0.05)
    assert fitted.customers == 23_570


# x, t_x and T in weeks; P(alive) and risk over 39 weeks of BG/NBD and MBG/NBD, and the purchases
# that BG/NBD expects in them, with the published parameters.
GOLDEN = [
    ((0, 0.0, 38.86), (1.0, 0.855449), (0.389735, 0.891171), 0.195098),
    ((1, 1.71, 38.86), (0.212101, 0.883333), (0.170836, 0.895156), 0.203187),
    ((2, 30.43, 38.86), (0.726579, 0.445373), (0.706202, 0.440006), 1.226028),
    ((7, 29.43, 38.86), (0.641756, 0.364358), (0.622724, 0.382977), 3.337053),
    ((26, 30.86, 31.0), (0.968916, 0.031084), (0.965566, 0.034434), 20.749726),
    ((12, 35.0, 36.0), (0.925696, 0.074541), (0.918790, 0.081463), 8.467256),
]


@pytest.mark.parametrize(("history", "bg", "mbg", "purchases"), GOLDEN)
def test_golden_values(
    history: tuple[int, float, float],
    bg: tuple[float, float],
    mbg: tuple[float, float],
    purchases: float,
) -> None:
    # The formulas know no unit of time: with hundredths of a week for a day, ages are whole.
    x, t_x, age = history
    one = Histories(*(np.array([each]) for each in (x, round(t_x * 100), round(age * 100), 1)))
    families: list[tuple[Family, MbgNbd, tuple[float, float]]] = [
        ("bg-nbd", MbgNbd(r=0.243, alpha_days=441.4, a=0.793, b=2.426), bg),
        ("mbg-nbd", MbgNbd(r=0.525, alpha_days=618.3, a=0.891, b=1.614), mbg),
    ]
    for family, model, (alive, at_risk) in families:
        assert p_alive(model, one, family)[0] == pytest.approx(alive, abs=1e-5)
        assert risk(model, one, 3_900.0, family)[0] == pytest.approx(at_risk, abs=1e-5)
    _, model, _ = families[0]
    assert expected_purchases(model, one, 3_900.0, "bg-nbd")[0] == pytest.approx(
        purchases, abs=1e-5
    )


def test_what_repeat_buyers_spend() -> None:
    """Published with the first purchase left out: 946 repeat buyers, p 6.25, q 3.74, v 15.44."""
    taken = snapshot(cdnow(), CDNOW_CUT)
    known = cdnow().until(CDNOW_CUT)
    first = np.r_[0, np.flatnonzero(np.diff(known.customer)) + 1]
    repeats = taken.histories.repeats
    spent = taken.mean_amount * (repeats + 1) - known.amount[first]
    mean = np.where(repeats > 0, spent / np.maximum(repeats, 1), 0.0)
    assert int((repeats > 0).sum()) == 946
    model = gamma_gamma.fit(repeats, mean)
    assert (model.p, model.q, model.v) == pytest.approx((6.25, 3.74, 15.44), rel=0.005)

    published = gamma_gamma.GammaGamma(p=6.2488, q=3.7446, v=15.4477)
    expected = gamma_gamma.expected_amount(
        published, np.array([2, 1, 0]), np.array([22.35, 11.77, 0.0])
    )
    assert expected == pytest.approx([24.65862, 18.91147, 35.17100], abs=5e-4)


def test_predictions_without_labels() -> None:
    found = evaluate(cdnow(), CDNOW_CUT, WEEKS_39)
    assert found.risk.customers == 2_357
    assert found.risk.churn_rate == pytest.approx(0.710, abs=5e-4)
    assert found.risk.auc is not None
    assert found.risk.auc >= 0.755
    assert found.risk.brier <= 0.163
    assert found.risk.ece <= 0.06
    assert found.recency.auc == pytest.approx(0.771, abs=5e-4)
    assert found.value.auc is not None
    assert found.value.auc >= 0.772, "the order for a list of calls"
    assert found.value.actual_purchases == 1_882


def test_predictions_with_labels() -> None:
    found = evaluate(cdnow(), CDNOW_CUT, WEEKS_39)
    assert tuple(found.with_labels) == METHODS
    logistic = found.with_labels["logistic"].quality
    assert logistic.auc is not None
    assert logistic.auc >= 0.775
    assert logistic.brier <= 0.157
    assert logistic.ece <= 0.02
    for learned in found.with_labels.values():
        assert learned.quality.brier < found.risk.brier
        assert learned.quality.ece < found.risk.ece


@pytest.mark.parametrize("customers", [30, 100])
def test_small_samples_are_usable_because_of_the_prior(customers: int) -> None:
    taken = snapshot(cdnow(), CDNOW_CUT)
    later = cdnow().between(CDNOW_CUT + 1, CDNOW_CUT + WEEKS_39)
    happened = ~np.isin(taken.customer, later.customer)
    rng = np.random.default_rng(customers)
    briers = []
    for _ in range(12):
        some = rng.permutation(len(happened))[:customers]
        fitted = fit(taken.histories.take(some))
        said = risk(fitted.model, taken.histories, WEEKS_39)
        briers.append(float(np.mean((said - happened) ** 2)))
    assert max(briers) < 0.2, "a coin's is 0.25, the churn rate's own 0.206"

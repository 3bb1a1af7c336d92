"""Customers who do what the model assumes: what was put in has to come out again."""

import numpy as np
import pytest

from models.churn import Coins, MbgNbd, log_dead
from models.churn import risk as risk_of_one
from models.churn_coins import Complainer, Grievance, fit_coins, log_likelihood
from models.churn_fit import Family, fit
from models.churn_forecast import expected_purchases, risk
from models.churn_history import Histories
from models.churn_labels import Matured, try_platt
from models.events import SEVERITIES
from tests.churn.simulated import ages, complaining, gaps_at_bins, population

TRUE = MbgNbd(r=0.8, alpha_days=40.0, a=0.9, b=2.5)
HORIZON_DAYS = 90


def test_parameters_and_risks_are_recovered() -> None:
    rng = np.random.default_rng(20_26)
    histories, silent = population(TRUE, ages(60_000, 730, rng), HORIZON_DAYS, rng)
    fitted = fit(histories)
    model = fitted.model
    assert fitted.dropout_identified
    assert model.r == pytest.approx(TRUE.r, rel=0.05)
    assert model.alpha_days == pytest.approx(TRUE.alpha_days, rel=0.05)
    assert model.a == pytest.approx(TRUE.a, rel=0.1)
    assert model.b == pytest.approx(TRUE.b, rel=0.1)
    said, known = (risk(each, histories, HORIZON_DAYS) for each in (model, TRUE))
    assert float(np.abs(said - known).max()) < 0.02
    assert max(gaps_at_bins(said, silent)) < 0.02, "within two points in every decile"


@pytest.mark.long
def test_the_effect_of_complaints_is_recovered() -> None:
    rng = np.random.default_rng(4)
    true = Coins(low=0.05, medium=0.15, high=0.3, critical=0.6)
    people, silent = complaining(
        TRUE, true, ages(30_000, 500, rng), per_day=1 / 400, horizon_days=HORIZON_DAYS, rng=rng
    )
    unhappy = [each for each in people if each.grievances]
    content = [each for each in people if not each.grievances]
    columns = np.array([(each.repeats, each.last_age_days, each.age_days) for each in content])
    x, last, age = columns.astype(np.int64).T
    model = fit(Histories(x, last, age, np.ones_like(x))).model
    assert model.r == pytest.approx(TRUE.r, rel=0.08)
    assert model.alpha_days == pytest.approx(TRUE.alpha_days, rel=0.08)

    found = fit_coins(model, unhappy, Coins())
    for severity in SEVERITIES:
        assert getattr(found, severity) == pytest.approx(getattr(true, severity), abs=0.05)
    assert log_likelihood(model, found, unhappy) > log_likelihood(model, Coins(), unhappy)

    said = np.array([risk_with(model, found, each) for each in people])
    assert max(gaps_at_bins(said, silent)) < 0.02, "within two points in every decile"
    of_unhappy = np.array([bool(each.grievances) for each in people])
    assert max(gaps_at_bins(said[of_unhappy], silent[of_unhappy])) < 0.03
    ignored = np.array([risk_with(model, Coins(low=0, medium=0, high=0, critical=0), each)
                        for each in unhappy])  # fmt: skip
    assert ignored.mean() < silent[of_unhappy].mean() - 0.02, "complaints matter"


def risk_with(model: MbgNbd, coins: Coins, one: Complainer) -> float:
    thrown = [
        (each.age_days, coins.complaint(each.severity, resolved_well=each.resolved_well))
        for each in one.grievances
    ]
    ell = log_dead(model, one.repeats, one.last_age_days, thrown)
    return risk_of_one(model, one.repeats, ell, one.age_days, HORIZON_DAYS)


def test_coins_of_which_too_little_is_known_stay() -> None:
    few = [Complainer(1, 10.0, 90.0, (Grievance(20.0, "high", False),))] * 49
    assert fit_coins(TRUE, few, Coins()) == Coins()


def test_where_nobody_leaves_that_is_said() -> None:
    rng = np.random.default_rng(1)
    immortal = MbgNbd(r=0.8, alpha_days=40.0, a=1e-9, b=2.5)
    histories, silent = population(immortal, ages(20_000, 365, rng), HORIZON_DAYS, rng)
    fitted = fit(histories)
    assert not fitted.dropout_identified
    assert max(gaps_at_bins(risk(fitted.model, histories, HORIZON_DAYS), silent)) < 0.03


def test_foreign_parameters_are_repaired_by_what_matures() -> None:
    rng = np.random.default_rng(2)
    foreign = MbgNbd(r=0.525, alpha_days=43.3, a=0.891, b=1.614)
    predictions = []
    for week in range(3):
        histories, silent = population(TRUE, ages(3_000, 400, rng), HORIZON_DAYS, rng)
        predictions.append(
            Matured(week * HORIZON_DAYS, risk(foreign, histories, HORIZON_DAYS), silent)
        )
    trial = try_platt(predictions, HORIZON_DAYS)
    assert trial is not None
    assert trial.labels == 6_000, "the first days have nothing to learn from"
    assert trial.won


def test_expected_purchases_at_the_edge_of_what_is_searched() -> None:
    """Where SciPy's hypergeometric function finds no number."""
    one = Histories(*(np.array([each]) for each in (0, 0, 0, 1)))
    model = MbgNbd(r=1.0, alpha_days=1.0, a=8_000.0, b=1.3e-4)
    returns = 1.3e-4 / 8_000.0  # the chance to survive the coin of the first purchase
    (expected,) = expected_purchases(model, one, 10.0)
    assert expected == pytest.approx(returns * 10.0 / 11.0, rel=0.01)


@pytest.mark.parametrize("family", ["mbg-nbd", "bg-nbd"])
@pytest.mark.parametrize("a", [0.5, 1.0, 2.0])
def test_expected_purchases_are_those_of_living_and_dying(family: Family, a: float) -> None:
    """Against the average over customers drawn from what a history leaves open."""
    rng = np.random.default_rng(3)
    model = MbgNbd(r=TRUE.r, alpha_days=TRUE.alpha_days, a=a, b=TRUE.b)
    histories, _ = population(TRUE, np.full(6, 300), HORIZON_DAYS, rng)
    expected = expected_purchases(model, histories, HORIZON_DAYS, family)
    coins = histories.repeats + (family == "mbg-nbd")
    for x, age, k, t_x, value in zip(
        histories.repeats, histories.age_days, coins, histories.last_age_days, expected, strict=True
    ):
        rate = rng.gamma(model.r + x, 1.0 / (model.alpha_days + age), 200_000)
        coin = np.maximum(rng.beta(model.a, model.b + k, 200_000), 1e-9)
        living = float(np.mean(-np.expm1(-rate * coin * HORIZON_DAYS) / coin))
        odds = 0.0
        if k:
            silence = np.log((model.alpha_days + age) / (model.alpha_days + t_x))
            odds = model.a / (model.b + k - 1) * float(np.exp((model.r + x) * silence))
        assert value == pytest.approx(living / (1.0 + odds), rel=0.02)

"""What labels teach: recovered where it is known, and promoted only where it helped later."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn_calibration import Platt, log_odds
from models.churn_history import Flags, Floats
from models.churn_labels import (
    METHODS,
    Isotonic,
    Matured,
    Trial,
    corrected,
    cross_validated,
    learn,
    platt_of,
    try_platt,
)

FEATURES = 6


def predictions(
    count: int, seed: int, intercept: float = -0.7, slope: float = 0.8
) -> tuple[Floats, Flags]:
    """Return features whose first column is off by Platt's two parameters, and what happened."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, FEATURES))
    true = 1.0 / (1.0 + np.exp(-(intercept + slope * rows[:, 0])))
    return rows, rng.random(count) < true


def test_platt_recovers_what_was_off() -> None:
    learned = learn("platt", *predictions(50_000, 1))
    assert isinstance(learned, Platt)
    assert learned.intercept == pytest.approx(-0.7, abs=0.05)
    assert learned.slope == pytest.approx(0.8, abs=0.05)


def test_isotonic_never_falls() -> None:
    rows, churned = predictions(5_000, 2)
    learned = learn("isotonic", rows, churned)
    assert isinstance(learned, Isotonic)
    assert list(learned.risks) == sorted(learned.risks)
    assert list(learned.values) == sorted(learned.values)
    assert float(corrected(learned, rows).mean()) == pytest.approx(float(churned.mean()), abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_parameters_are_plain_numbers(method: str) -> None:
    learned = learn(method, *predictions(500, 3))
    text = msgspec.json.encode(learned)
    assert msgspec.json.decode(text, type=type(learned)) == learned
    assert all(isinstance(each, int | float | list | dict) for each in json.loads(text).values())


@pytest.mark.parametrize("method", METHODS)
def test_nobody_is_judged_by_her_own_label(method: str) -> None:
    rows, churned = predictions(400, 4)
    before = cross_validated(method, rows, churned)
    one = churned.copy()
    one[7] = not one[7]
    after = cross_validated(method, rows, one)
    assert after[7] == before[7]
    assert not np.array_equal(after, before)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="'neural'; one of platt, isotonic, logistic"):
        learn("neural", *predictions(100, 5))


@given(st.floats(-5, 5), st.floats(0.05, 5), st.floats(0.001, 0.999))
def test_platt_keeps_the_order_and_can_be_undone(
    intercept: float, slope: float, risk: float
) -> None:
    platt = Platt(intercept=intercept, slope=slope)
    there = platt.calibrated(risk)
    assert 0.0 < there <= 1.0  # the nearest number to what is all but certain is 1
    assert platt.calibrated(min(1.0, risk + 0.01)) >= there
    if 1e-9 < there < 1 - 1e-9:
        assert platt.raw(there) == pytest.approx(risk, rel=1e-4)
    assert log_odds(platt.calibrated(0.5)) == pytest.approx(intercept, abs=1e-9)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 0.0), (0.0, -1.0), (float("nan"), 1.0)])
def test_a_calibration_that_turns_the_order_is_refused(intercept: float, slope: float) -> None:
    with pytest.raises(ValueError, match="calibrate again"):
        Platt(intercept=intercept, slope=slope)


def matured(day: int, count: int, seed: int, *, turned: bool = False) -> Matured:
    rows, churned = predictions(count, seed)
    risk = 1.0 / (1.0 + np.exp(-rows[:, 0]))
    return Matured(day, risk, ~churned if turned else churned)


def test_a_trial_learns_only_from_what_was_known_then() -> None:
    horizon = 30
    days = [matured(day, 400, day) for day in (0, 10, 20, 30, 40)]
    trial = try_platt(days, horizon)
    assert trial is not None
    assert trial.labels == 800, "day 30 knows what became of day 0, day 40 also of day 10"
    assert trial.won
    assert try_platt(days[:3], horizon) is None
    changed = [*days[:2], matured(20, 400, 99, turned=True), *days[3:]]
    assert try_platt(changed, horizon) == trial, "what became of day 20 was not known by day 40"


@pytest.mark.parametrize(
    ("labels", "churned", "after", "won"),
    [
        (200, 50, 0.49, True),
        (200, 150, 0.49, True),
        (199, 60, 0.49, False),
        (200, 49, 0.49, False),
        (200, 151, 0.49, False),
        (200, 50, 0.50, False),
    ],
)
def test_what_wins_a_trial(labels: int, churned: int, after: float, won: bool) -> None:  # noqa: FBT001
    trial = Trial(labels=labels, churned=churned, log_loss_raw=0.5, log_loss_calibrated=after)
    assert trial.won is won


def test_too_few_labels_teach_nothing() -> None:
    assert platt_of([matured(0, 60, 6)]) is None

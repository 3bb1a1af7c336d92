"""The model in force: a calibration moves bounds, so it need not be applied to every risk."""

from __future__ import annotations

from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn import PRIOR, Coins
from models.churn_calibration import Platt
from models.churn_model import RiskModel
from models.events import ChurnModelActivated

calibrations = st.builds(Platt, intercept=st.floats(-60, 60), slope=st.floats(1e-3, 1e3))
within = st.floats(0.001, 0.999)


def test_an_activation_brings_all_three() -> None:
    platt, coins = Platt(intercept=0.2, slope=0.9), Coins(high=0.5)
    activated = ChurnModelActivated(
        number=1, by="ann", version=2, r=0.5, alpha_days=42.0, a=0.8, b=2.5,
        calibration=platt, coins=coins,
    )  # fmt: skip
    assert RiskModel.of(activated) == RiskModel(PRIOR, coins, platt)
    assert RiskModel.of(None) == RiskModel()


@given(st.floats(0, 0.999))
def test_without_a_calibration_risks_are_told_as_they_are(risk: float) -> None:
    assert RiskModel().calibrated(risk) == RiskModel().raw(risk) == risk


def test_certainty_is_never_reached() -> None:
    assert RiskModel().raw(1.0) == inf


@given(calibrations, within, within)
def test_a_bound_is_reached_where_the_calibrated_risk_reaches_it(
    platt: Platt, bound: float, risk: float
) -> None:
    model = RiskModel(calibration=platt)
    told = model.calibrated(risk)
    if told != pytest.approx(bound, abs=1e-9):
        assert (risk >= model.raw(bound)) == (told >= bound)


@given(calibrations, within)
def test_bounds_out_of_reach_are_0_and_infinity(platt: Platt, bound: float) -> None:
    model = RiskModel(calibration=platt)
    raw = model.raw(bound)
    if raw == 0.0:
        assert model.calibrated(0.0) >= bound - 1e-9
    elif raw == inf:
        assert model.calibrated(1.0) <= bound + 1e-9
    else:
        assert 0.0 < raw < nextafter(1.0, 0.0)

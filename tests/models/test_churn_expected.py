"""Expected purchases of one customer: the same as for many at once, with libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models import churn_forecast
from models.churn import MbgNbd, log_dead
from models.churn_expected import expected_purchases
from models.churn_history import Histories

_SHAPES = st.floats(0.05, 5.0)


@given(
    st.builds(MbgNbd, r=_SHAPES, alpha_days=st.floats(1.0, 400.0), a=_SHAPES, b=_SHAPES),
    st.integers(0, 60),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1_500.0),
    st.floats(1.0, 730.0),
)
@example(MbgNbd(r=1.0, alpha_days=1.0, a=1.0, b=1.0), 0, 0.0, 0.0, 1.0)
def test_one_customer_is_as_many(
    model: MbgNbd, repeats: int, share: float, age_days: float, horizon_days: float
) -> None:
    last_days = share * age_days
    ell = log_dead(model, repeats, last_days)
    one = expected_purchases(model, repeats, ell, age_days, horizon_days)
    many = churn_forecast.expected_purchases(
        model, _history(repeats, last_days, age_days), horizon_days
    )
    assert one == pytest.approx(float(many[0]), rel=1e-6, abs=1e-9)


def test_longer_ahead_is_more() -> None:
    model = MbgNbd(r=0.5, alpha_days=42.0, a=0.8, b=2.5)
    ell = log_dead(model, 4, 100.0)
    expected = [expected_purchases(model, 4, ell, 120.0, days) for days in (1.0, 30.0, 365.0)]
    assert 0.0 < expected[0] < expected[1] < expected[2]


def _history(repeats: int, last_days: float, age_days: float) -> Histories:
    return Histories(
        np.array([repeats]), np.array([last_days]), np.array([age_days]), np.array([1])
    )

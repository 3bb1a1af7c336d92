"""Live quality: what a worker makes of states is what the weekly measurement makes of purchases."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.calendar import DAY_S, calendar
from models.churn import PRIOR
from models.churn_calibration import Platt
from models.churn_forecast import risk
from models.churn_history import churned, snapshot
from models.churn_live import CUSTOMERS_MIN, Outcome, outcome, realised
from models.churn_model import RiskModel
from models.customer import Facts
from streams.jobs.churn.states import purchases_of

UTC = calendar("UTC")
TODAY = 20_000
HORIZON_DAYS = 30
DAY = TODAY - HORIZON_DAYS - 1
PLATT = Platt(intercept=0.4, slope=0.8)

days = st.lists(st.integers(TODAY - 120, TODAY), min_size=1, max_size=12, unique=True).map(sorted)


def facts_of(bought: list[int], pruned: int = 0) -> Facts:
    """Return the facts of purchases of which the first `pruned` days are beyond retention."""
    kept = bought[pruned:]
    return Facts(
        first_purchase_at=bought[0] * DAY_S + 3_600, last_purchase_at=bought[-1] * DAY_S,
        purchase_days=len(bought), days=kept, net_minor=[100] * len(kept), orders=[1] * len(kept),
    )  # fmt: skip


@settings(max_examples=80)
@example([DAY], 0)
@given(days, st.integers(0, 3))
def test_an_outcome_is_that_of_the_weekly_measurement(bought: list[int], pruned: int) -> None:
    facts = facts_of(bought, min(pruned, len(bought) - 1))
    purchases = purchases_of([facts], UTC)
    taken = snapshot(purchases, DAY)
    found = outcome(facts, RiskModel(), HORIZON_DAYS, DAY, UTC)
    if not len(taken.customer):
        assert found is None
    elif all(day <= DAY for day in bought[:pruned]):  # otherwise a state cannot know
        assert found is not None
        assert found.risk == pytest.approx(risk(PRIOR, taken.histories, HORIZON_DAYS)[0])
        assert found.churned == churned(purchases, taken, HORIZON_DAYS)[0]


def test_who_never_bought_has_no_outcome() -> None:
    assert outcome(Facts(), RiskModel(), HORIZON_DAYS, DAY, UTC) is None


def test_risks_are_those_that_were_told() -> None:
    facts = facts_of([DAY - 40, DAY - 20])
    raw = outcome(facts, RiskModel(), HORIZON_DAYS, DAY, UTC)
    told = outcome(facts, RiskModel(calibration=PLATT), HORIZON_DAYS, DAY, UTC)
    assert raw is not None
    assert told == Outcome(PLATT.calibrated(raw.risk), churned=True)


def test_rates_take_a_hundred_customers() -> None:
    half = [Outcome(0.6, churned=True), Outcome(0.8, churned=False)] * (CUSTOMERS_MIN // 2)
    assert realised(half[1:]) is None
    found = realised(half)
    assert found is not None
    assert (found.customers, found.realised) == (CUSTOMERS_MIN, 0.5)
    assert found.drift == pytest.approx(0.2)

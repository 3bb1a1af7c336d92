"""What went wrong since the last purchase weighs on the risk: complaints and detractors."""

from __future__ import annotations

from typing import Any

import pytest

from models.churn import Coins
from models.events import Feedback
from rules.churn_risk import coins_since
from tests.rules.driving import Driver, at

COINS = Coins()


def buyer() -> Driver:
    customer = Driver(first_tick=at(0))
    customer.take(customer.purchase(at(0)))
    return customer


def thrown(customer: Driver) -> list[float]:
    return [coin for _, coin, _ in coins_since(customer.known.facts, COINS, at(0), at(0))]


@pytest.mark.parametrize(
    ("outcome", "well"), [("satisfied", True), ("unsatisfied", False), ("rejected", False)]
)
def test_only_a_complaint_that_ends_well_weighs_less(outcome: str, *, well: bool) -> None:
    customer = buyer()
    customer.take(customer.complaint(at(1), severity="high"))
    customer.take(customer.complaint(at(2), action="resolved", outcome=outcome))
    assert thrown(customer) == [COINS.complaint("high", resolved_well=well)]
    customer.take(customer.complaint(at(3), action="retracted"))
    assert thrown(customer) == []


@pytest.mark.parametrize("polarity", ["negative", "neutral", "positive"])
def test_of_feedback_only_a_detractors_weighs(polarity: Any) -> None:  # noqa: ANN401
    customer = buyer()
    given = Feedback(
        event_id="f", source="web", occurred_at=at(1), feedback_id="f", action="given",
        kind="survey", metric="label", polarity=polarity,
    )  # fmt: skip
    customer.take(given)
    assert thrown(customer) == ([COINS.detractor] if polarity == "negative" else [])

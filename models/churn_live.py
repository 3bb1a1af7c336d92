"""How well the churn model does, from the states of a few customers: predictions made again.

As in `models.churn_watch`, nothing is recorded for it: a state's purchase days say how a customer
stood one horizon ago, and the days since then say what became of her. Plain Python, for a worker
does this beside its work, of a sample, and should load no numeric library for it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from models.calendar import Calendar
from models.churn import log_dead, risk
from models.churn_model import RiskModel
from models.customer import Facts

CUSTOMERS_MIN = 100  # of fewer customers, rates say nothing


class Outcome(NamedTuple):
    """A customer's risk on a day, as it was told, and whether she then bought nothing."""

    risk: float
    churned: bool


class Realised(NamedTuple):
    """The churn rate that was predicted for customers, and the one that came."""

    customers: int
    predicted: float
    realised: float

    @property
    def drift(self) -> float:
        """Predicted less realised churn rate: above 0, the model is too gloomy."""
        return self.predicted - self.realised


def outcome(
    facts: Facts, model: RiskModel, horizon_days: int, day: int, zone: Calendar
) -> Outcome | None:
    """Return what the model says of how a customer stood at the end of `day`, and what came of it.

    None: she had not bought by then. `day` lies at least a horizon ago. Days beyond a state's
    retention count as the first of them, and complaints are left out: what was known of them that
    day is not kept.
    """
    if facts.first_purchase_at is None:
        return None
    first = zone.day(facts.first_purchase_at)
    if first > day:
        return None
    known = bisect_right(facts.days, day)
    later = len(facts.days) - known
    repeats = max(0, facts.purchase_days - later - 1)
    last_age = max(0, facts.days[known - 1] - first) if known else 0
    ell = log_dead(model.parameters, repeats, last_age)
    raw = risk(model.parameters, repeats, ell, day - first, horizon_days)
    came_back = bool(later) and facts.days[known] <= day + horizon_days
    return Outcome(model.calibrated(raw), not came_back)


def realised(outcomes: list[Outcome]) -> Realised | None:
    """Return the rates of many customers; None where there are fewer than a hundred."""
    count = len(outcomes)
    if count < CUSTOMERS_MIN:
        return None
    predicted = sum(each.risk for each in outcomes) / count
    return Realised(count, predicted, sum(each.churned for each in outcomes) / count)

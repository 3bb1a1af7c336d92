"""Watching a churn model at work: each week's predictions against what became of them.

Nothing needs to be recorded for that, and so nothing is lost with a worker. A customer's purchase
days say how she stood at the end of any earlier week, so a model's predictions of that day can be
made again, and by now the horizon after it has passed. With the model that was in force that day
they are what customers were told. With the one in force now they are what it would have told them:
that model may have been fitted to these purchases since, and calibrated with these labels.
Complaints are left out: what was known of them that day is not kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.churn import MbgNbd
from models.churn_fit import Family
from models.churn_forecast import risk
from models.churn_history import Purchases, churned, snapshot
from models.churn_labels import Matured
from models.churn_quality import Quality, quality

WEEK_DAYS = 7
WEEKS = 26
CUSTOMERS_MIN = 100
DRIFT_ALARM = 0.05


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """The predictions of one day, matured."""

    day: int
    quality: Quality

    @property
    def drift(self) -> float:
        """Predicted less realised churn rate: above 0, the model is too gloomy."""
        return self.quality.predicted_rate - self.quality.churn_rate


def matured(
    purchases: Purchases,
    model: MbgNbd,
    horizon_days: int,
    today: int,
    *,
    family: Family = "mbg-nbd",
    weeks: int = WEEKS,
) -> list[Matured]:
    """Return the predictions of the newest `weeks` weeks whose horizon has passed, oldest first.

    They are raw; `models.churn_labels.calibrated` returns them as they are told. The newest are
    those of `today - horizon_days`. Weeks with fewer than 100 customers are left out: their rates
    say nothing.
    """
    found = []
    for back in reversed(range(weeks)):
        day = today - horizon_days - back * WEEK_DAYS
        taken = snapshot(purchases, day)
        if len(taken.customer) >= CUSTOMERS_MIN:
            said = risk(model, taken.histories, horizon_days, family)
            found.append(Matured(day, said, churned(purchases, taken, horizon_days)))
    return found


def weekly(predictions: Sequence[Matured]) -> list[Week]:
    """Return how good each week's predictions were."""
    return [Week(day=each.day, quality=quality(each.risk, each.churned)) for each in predictions]

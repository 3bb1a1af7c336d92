"""The churn model at work: which one is in force, since when, and how its weeks turned out."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from models.calendar import Calendar
from models.churn_history import usual_horizon_days
from models.churn_labels import calibrated
from models.churn_model import RiskModel
from models.churn_watch import DRIFT_ALARM, Week, matured, weekly
from rules.eras import Era
from streams.jobs.churn.states import Population
from streams.log.port import Log
from streams.stored_eras import activated_at


class InForce(NamedTuple):
    """The model that customers are scored with. Version 0 is the default, before any fit."""

    version: int
    model: RiskModel
    since: int | None
    """When it was activated, seconds since 1970; None for the default, or where it is forgotten."""


async def in_force(log: Log, control_topic: str, era: Era | None) -> InForce:
    """Return the model of an era; its age is that of its record in the control topic.

    Raises:
        Unavailable: the control topic could not be read.
    """
    if era is None or era.record.model is None:
        return InForce(0, RiskModel(), None)
    since = await activated_at(log, control_topic, era.record)
    return InForce(era.record.model.version, era.model, since)


def horizon_of(population: Population) -> int | None:
    """Return the rulebook's horizon; where it has none, what suits the gaps."""
    if population.era is not None and population.era.churn is not None:
        return round(population.era.churn.rules.horizon_days)
    return usual_horizon_days(population.purchases)


def weeks_of(population: Population, model: RiskModel, horizon_days: int, today: int) -> list[Week]:
    """Return the matured weeks of the model in force, oldest first."""
    raw = matured(population.purchases, model.parameters, horizon_days, today)
    return weekly(calibrated(raw, model.calibration))


def as_json(used: InForce, horizon_days: int, weeks: list[Week], now: int) -> bytes:
    """Return one line; `drift` is that of the newest matured week, null before there is one."""
    return msgspec.json.encode(
        {
            "model": "mbg-nbd",
            "version": used.version,
            "age_s": None if used.since is None else now - used.since,
            "parameters": used.model.parameters,
            "calibration": used.model.calibration,
            "coins": used.model.coins,
            "horizon_days": horizon_days,
            "drift": weeks[-1].drift if weeks else None,
            "weeks": [
                {"day": Calendar.date(each.day).isoformat(), "drift": each.drift}
                | msgspec.structs.asdict(each.quality)
                for each in weeks
            ],
        }
    )


def verdict(weeks: list[Week]) -> str:
    """Say how far the newest matured predictions were off, and what to do about it."""
    if not weeks:
        return (
            "No prediction has matured yet: that takes a horizon of history, and a hundred "
            "customers before it."
        )
    drift, day = weeks[-1].drift, Calendar.date(weeks[-1].day).isoformat()
    if abs(drift) <= DRIFT_ALARM:
        return f"In order: the predictions of {day} were off by {abs(drift):.1%} on average."
    gloomy = "more" if drift > 0.0 else "fewer"
    return (
        f"Drift: for {day} {abs(drift):.1%} {gloomy} of the customers were predicted to churn than "
        "did. Fit again: `tierstream churn fit --calibrate`"
    )

"""The churn model at work: which one is in force, since when, and how its weeks turned out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from models.calendar import Calendar
from models.churn_history import usual_horizon_days
from models.churn_labels import calibrated
from models.churn_model import RiskModel
from models.churn_watch import DRIFT_ALARM, Week, matured, weekly
from models.events import ChurnModelActivated
from rules.eras import Era
from streams.jobs.churn.states import Population
from streams.jobs.in_force import activation
from streams.log.port import Log
from streams.stored_eras import activated_at


class InForce(NamedTuple):
    """The model that customers are scored with. Version 0 is the default, before any fit."""

    version: int
    model: RiskModel
    since: int | None
    """When it was activated, seconds since 1970; None for the default, or where it is forgotten."""


class Told(NamedTuple):
    """What customers were told on a day: by which model's version, and the mean of their risks."""

    version: int
    predicted_rate: float


async def in_force(log: Log, control_topic: str, era: Era | None) -> InForce:
    """Return the model of an era; its age is that of its record in the control topic.

    Raises:
        Unavailable: the control topic could not be read.
    """
    if era is None or era.record.model is None:
        return InForce(0, RiskModel(), None)
    since = await activated_at(log, control_topic, era.record)
    return InForce(era.record.model.version, era.model, since)


async def ever_in_force(log: Log, control_topic: str) -> list[InForce]:
    """Return all models that the control topic knows, oldest first; the default came before them.

    Raises:
        Unavailable: the control topic could not be read.
    """
    found = [InForce(0, RiskModel(), None)]
    start, end = await log.bounds(control_topic, 0)
    async for records, _ in log.read(control_topic, 0, start, end):
        activated = ((record, activation(record, ChurnModelActivated)) for record in records)
        found += [
            InForce(event.version, RiskModel.of(event), record.timestamp)
            for record, event in activated
            if event is not None
        ]
    return found


def horizon_of(population: Population) -> int | None:
    """Return the rulebook's horizon; where it has none, what suits the gaps."""
    if population.era is not None and population.era.churn is not None:
        return round(population.era.churn.rules.horizon_days)
    return usual_horizon_days(population.purchases)


def weeks_of(
    population: Population, model: RiskModel, horizon_days: int, last_day: int
) -> list[Week]:
    """Return the matured weeks of the model in force, oldest first, as known after `last_day`."""
    raw = matured(population.purchases, model.parameters, horizon_days, last_day)
    return weekly(calibrated(raw, model.calibration))


def told_of(
    population: Population,
    models: Sequence[InForce],
    weeks: Sequence[Week],
    horizon_days: int,
    last_day: int,
) -> dict[int, Told]:
    """Return by day what customers were told in each week; `models` as of `ever_in_force`.

    Other than `weeks_of` it knows no model that came later, so it says how good predictions were
    when they were made: those of the model in force at the end of the day.
    """
    zone = population.zone
    used = {
        week.day: next(
            model
            for model in reversed(models)
            if model.since is None or zone.day(model.since) <= week.day
        )
        for week in weeks
    }
    found: dict[int, Told] = {}
    for model in set(used.values()):
        raw = matured(population.purchases, model.model.parameters, horizon_days, last_day)
        for each in calibrated(raw, model.model.calibration):
            if used.get(each.day) is model:
                found[each.day] = Told(model.version, float(each.risk.mean()))
    return found


def as_json(
    used: InForce,
    horizon_days: int,
    weeks: Sequence[Week],
    now: int,
    told: Mapping[int, Told] = MappingProxyType({}),
) -> bytes:
    """Return one line; `drift` is that of the newest matured week, null before there is one.

    A week's `told` is null where it is not known what customers were told.
    """
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
            "weeks": [_plain(each, told.get(each.day)) for each in weeks],
        }
    )


def _plain(week: Week, told: Told | None) -> dict[str, Any]:
    return {
        "day": Calendar.date(week.day).isoformat(),
        "drift": week.drift,
        **msgspec.structs.asdict(week.quality),
        "told": None if told is None else told._asdict(),
    }


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

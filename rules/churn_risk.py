"""The churn band of a customer: from facts and a model to a risk, from a risk to a band, and when.

Everything here compares raw risks, as the model gives them: an era turns the bounds that people
write, which are calibrated, into raw ones once, and no event pays for the calibration.

Between events the risk only rises, so a band is entered by silence at one instant that can be
solved for. It is solved anew at every event. To keep an instant that is only known not to be late
would cost more: after the next purchase its timer fires in vain, and that costs an evaluation.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.calendar import DAY_S
from models.churn import Coins, log_dead, risk
from models.churn_crossing import crossing_at
from models.churn_model import RiskModel
from models.events import SEVERITIES
from models.fold_cases import POLARITIES, RESOLVED, RETRACTED

if TYPE_CHECKING:
    from models.customer import Conclusions, Facts
    from rules.book import ChurnRules

_SATISFIED = 1
_NEGATIVE = POLARITIES.index("negative")
_SCORE_MAX = 100


class Scale(NamedTuple):
    """What an era measures churn with: rules and model, and their bounds as raw risks."""

    rules: ChurnRules
    model: RiskModel
    bands: tuple[tuple[float, float], ...]
    """Of each band above the lowest: the risks to enter it and to keep it."""
    scores: tuple[float, ...]
    """The risk at which each score from 1 to 100 begins."""

    @classmethod
    def of(cls, rules: ChurnRules, model: RiskModel) -> Scale:
        """Return the scale of churn rules with a model."""
        bands = tuple(
            (model.raw(band.enter / _SCORE_MAX), model.raw(band.keep / _SCORE_MAX))
            for band in rules.bands
        )
        halves = ((score - 0.5) / _SCORE_MAX for score in range(1, _SCORE_MAX + 1))
        return cls(rules, model, bands, tuple(map(model.raw, halves)))


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What the model needs of a history (see `models.churn`); ages in days since `first_at`."""

    first_at: int
    last_at: int
    repeats: int
    log_dead: float


def standing(facts: Facts, model: RiskModel) -> Standing | None:
    """Return a customer's standing, None before the first purchase."""
    first, last = facts.first_purchase_at, facts.last_purchase_at
    if first is None or last is None:
        return None
    repeats = facts.purchase_days - 1
    coins: list[tuple[float, float]] = []
    if facts.complaints or facts.feedback:
        coins = [(age, q) for age, q, _ in coins_since(facts, model.coins, first, last)]
    ell = log_dead(model.parameters, repeats, (last - first) / DAY_S, coins)
    return Standing(first, last, repeats, ell)


def coins_since(
    facts: Facts, coins: Coins, first: int, last: int
) -> list[tuple[float, float, bool]]:
    """Return (age in days, coin, is a complaint) of what went wrong since the last purchase.

    A complaint without a severity counts as low: nobody has said that it was worse.
    """
    thrown: list[tuple[float, float, bool]] = []
    for case in facts.complaints:
        opened = case.opened_at
        if opened is not None and opened >= last and case.status[1] != RETRACTED:
            well = case.status[1] == RESOLVED and case.status[2] == _SATISFIED
            q = coins.complaint(SEVERITIES[max(0, case.detail[2] - 1)], resolved_well=well)
            thrown.append(((opened - first) / DAY_S, q, True))
    for answer in facts.feedback:
        given = answer.given_at
        _, retracted, _, polarity, _, _, _ = answer.value
        if given is not None and given >= last and polarity == _NEGATIVE and not retracted:
            thrown.append(((given - first) / DAY_S, coins.detractor, False))
    return thrown


def age_days(stand: Standing, at: int) -> float:
    """Return a customer's age at an instant; facts from ahead of the clock count at once."""
    return (max(at, stand.last_at) - stand.first_at) / DAY_S


def raw_risk(scale: Scale, stand: Standing, at: int) -> float:
    """Return the risk at an instant as the model gives it, before any calibration."""
    age, horizon_days = age_days(stand, at), scale.rules.horizon_days
    return risk(scale.model.parameters, stand.repeats, stand.log_dead, age, horizon_days)


def score_at(scale: Scale, stand: Standing, at: int) -> int:
    """Return the calibrated risk at an instant as a whole number from 0 to 100, halves rounded up.

    For people to read. Bands compare the risk itself: at 0.747 the score says 75, and a band that
    begins at 0.75 has not begun.
    """
    return score_of(scale, raw_risk(scale, stand, at))


def score_of(scale: Scale, raw: float) -> int:
    """Return the score of a raw risk."""
    return bisect_right(scale.scores, raw)


def band_of(scale: Scale, raw: float, held: int | None) -> int:
    """Return the band of a raw risk, the one that is held by its own bound; 0 is the lowest."""
    band = 0
    for index, (enter, keep) in enumerate(scale.bands, start=1):
        if raw >= (keep if held is not None and held >= index else enter):
            band = index
    return band


def assess(
    facts: Facts, concluded: Conclusions, scale: Scale, at: int, *, at_once: bool
) -> tuple[int | None, int | None, int | None]:
    """Return the band at an instant, when it may change by itself, and until when it cannot rise.

    The band is None with too little history. `at_once`: a minimum stay does not hold this change
    back.
    """
    rules, model, bands, _ = scale
    stand = standing(facts, model)
    if stand is None:
        return None, None, None
    first, last, repeats, ell = stand.first_at, stand.last_at, stand.repeats, stand.log_dead
    if at < first + rules.minimum_history_s:
        return None, first + rules.minimum_history_s, None
    held, age = concluded.band, (max(at, last) - first) / DAY_S
    band = band_of(scale, risk(model.parameters, repeats, ell, age, rules.horizon_days), held)
    if band != held and held is not None and not at_once:
        stay_until = (concluded.band_since or 0) + rules.minimum_stay_s
        if at < stay_until:
            return held, stay_until, concluded.quiet_until
    quiet_until = None if band == len(bands) else reached_at(scale, stand, bands[band][0], at)
    return band, quiet_until, quiet_until


def has_stepped(scale: Scale, concluded: Conclusions, score: int) -> bool:
    """Tell whether a score is a step or more away from the one last told."""
    least, told = scale.rules.score_step, concluded.score
    return least is not None and told is not None and abs(score - told) >= least


def step(
    facts: Facts, concluded: Conclusions, scale: Scale, at: int, band: int | None
) -> tuple[bool, int | None]:
    """Return whether the score has moved by a step within its band, and when silence makes it.

    `band` is the one concluded just now: with another than before the score is told anyway.
    """
    least, stand = scale.rules.score_step, standing(facts, scale.model)
    if least is None or stand is None or band is None:
        return False, None
    score, told = score_at(scale, stand, at), concluded.score
    stepped = band == concluded.band and has_stepped(scale, concluded, score)
    if stepped or told is None or band != concluded.band:
        told = score
    if told + least > _SCORE_MAX:
        return stepped, None
    return stepped, reached_at(scale, stand, scale.scores[told + least - 1], at)


def reached_at(scale: Scale, stand: Standing, threshold: float, at: int) -> int | None:
    """Return the first second after `at` at which silence alone brings the risk to a raw threshold.

    None: never, or beyond a century.
    """
    if threshold >= 1.0:
        return None
    return crossing_at(
        scale.model.parameters,
        stand.repeats,
        stand.log_dead,
        threshold=threshold,
        horizon_days=scale.rules.horizon_days,
        first_purchase_at=stand.first_at,
        after=max(at + 1, stand.last_at),
    )

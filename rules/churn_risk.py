"""The churn band of a customer: from facts and a model to a risk, from a risk to a band, and when.

Between events the risk only rises, so a band is entered by silence at one instant that can be
solved for. Solving costs several evaluations; `quiet_until` saves most of them: an instant before
which the band is known not to rise stays valid as long as the risk *at that instant* is below the
next band, which is one evaluation to check. A purchase mostly moves the crossing away, the timer
then fires early, finds nothing, and the crossing is solved for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.calendar import DAY_S
from models.churn import Coins, MbgNbd, log_dead, risk
from models.churn_crossing import crossing_at
from models.events import SEVERITIES
from models.fold import POLARITIES, RESOLVED, RETRACTED

if TYPE_CHECKING:
    from models.customer import Conclusions, Facts
    from rules.book import ChurnRules

COINS = Coins()
_SATISFIED = 1
_NEGATIVE = POLARITIES.index("negative")


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What the model needs of a history (see `models.churn`); ages in days since `first_at`."""

    first_at: int
    last_at: int
    repeats: int
    log_dead: float


def standing(facts: Facts, model: MbgNbd) -> Standing | None:
    """Return a customer's standing, None before the first purchase."""
    first, last = facts.first_purchase_at, facts.last_purchase_at
    if first is None or last is None:
        return None
    repeats = facts.purchase_days - 1
    coins: list[tuple[float, float]] = []
    if facts.complaints or facts.feedback:
        coins = [(age, q) for age, q, _ in coins_since(facts, first, last)]
    return Standing(first, last, repeats, log_dead(model, repeats, (last - first) / DAY_S, coins))


def coins_since(facts: Facts, first: int, last: int) -> list[tuple[float, float, bool]]:
    """Return (age in days, coin, is a complaint) of what went wrong since the last purchase.

    A complaint without a severity counts as low: nobody has said that it was worse.
    """
    coins = []
    for case in facts.complaints:
        opened = case.opened_at
        if opened is not None and opened >= last and case.status[1] != RETRACTED:
            well = case.status[1] == RESOLVED and case.status[2] == _SATISFIED
            q = COINS.complaint(SEVERITIES[max(0, case.detail[2] - 1)], resolved_well=well)
            coins.append(((opened - first) / DAY_S, q, True))
    for answer in facts.feedback:
        given = answer.given_at
        _, retracted, _, polarity, _, _, _ = answer.value
        if given is not None and given >= last and polarity == _NEGATIVE and not retracted:
            coins.append(((given - first) / DAY_S, COINS.detractor, False))
    return coins


def age_days(stand: Standing, at: int) -> float:
    """Return a customer's age at an instant; facts from ahead of the clock count at once."""
    return (max(at, stand.last_at) - stand.first_at) / DAY_S


def assess(
    facts: Facts,
    concluded: Conclusions,
    rules: ChurnRules,
    model: MbgNbd,
    at: int,
    *,
    at_once: bool,
) -> tuple[int | None, int | None, int | None]:
    """Return the band at an instant, when it may change by itself, and until when it cannot rise.

    The band is None with too little history. `at_once`: a minimum stay does not hold this change
    back.
    """
    stand = standing(facts, model)
    if stand is None:
        return None, None, None
    first, last, repeats, ell = stand.first_at, stand.last_at, stand.repeats, stand.log_dead
    if at < first + rules.minimum_history_s:
        return None, first + rules.minimum_history_s, None
    held, band, horizon_days = concluded.band, 0, rules.horizon_days
    score = 100.0 * risk(model, repeats, ell, (max(at, last) - first) / DAY_S, horizon_days)
    for index, limits in enumerate(rules.bands, start=1):
        if score >= (limits.keep if held is not None and held >= index else limits.enter):
            band = index
    known = concluded.quiet_until
    if band != held:
        stay_until = (concluded.band_since or 0) + rules.minimum_stay_s
        if held is not None and not at_once and at < stay_until:
            return held, stay_until, known
    elif known is not None and known > at:
        # A second before, for at the instant itself the risk has just reached the next band.
        eve = (max(known - 1, last) - first) / DAY_S
        if 100.0 * risk(model, repeats, ell, eve, horizon_days) < rules.bands[band].enter:
            return band, known, known
    quiet_until = rises_at(rules, model, stand, band, at)
    return band, quiet_until, quiet_until


def rises_at(rules: ChurnRules, model: MbgNbd, stand: Standing, band: int, at: int) -> int | None:
    """Return the first second after `at` at which silence alone lifts the band; None: never."""
    if band >= len(rules.bands):
        return None
    return crossing_at(
        model,
        stand.repeats,
        stand.log_dead,
        threshold=rules.bands[band].enter / 100.0,
        horizon_days=rules.horizon_days,
        first_purchase_at=stand.first_at,
        after=max(at + 1, stand.last_at),
    )

"""The churn band of a customer: from facts and a model to a risk, from a risk to a band, and when.

Between events the risk only rises, so a band is entered by silence at one instant that can be solved
for. Solving costs several evaluations; `quiet_until` saves most of them: an instant before which
the band is known not to rise stays valid as long as the risk *at that instant* is below the next
band, which is one evaluation to check. A purchase mostly moves the crossing away, the timer then
fires early, finds nothing, and the crossing is solved for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


class Standing(NamedTuple):
    """What the model needs of a history (see `models.churn`); ages in days since `first_at`."""

    first_at: int
    last_at: int
    repeats: int
    log_dead: float


class Assessment(NamedTuple):
    """A customer's band (None: too little history), and when it may change by itself."""

    band: int | None
    due: int | None
    quiet_until: int | None


def standing(facts: Facts, model: MbgNbd) -> Standing | None:
    """Return a customer's standing, None before the first purchase."""
    first, last = facts.first_purchase_at, facts.last_purchase_at
    if first is None or last is None:
        return None
    repeats = facts.purchase_days - 1
    coins = (
        [(age, q) for age, q, _ in coins_since(facts, first, last)]
        if facts.complaints or facts.feedback
        else ()
    )
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
        if given is not None and given >= last and not answer.value[1]:
            if answer.value[3] == _NEGATIVE:
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
) -> Assessment:
    """Return the band at an instant. `at_once`: a minimum stay does not hold this change back."""
    stand = standing(facts, model)
    if stand is None:
        return Assessment(None, None, None)
    known_from = stand.first_at + rules.minimum_history_s
    if at < known_from:
        return Assessment(None, known_from, None)
    level = risk(model, stand.repeats, stand.log_dead, age_days(stand, at), rules.horizon_days)
    held = concluded.band
    band = _band(rules, held, 100.0 * level)
    since = concluded.band_since
    if held is not None and since is not None and band != held and not at_once:
        stay_until = since + rules.minimum_stay_s
        if at < stay_until:
            return Assessment(held, stay_until, concluded.quiet_until)
    quiet_until = _quiet_until(concluded, rules, model, stand, band, at)
    return Assessment(band, quiet_until, quiet_until)


def _band(rules: ChurnRules, held: int | None, score: float) -> int:
    """Return the band of a score: entered at `enter`, left only below `keep`. 0 is the lowest."""
    band = 0
    for index, limits in enumerate(rules.bands, start=1):
        if score >= limits.enter or (held is not None and held >= index and score >= limits.keep):
            band = index
    return band


def _quiet_until(
    concluded: Conclusions,
    rules: ChurnRules,
    model: MbgNbd,
    stand: Standing,
    band: int,
    at: int,
) -> int | None:
    if band >= len(rules.bands):
        return None
    threshold = rules.bands[band].enter / 100.0
    known = concluded.quiet_until
    if known is not None and known > at and band == concluded.band:
        then = age_days(stand, known)
        if risk(model, stand.repeats, stand.log_dead, then, rules.horizon_days) < threshold:
            return known
    return rises_at(rules, model, stand, band, at)


def rises_at(
    rules: ChurnRules, model: MbgNbd, stand: Standing, band: int, at: int
) -> int | None:
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

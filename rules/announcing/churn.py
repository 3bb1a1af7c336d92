"""The churn output: a risk, its band, the reasons in plain terms, and what is at stake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.calendar import DAY_S, iso_date, rfc3339
from models.churn import expected_next, p_alive, risk_factors
from models.decisions import ChurnRiskChanged, Outlook, RiskReason
from rules import churn_risk
from rules.announcing.envelope import CHURN
from rules.facts.sales import spend
from rules.facts.windows import LIFE

if TYPE_CHECKING:
    from models.customer import Conclusions
    from rules.announcing.envelope import Envelope
    from rules.churn_risk import Scale, Standing

_REASONS_MAX = 3


def churn_changed(
    envelope: Envelope, at: int, band_before: int | None, stand: Standing
) -> ChurnRiskChanged:
    """Return the output that tells a new churn band or score, as of the instant `at`."""
    scale, concluded = envelope.era.churn, envelope.state.concluded
    if scale is None or concluded.band is None:
        message = "a churn output needs churn rules and a band"
        raise ValueError(message)
    names, horizon_days = scale.rules.names, scale.rules.horizon_days
    model, age = scale.model, churn_risk.age_days(stand, at)
    raw = churn_risk.raw_risk(scale, stand, at)
    level = model.calibrated(raw)
    previous_score, concluded.score = concluded.score, churn_risk.score_of(scale, raw)
    ahead = _ahead(scale, stand, concluded, at, raw, is_new=concluded.band != band_before)
    return ChurnRiskChanged(
        **envelope.fields(CHURN),  # type: ignore[arg-type]  # one dict for all outputs' envelope
        from_band=None if band_before is None else names[band_before],
        to_band=names[concluded.band],
        score=concluded.score,
        previous_score=previous_score,
        risk=round(level, 4),
        p_alive=round(p_alive(model.parameters, stand.repeats, stand.log_dead, age), 4),
        horizon_days=horizon_days,
        reasons=_reasons(envelope, stand, age, horizon_days),
        last_purchase_at=rfc3339(stand.last_at),
        expected_purchase=_expected_purchase(envelope, stand, at, age),
        value_at_risk=_value_at_risk(envelope, scale, stand, age, level),
        if_nothing_happens=ahead,
        model=envelope.era.model_ref,
    )


def _ahead(
    scale: Scale, stand: Standing, concluded: Conclusions, at: int, raw: float, *, is_new: bool
) -> Outlook | None:
    """Return the band that silence alone leads to next, and when; None: none.

    What a minimum stay holds back comes at its end. When silence lifts a new band is known.
    """
    band, names = concluded.band or 0, scale.rules.names
    stay_until = (concluded.band_since or 0) + scale.rules.minimum_stay_s
    if churn_risk.band_of(scale, raw, band) != band:  # it is held back now
        then = churn_risk.band_of(scale, churn_risk.raw_risk(scale, stand, stay_until), band)
        if then != band:
            return Outlook(rfc3339(stay_until), band=names[then])
    if band == len(scale.bands):
        return None
    reached = concluded.quiet_until
    if not is_new:
        reached = churn_risk.reached_at(scale, stand, scale.bands[band][0], at)
    if reached is None:
        return None
    rises_at = max(reached, stay_until)
    then = churn_risk.band_of(scale, churn_risk.raw_risk(scale, stand, rises_at), band)
    return Outlook(rfc3339(rises_at), band=names[then])


def _reasons(
    envelope: Envelope, stand: Standing, age: float, horizon_days: float
) -> tuple[RiskReason, ...]:
    facts, model = envelope.state.facts, envelope.era.model
    coins = churn_risk.coins_since(facts, model.coins, stand.first_at, stand.last_at)
    last_age = (stand.last_at - stand.first_at) / DAY_S
    parts = risk_factors(
        model.parameters,
        stand.repeats,
        last_age,
        age,
        horizon_days,
        complaints=[(a, q) for a, q, is_complaint in coins if is_complaint],
        feedback=[(a, q) for a, q, is_complaint in coins if not is_complaint],
    )
    silence: dict[str, int | float | str] = {"days_since_purchase": round(age - last_age)}
    if stand.repeats > 0:
        silence["usual_gap_days"] = round(last_age / stand.repeats)
    reasons = [
        RiskReason("silence", round(parts.silence, 3), silence),
        RiskReason("low_rate", round(parts.low_rate, 3), {"purchase_days": facts.purchase_days}),
    ]
    if parts.complaint > 0:
        days = [a for a, _, is_complaint in coins if is_complaint]
        values: dict[str, int | float | str] = {
            "complaints": len(days),
            "days_ago": max(0, round(age - max(days))),
        }
        reasons.append(RiskReason("complaint", round(parts.complaint, 3), values))
    if parts.feedback > 0:
        answers = sum(1 for _, _, is_complaint in coins if not is_complaint)
        reasons.append(RiskReason("feedback", round(parts.feedback, 3), {"negative": answers}))
    reasons.sort(key=lambda reason: (-abs(reason.weight), reason.code))
    return tuple(reasons[:_REASONS_MAX])


def _expected_purchase(
    envelope: Envelope, stand: Standing, at: int, age: float
) -> dict[str, str] | None:
    span = expected_next(envelope.era.model.parameters, stand.repeats, age)
    if span is None:
        return None
    start = max(at, stand.last_at)
    zone = envelope.era.zone
    first, last = (zone.day(start + round(days * DAY_S)) for days in span)
    return {"from": iso_date(first), "to": iso_date(last)}


def _value_at_risk(
    envelope: Envelope, scale: Scale, stand: Standing, age: float, level: float
) -> dict[str, int | str] | None:
    """What she would spend within the horizon at her own pace if she stayed, times the risk.

    Her pace is the posterior mean of the purchase rate, (r + x) / (alpha + T); her order is the
    mean of what she spent per purchase day, less what she was refunded.
    """
    facts, parameters = envelope.state.facts, scale.model.parameters
    if facts.currency is None or facts.purchase_days == 0:
        return None
    spent = spend(facts, envelope.era.zone, LIFE)
    pace = (parameters.r + stand.repeats) / (parameters.alpha_days + age)
    expected = spent / facts.purchase_days * pace * scale.rules.horizon_days
    return {"amount_minor": round(level * expected), "currency": facts.currency}

"""From a change of conclusions to the outputs that tell it, in their fixed order.

Everything costly (evidence, outlook, reasons) is computed here and so only when something changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from models.calendar import DAY_S, rfc3339
from models.churn import expected_next, p_alive, risk, risk_factors, score
from models.customer import Feed
from models.decisions import (
    Cause,
    ChurnRiskChanged,
    Outlook,
    Rank,
    RiskReason,
    SegmentChanged,
    TierChanged,
)
from models.ids import output_id, timer_id
from rules import churn_risk, tiering
from rules.explain import evidence, missing_for_next
from rules.view import View

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.decisions import AnyDecision, Origin
    from rules.book import Book
    from rules.churn_risk import Standing
    from rules.eras import Carried, Era
    from rules.tiering import Move

TIER, CHURN, SEGMENT = 0, 1, 2  # the feeds: keys of `Conclusions.feeds`
_REASONS_MAX = 3


class Trigger(msgspec.Struct, frozen=True, gc=False):
    """What led to an evaluation. `said_at`: the earliest `occurred_at` of what it makes known.

    `at_once`: the churn band may change before its minimum stay is over.
    """

    kind: Literal["event", "timer", "activation", "first_tick"]
    type: str
    id: str
    occurred_at: int
    late: bool
    said_at: int
    at_once: bool = False


class Change(NamedTuple):
    """What was concluded before, and what the rules say at an instant."""

    at: int
    tier: int | None
    tier_since: int | None
    band: int | None
    categories: list[int | None]
    move: Move | None
    qualified: int
    outlook: Outlook | None  # for a change of tier
    carried: Carried | None  # what another rulebook called it


class _Envelope(NamedTuple):
    app: str
    customer: str
    state: CustomerState
    era: Era
    trigger: Trigger
    cause: Cause
    root: Cause | None
    occurred_at: int

    def fields(self, feed: int) -> dict[str, object]:
        """Return what every output carries, and take the next place in the feed."""
        concluded = self.state.concluded
        concluded.revision += 1
        before = concluded.feeds.get(feed)
        new_id = output_id(self.app, self.customer, concluded.revision, self.cause.id)
        sequence = 1 if before is None else before.sequence + 1
        concluded.feeds[feed] = Feed(sequence, new_id)
        previous = None if before is None else before.previous_id.hex()
        origin: Origin = "live" if self.trigger.kind in {"event", "timer"} else "activation"
        return {
            "id": new_id.hex(),
            "customer_id": self.customer,
            "revision": concluded.revision,
            "sequence": sequence,
            "previous_id": previous,
            "supersedes": previous if self.trigger.late else None,
            "origin": origin,
            "occurred_at": rfc3339(self.occurred_at),
            "cause": self.cause,
            "root_cause": self.root,
            "rulebook": self.era.book_ref,
        }


def announce(
    app: str,
    customer: str,
    state: CustomerState,
    era: Era,
    trigger: Trigger,
    change: Change,
    decisions: list[AnyDecision],
) -> None:
    """Append the outputs for a change, tier first, then churn risk, then dimensions."""
    book = era.book
    if book is None:
        return
    concluded = state.concluded
    occurred_at = max(concluded.said_at, trigger.said_at)
    envelope = _Envelope(
        app,
        customer,
        state,
        era,
        trigger,
        _cause(customer, trigger),
        _root(state, trigger),
        occurred_at,
    )
    before = len(decisions)
    if change.move is not None:
        decisions.append(_tier_changed(envelope, book, change, change.move))
    if concluded.band is not None and concluded.band != change.band:
        stand = churn_risk.standing(state.facts, era.model)
        if stand is not None:
            decisions.append(_churn_changed(envelope, book, change, stand))
    _segments_changed(envelope, book, change, decisions)
    if len(decisions) > before:
        concluded.said_at = occurred_at


def _cause(customer: str, trigger: Trigger) -> Cause:
    cause_id = trigger.id
    if trigger.kind == "timer":
        cause_id = timer_id(customer, trigger.type, trigger.occurred_at)
    return Cause(
        kind=trigger.kind,
        type=trigger.type,
        id=cause_id,
        occurred_at=rfc3339(trigger.occurred_at),
        late=trigger.late,
    )


def _root(state: CustomerState, trigger: Trigger) -> Cause | None:
    root = state.root
    if trigger.kind != "timer" or root is None:
        return None
    return Cause(kind="event", type=root.type, id=root.id, occurred_at=rfc3339(root.occurred_at))


def _tier_changed(envelope: _Envelope, book: Book, change: Change, move: Move) -> TierChanged:
    state = envelope.state
    view = View(book, state, change.at, state.concluded.band)
    to = book.tiers[move.to]
    down = change.tier is not None and move.to < change.tier
    left = None if change.tier is None else book.tiers[change.tier].name
    if left is None and change.carried is not None:
        left = change.carried.tier  # a tier that this rulebook does not have any more
    rule = f"tiers.{book.tiers[change.tier or 0].name}.keep" if down else f"tiers.{to.name}.qualify"
    reason: Literal["joined", "qualified", "keep_failed", "rulebook", "refund"] = move.reason
    if left is not None and envelope.trigger.kind == "activation":
        reason = "rulebook"
    elif down and envelope.trigger.type == "refund":
        reason = "refund"
    best = tiering.highest(change.qualified)
    return TierChanged(
        **envelope.fields(TIER),  # type: ignore[arg-type]  # one dict for all outputs' envelope
        from_=left,
        to=to.name,
        rank=Rank(change.tier, move.to, len(book.tiers) - 1),
        labels=dict(to.label),
        direction="none" if change.tier is None else "down" if down else "up",
        reason=reason,
        qualified_tier=None if best is None else book.tiers[best].name,
        matched_tiers=tuple(
            tier.name for i, tier in enumerate(book.tiers) if change.qualified >> i & 1
        ),
        held_since=None if change.tier_since is None else rfc3339(change.tier_since),
        tier_since=rfc3339(envelope.occurred_at),
        if_nothing_happens=change.outlook,
        missing_for_next=missing_for_next(view, move.to),
        evidence=evidence(view, rule),
    )


def _churn_changed(
    envelope: _Envelope, book: Book, change: Change, stand: Standing
) -> ChurnRiskChanged:
    rules, model, at = book.churn, envelope.era.model, change.at
    concluded = envelope.state.concluded
    if rules is None or concluded.band is None:
        message = "a churn output needs churn rules and a band"
        raise ValueError(message)
    names = ("low", *(band.name for band in rules.bands))
    age = churn_risk.age_days(stand, at)
    level = risk(model, stand.repeats, stand.log_dead, age, rules.horizon_days)
    previous_score, concluded.score = concluded.score, score(level)
    rises_at = concluded.quiet_until  # solved for just now, because the band has changed
    return ChurnRiskChanged(
        **envelope.fields(CHURN),  # type: ignore[arg-type]  # one dict for all outputs' envelope
        from_band=None if change.band is None else names[change.band],
        to_band=names[concluded.band],
        score=concluded.score,
        previous_score=previous_score,
        risk=round(level, 4),
        p_alive=round(p_alive(model, stand.repeats, stand.log_dead, age), 4),
        horizon_days=rules.horizon_days,
        reasons=_reasons(envelope, stand, at, rules.horizon_days),
        last_purchase_at=rfc3339(stand.last_at),
        expected_purchase=_expected_purchase(envelope, stand, at),
        value_at_risk=_value_at_risk(envelope, stand, at, level),
        if_nothing_happens=(
            None if rises_at is None else Outlook(rfc3339(rises_at), band=names[concluded.band + 1])
        ),
        model=envelope.era.model_ref,
    )


def _reasons(
    envelope: _Envelope, stand: Standing, at: int, horizon_days: float
) -> tuple[RiskReason, ...]:
    facts, model = envelope.state.facts, envelope.era.model
    coins = churn_risk.coins_since(facts, stand.first_at, stand.last_at)
    age = churn_risk.age_days(stand, at)
    last_age = (stand.last_at - stand.first_at) / DAY_S
    parts = risk_factors(
        model,
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


def _expected_purchase(envelope: _Envelope, stand: Standing, at: int) -> dict[str, str] | None:
    age = churn_risk.age_days(stand, at)
    span = expected_next(envelope.era.model, stand.repeats, age)
    if span is None:
        return None
    start = max(at, stand.last_at)
    zone = envelope.era.zone
    first, last = (zone.date(zone.day(start + round(days * DAY_S))) for days in span)
    return {"from": first.isoformat(), "to": last.isoformat()}


def _value_at_risk(
    envelope: _Envelope, stand: Standing, at: int, level: float
) -> dict[str, int | str] | None:
    """What she would spend within the horizon at her own pace if she stayed, times the risk.

    Her pace is the posterior mean of the purchase rate, (r + x) / (alpha + T); her order is the
    mean of what she spent per purchase day.
    """
    facts, model, book = envelope.state.facts, envelope.era.model, envelope.era.book
    if facts.currency is None or facts.purchase_days == 0 or book is None or book.churn is None:
        return None
    spent = facts.pruned_net_minor + sum(facts.net_minor)
    age = churn_risk.age_days(stand, at)
    pace = (model.r + stand.repeats) / (model.alpha_days + age)
    expected = spent / facts.purchase_days * pace * book.churn.horizon_days
    return {"amount_minor": round(level * expected), "currency": facts.currency}


def _segments_changed(
    envelope: _Envelope, book: Book, change: Change, decisions: list[AnyDecision]
) -> None:
    before, after = change.categories, envelope.state.concluded.categories
    for index, dimension in enumerate(book.dimensions):
        old = before[index] if index < len(before) else None
        new = after[index]
        from_ = None if old is None else dimension.categories[old].name
        if from_ is None and change.carried is not None:
            from_ = change.carried.categories.get(dimension.name)
        elif old == new:
            continue
        to = None if new is None else dimension.categories[new]
        if (None if to is None else to.name) == from_:
            continue
        decisions.append(
            SegmentChanged(
                **envelope.fields(SEGMENT),  # type: ignore[arg-type]  # one envelope for all
                dimension=dimension.name,
                from_=from_,
                to=None if to is None else to.name,
                added=() if to is None else (to.name,),
                removed=() if from_ is None else (from_,),
                current=() if to is None else (to.name,),
                labels={} if to is None else dict(to.label),
            )
        )

"""From a change of conclusions to the outputs that tell it, in their fixed order.

Everything costly (evidence, outlook, reasons) is computed here and so only when something changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from models.calendar import rfc3339
from models.decisions import Outlook, Rank, SegmentChanged, TierChanged
from rules import churn_risk, tiering
from rules.announce_churn import churn_changed
from rules.envelope import SEGMENT, TIER, Envelope, Trigger, enveloped
from rules.explain import evidence, missing_for_next
from rules.view import View

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.decisions import AnyDecision
    from rules.book import Book
    from rules.eras import Carried, Era
    from rules.tiering import Move


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
    envelope = enveloped(app, customer, state, era, trigger)
    before = len(decisions)
    if change.move is not None:
        decisions.append(_tier_changed(envelope, book, change, change.move))
    if concluded.band is not None and concluded.band != change.band:
        stand = churn_risk.standing(state.facts, era.model)
        if stand is not None:
            decisions.append(churn_changed(envelope, book, change.at, change.band, stand))
    _segments_changed(envelope, book, change, decisions)
    if len(decisions) > before:
        concluded.said_at = envelope.occurred_at


def _tier_changed(envelope: Envelope, book: Book, change: Change, move: Move) -> TierChanged:
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


def _segments_changed(
    envelope: Envelope, book: Book, change: Change, decisions: list[AnyDecision]
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

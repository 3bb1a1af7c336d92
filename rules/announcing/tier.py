"""The outputs about a tier: that it changed, and that it will unless something comes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from models.calendar import rfc3339
from models.decisions import WARNING_REASONS, OverrideRef, Rank, TierChanged, TierWarning
from rules.announcing.envelope import TIER, WARNING
from rules.explanation.explain import evidence, missing, missing_for_next
from rules.explanation.view import View
from rules.tiers.judging import eve, highest, next_review
from rules.tiers.own_tier import place
from rules.tiers.tiering import forward

if TYPE_CHECKING:
    from models.customer import CustomerState, Override, Warned
    from models.decisions import Outlook, TierReason
    from rules.announcing.announce import Change
    from rules.announcing.envelope import Envelope
    from rules.tiers.judging import Judge
    from rules.tiers.tiering import Move

_STEPS_MAX = 32  # of the laws until a warning ends; there are rarely more than three

Missing = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def tier_changed(
    envelope: Envelope, judge: Judge, change: Change, move: Move, outlook: Outlook | None
) -> TierChanged:
    """Return the output that tells a new tier, with what it was decided by.

    A review or a deadline decides as of the day before, over what was known then: so does its
    evidence. What is missing for the next tier is as of the change's instant.
    """
    book, state = judge.book, envelope.state
    now = View(book, state, change.at, judge.band, judge.given, state.concluded.tier)
    then, qualified = now, change.qualified
    decided = move.decided
    if decided is not None and (decided.at != change.at or decided.state is not state):
        qualified, _, at, seen = decided
        then = View(book, seen, at, judge.band, judge.given, state.concluded.tier)
    to = book.tiers[move.to]
    down = change.tier is not None and move.to < change.tier
    left = None if change.tier is None else book.tiers[change.tier].name
    if left is None and change.carried is not None:
        left = change.carried.tier  # a tier that this rulebook does not have any more
    rule = f"tiers.{to.name}.{'keep' if move.reason == 'late_event' else 'qualify'}"
    if down:
        rule = f"tiers.{book.tiers[change.tier or 0].name}.keep"
    reason: TierReason = move.reason
    if left is not None and envelope.trigger.kind == "activation":
        reason = "rulebook"
    standing = state.concluded.standing
    review = None
    if standing is not None and standing.reviewed_at is not None:
        _, since = standing.shadow or place(state.concluded)
        review = next_review(book, state.facts, since, standing.reviewed_at)
    fields = envelope.fields(TIER)
    if move.supersedes is not None:
        fields["supersedes"] = move.supersedes.hex()
    changed = TierChanged(
        **fields,  # type: ignore[arg-type]  # one dict for all outputs' envelope
        from_=left,
        to=to.name,
        rank=Rank(change.tier, move.to, len(book.tiers) - 1),
        labels=dict(to.label),
        direction="none" if change.tier is None else "down" if down else "up",
        reason=reason,
        qualified_tier=book.tiers[highest(qualified)].name,
        matched_tiers=tuple(tier.name for i, tier in enumerate(book.tiers) if qualified >> i & 1),
        held_since=None if change.tier_since is None else rfc3339(change.tier_since),
        tier_since=rfc3339(place(state.concluded)[1]),
        valid_until=_valid_until(state, review),
        next_review_at=None if review is None else rfc3339(review),
        override=None if standing is None else _override(standing.override),
        warning_id=None if move.warned is None else move.warned.id.hex(),
        if_nothing_happens=outlook,
        missing_for_next=missing_for_next(now, move.to),
        evidence=evidence(then, rule),
    )
    if down and standing is not None and standing.lost and not standing.lost.output_id:
        standing.lost.output_id = bytes.fromhex(changed.id)
    return changed


def _valid_until(state: CustomerState, review: int | None) -> str | None:
    """Return until when a tier is certain: an override's end, a running grace's, or a review.

    An override that ends in a hold keeps the tier until the hold ends.
    """
    standing = state.concluded.standing
    if standing is None:
        return None
    override, warned = standing.override, standing.warned
    if override is not None and override.tier == state.concluded.tier:
        until = override.until
        return None if until is None else rfc3339(max(until, standing.hold_until or 0))
    if review is None:
        return None
    return rfc3339(review if warned is None else min(review, warned.ends_at))


def _override(override: Override | None) -> OverrideRef | None:
    if override is None:
        return None
    return OverrideRef(
        override.id,
        "exactly" if override.exactly else "at_least",
        override.reason,
        override.by,
        None if override.until is None else rfc3339(override.until),
    )


def warning(
    envelope: Envelope,
    judge: Judge,
    warned: Warned,
    state: Literal["set", "revised", "cleared"],
    lacking: Missing,
    tier: int,
) -> TierWarning:
    """Return the output that sets, revises or clears a warning about `tier`."""
    book = judge.book
    fields = envelope.fields(WARNING)
    if state == "set":
        warned.id = bytes.fromhex(str(fields["id"]))
    warned.revision += 1
    return TierWarning(
        **fields,  # type: ignore[arg-type]  # one dict for all outputs' envelope
        state=state,
        warning_id=warned.id.hex(),
        warning_revision=warned.revision,
        tier=book.tiers[tier].name,
        labels=dict(book.tiers[tier].label),
        falls_to=falls_to(judge, envelope.occurred_at, tier, warned.ends_at),
        reason=WARNING_REASONS[warned.reason],
        ends_at=rfc3339(warned.ends_at),
        missing=lacking[0],
        missing_now=lacking[1],
    )


def lacks(judge: Judge, warned: Warned, tier: int, at: int) -> Missing:
    """Return what is missing to hold a warned tier: as of the deadline or review, and now.

    In the grace after a review it is the review's windows that count, with what came since.
    """
    zone, deadline = judge.book.zone, warned.review or warned.ends_at
    seen, instant = judge.seen(judge.facts_before(deadline)), max(at, eve(zone, deadline))
    if warned.review is not None and at >= warned.review:
        _, _, instant, seen = judge.at_end(warned.ends_at, warned.review)
    then = View(judge.book, seen, instant, judge.band, judge.given, tier)
    now = View(judge.book, judge.state, at, judge.band, judge.given, tier)
    return missing(then, tier), missing(now, tier)


def falls_to(judge: Judge, at: int, tier: int, ends_at: int) -> str:
    """Return the tier that she will be in once a warning about one has come true."""
    below = tier
    for instant, then, _ in islice(forward(judge, at, at), _STEPS_MAX):
        if instant > ends_at:
            break
        below = then
    if below >= tier:
        below = judge.best_below(tier, judge.at(ends_at))
    return judge.book.tiers[below].name

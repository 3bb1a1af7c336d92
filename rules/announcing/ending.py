"""How a customer's stream ends: she is erased, or merged into another customer.

The world is told that nothing holds any more that was concluded of her, and to stop. (Her churn
band has no value for nobody; that she left her tier for that reason ends it.) What remains is a
husk: the revision and the feeds, so that sequences never restart. It holds no facts, no ids of
events, and no conclusions; that of a merged customer says to whom her later events go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from models.calendar import rfc3339
from models.customer import Conclusions, CustomerState
from models.decisions import Rank, TierChanged
from models.events import CustomersMerged
from rules.announcing.announce import left_for_good, stopped
from rules.announcing.envelope import TIER, Envelope, enveloped
from rules.tiers.tiering import visible_warning

if TYPE_CHECKING:
    from models.decisions import AnyDecision
    from rules.announcing.envelope import Trigger
    from rules.book import Book
    from rules.eras import Era

EndReason = Literal["merged_into", "erased"]


def end(
    app: str,
    customer: str,
    state: CustomerState,
    era: Era | None,
    trigger: Trigger,
    decisions: list[AnyDecision],
) -> CustomerState:
    """Append what is to be told, and return the husk; `trigger` says which end it is."""
    book, concluded = None if era is None else era.book, state.concluded
    reason: EndReason = "merged_into" if isinstance(trigger.event, CustomersMerged) else "erased"
    if (
        era is not None
        and book is not None
        and concluded.tier is not None
        and concluded.tier_since is not None
    ):
        envelope = enveloped(app, customer, state, era, trigger)
        decisions.append(_left(envelope, book, reason, concluded.tier, concluded.tier_since))
        for dimension, was in zip(book.dimensions, concluded.categories, strict=False):
            decisions += left_for_good(envelope, dimension, dimension.names(was))
        policies = [p for i, p in enumerate(book.policies) if concluded.policies >> i & 1]
        requests = [(book.actions[i], asked) for i, asked in sorted(concluded.asked.items())]
        decisions += stopped(envelope, policies, requests, reason)
        concluded.said_at = envelope.occurred_at
    moved_to = trigger.event.survivor if isinstance(trigger.event, CustomersMerged) else None
    return CustomerState(
        era=state.era,
        concluded=Conclusions(
            revision=concluded.revision, said_at=concluded.said_at, feeds=concluded.feeds
        ),
        erased=moved_to is None,
        moved_to=moved_to,
    )


def _left(envelope: Envelope, book: Book, reason: EndReason, tier: int, since: int) -> TierChanged:
    warned = visible_warning(envelope.state.concluded.standing)
    return TierChanged(
        **envelope.fields(TIER),  # type: ignore[arg-type]  # one dict for all outputs' envelope
        from_=book.tiers[tier].name,
        to=None,
        rank=Rank(tier, None, len(book.tiers) - 1),
        labels={},
        direction="none",
        reason=reason,
        qualified_tier=None,
        matched_tiers=(),
        held_since=rfc3339(since),
        tier_since=rfc3339(envelope.occurred_at),
        warning_id=None if warned is None else warned.id.hex(),
        evidence=[],
    )

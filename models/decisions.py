"""Outputs: the closed union of what Tierstream tells the world, one frozen type per topic.

The value of an output record is one of these as plain JSON. Every output names its cause (and,
where that is a timer, the event that set the timer), the rulebook, and its place in two gap-free
counts:
`sequence` per customer and topic, so that a subscriber to one topic can see a loss, and `revision`
per customer over all outputs, their common order.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import field

Origin = Literal["live", "activation", "merge", "backfill"]
Labels = dict[str, str]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What made this output: an event, a timer, an activation, or the clock's first tick."""

    kind: Literal["event", "timer", "activation", "first_tick"]
    type: str
    id: str
    occurred_at: str
    late: bool = False


class RulebookRef(msgspec.Struct, frozen=True):
    """The rulebook that an output was concluded with."""

    name: str
    version: int
    fingerprint: str


class ModelRef(msgspec.Struct, frozen=True):
    """The churn model that a score was computed with."""

    kind: str
    version: int
    fingerprint: str


class Rank(msgspec.Struct, frozen=True):
    """Positions on the ladder, 0 the lowest."""

    from_: int | None = field(name="from")
    to: int
    top: int


class Outlook(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changes by itself next, if nothing happens."""

    at: str
    what: str | None = None
    band: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What every output carries. `occurred_at` never goes back for one customer."""

    id: str
    customer_id: str
    revision: int
    sequence: int
    previous_id: str | None
    supersedes: str | None = None
    origin: Origin = "live"
    occurred_at: str
    cause: Cause
    root_cause: Cause | None = None
    rulebook: RulebookRef


class TierChanged(Decision, frozen=True, kw_only=True):
    """`segment.tier-changed.v1`: a customer enters a tier."""

    from_: str | None = field(name="from")
    to: str
    rank: Rank
    labels: Labels
    direction: Literal["up", "down", "none"]
    reason: Literal["joined", "qualified", "keep_failed", "rulebook", "refund"]
    qualified_tier: str | None
    matched_tiers: tuple[str, ...]
    held_since: str | None
    tier_since: str
    valid_until: str | None = None
    next_review_at: str | None = None
    override: dict[str, Any] | None = None
    warning_id: str | None = None
    if_nothing_happens: Outlook | None = None
    missing_for_next: dict[str, Any] | None = None
    evidence: list[dict[str, Any]]


class RiskReason(msgspec.Struct, frozen=True):
    """One part of a risk: signed log-odds, with the values that a sentence needs."""

    code: Literal["silence", "low_rate", "complaint", "feedback"]
    weight: float
    values: dict[str, int | float | str]


class ChurnRiskChanged(Decision, frozen=True, kw_only=True):
    """`segment.churn-risk.v1`: a customer enters a churn risk band. `score` is 0 to 100."""

    from_band: str | None
    to_band: str
    score: int
    previous_score: int | None
    risk: float
    p_alive: float
    horizon_days: float
    reasons: tuple[RiskReason, ...]
    last_purchase_at: str
    expected_purchase: dict[str, str] | None
    value_at_risk: dict[str, int | str] | None
    if_nothing_happens: Outlook | None
    model: ModelRef


class SegmentChanged(Decision, frozen=True, kw_only=True):
    """`segment.changed.v1`: a dimension's category changes; null stands for unknown."""

    dimension: str
    kind: Literal["single", "many"] = "single"
    from_: str | None = field(name="from")
    to: str | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    current: tuple[str, ...]
    labels: Labels
    reactivated: bool = False


class TierCurrent(msgspec.Struct, frozen=True, kw_only=True):
    """`segment.tier-current.v1` (compacted): the tier that a customer has now."""

    customer_id: str
    tier: str
    rank: int
    top: int
    labels: Labels
    tier_since: str
    revision: int
    changed_by: str
    rulebook: RulebookRef


AnyDecision = TierChanged | ChurnRiskChanged | SegmentChanged
encode = msgspec.json.Encoder().encode

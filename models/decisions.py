"""Outputs: the closed union of what Tierstream tells the world, one frozen type per topic.

The value of an output record is one of these as plain JSON. Every output names its cause (and,
where that is a timer, the customer's last event before it), the rulebook, and its place in two
gap-free counts: `sequence` per customer and topic, so that a subscriber to one topic can see a
loss, and `revision` per customer over all outputs, their common order.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

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
    to: int | None
    top: int


class Outlook(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changes by itself next, if nothing happens."""

    at: str
    what: str | None = None
    band: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What every output carries. `occurred_at` never goes back for one customer.

    `supersedes`: the tier or churn output that a late event's takes the place of; null elsewhere.
    """

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


TierReason = Literal[
    "joined",
    "qualified",
    "keep_failed",
    "grace_ended",
    "review",
    "override_set",
    "override_ended",
    "hold_ended",
    "rulebook",
    "refund",
    "late_event",
    "merged_into",
    "erased",
]
WarningReason = Literal["keep_failed", "review", "override_ending"]
WARNING_REASONS: tuple[WarningReason, ...] = get_args(WarningReason)


class OverrideRef(msgspec.Struct, frozen=True):
    """The override behind a tier."""

    id: str
    mode: Literal["at_least", "exactly"]
    reason: str
    by: str
    until: str | None


class TierChanged(Decision, frozen=True, kw_only=True):
    """`segment.tier-changed.v1`: a customer enters a tier."""

    from_: str | None = field(name="from")
    to: str | None  # null: she is merged into another customer, or erased
    rank: Rank
    labels: Labels
    direction: Literal["up", "down", "none"]
    reason: TierReason
    qualified_tier: str | None
    matched_tiers: tuple[str, ...]
    held_since: str | None
    tier_since: str
    valid_until: str | None = None
    next_review_at: str | None = None
    override: OverrideRef | None = None
    warning_id: str | None = None
    if_nothing_happens: Outlook | None = None
    missing_for_next: dict[str, Any] | None = None
    evidence: list[dict[str, Any]]


class TierWarning(Decision, frozen=True, kw_only=True):
    """`segment.tier-warning.v1`: a tier will be lost at `ends_at`, unless what is missing comes.

    `missing` is as of `ends_at`, `missing_now` as of now. `cleared` carries neither: she keeps it.
    """

    state: Literal["set", "revised", "cleared"]
    warning_id: str
    warning_revision: int
    tier: str
    labels: Labels
    falls_to: str
    reason: WarningReason
    ends_at: str
    missing: list[dict[str, Any]]
    missing_now: list[dict[str, Any]]


class RiskReason(msgspec.Struct, frozen=True):
    """One part of a risk: signed log-odds, with the values that a sentence needs."""

    code: Literal["silence", "low_rate", "complaint", "feedback"]
    weight: float
    values: dict[str, int | float | str]


class ChurnRiskChanged(Decision, frozen=True, kw_only=True):
    """`segment.churn-risk.v1`: a churn risk band, entered or moved within. `score` is 0 to 100.

    Within a band the score is told only where the rulebook has a `score_step`.
    """

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


class ActionRequested(Decision, frozen=True, kw_only=True):
    """`segment.action-requested.v1`: somebody should act, or stop acting, for a customer.

    A policy starts and stops; an action is done, and cancelled while it is still valid and its
    reason ends. `cancels` is the id of the output that asked, by whatever name it was called then.
    """

    action: str
    kind: Literal["do", "start", "stop", "cancel"]
    policy: bool
    labels: Labels
    parameters: dict[str, Any]
    trigger: str
    valid_until: str | None = None
    cooldown_until: str | None = None
    cancels: str | None = None
    consent: str | None = None


class TierCurrent(msgspec.Struct, frozen=True, kw_only=True):
    """`segment.tier-current.v1` (compacted): the tier that a customer has now."""

    customer_id: str
    tier: str | None
    rank: int | None
    top: int
    labels: Labels
    tier_since: str
    revision: int
    changed_by: str
    rulebook: RulebookRef


AnyDecision = TierChanged | TierWarning | ChurnRiskChanged | SegmentChanged | ActionRequested
encode = msgspec.json.Encoder().encode

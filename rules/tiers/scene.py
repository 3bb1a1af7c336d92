"""What the laws of tiers are given, one evaluation and what held before; and why a tier moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from rules.tiers.judging import Judge, Judged


MoveReason = Literal[
    "joined",
    "qualified",
    "keep_failed",
    "grace_ended",
    "review",
    "override_set",
    "override_ended",
    "hold_ended",
    "refund",
    "late_event",
]


class Foreseen(NamedTuple):
    """What held just before an event, at the same clock."""

    now: Judged
    at_loss: Judged | None = None
    at_review: Judged | None = None


class Scene(NamedTuple):
    """One evaluation. `said_at`: what it makes known has this `occurred_at`."""

    judge: Judge
    judged: Judged
    at: int
    said_at: int
    is_refund: bool = False
    is_activation: bool = False
    event_at: int | None = None
    foreseen: Foreseen | None = None

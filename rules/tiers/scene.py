"""What the laws of tiers are given: one evaluation, and what held before its event."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rules.tiers.judging import Judge, Judged


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

"""Timers: what a due instant is for, where it could be for several things."""

from __future__ import annotations

from dataclasses import replace

from models.calendar import DAY_S
from models.customer import Asked, Conclusions, CustomerState, Facts, Standing
from rules.eras import Era, succeed
from rules.tiers.judging import Judge
from rules.timers import timer_kind
from tests.rules.driving import activation, at, book

_VISITED = "actions: {visit: {every: 10d, while: orders() > 0}}\n"
DUE = at(12)


def kind(state: CustomerState, score_step: int | None = 5) -> str:
    """Return what `DUE` is for, where scores are told in steps."""
    era = Era(succeed(None, activation(0, book() + _VISITED), None))
    assert era.book is not None
    assert era.churn is not None
    churn = era.churn._replace(rules=replace(era.churn.rules, score_step=score_step))
    return timer_kind(Judge(era.book, era.given, state, state.concluded.band), DUE, churn)


def customer(first_purchase_at: int) -> CustomerState:
    """Return a customer without a band, of whom a score of zero was told."""
    facts = Facts(first_purchase_at=first_purchase_at, last_purchase_at=first_purchase_at)
    facts.purchase_days = 1
    visited = Asked(DUE - 10 * DAY_S, b"v", None)
    return CustomerState(facts=facts, concluded=Conclusions(score=0, asked={0: visited}))


def test_a_due_instant_is_for_the_first_of_its_reasons() -> None:
    state = customer(DUE - 2 * DAY_S)
    concluded = state.concluded
    concluded.tier, concluded.tier_since = 0, at(0)
    concluded.quiet_until, concluded.standing = DUE, Standing(hold_until=DUE)
    kinds = [kind(state)]
    concluded.quiet_until = None
    kinds.append(kind(state))
    concluded.standing = None
    kinds.append(kind(state))
    concluded.band = 0
    kinds += [kind(state), kind(state, score_step=None)]
    concluded.asked = {}
    kinds.append(kind(state, score_step=None))
    assert kinds == [
        "churn.silence", "hold.end", "churn.history", "churn.step", "action.every", "window.exit",
    ]  # fmt: skip


def test_without_a_band_no_score_takes_a_step() -> None:
    """Whatever was told while there was one."""
    assert kind(customer(DUE - 9 * DAY_S)) == "action.every"

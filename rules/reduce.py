"""`Reducer`: the function from a customer's history to her state and to what the world is told.

A customer's history is, for each accepted record in log order: catch up with the eras, fire her own
timers that are due, fold the event, evaluate. Between records the owner of the partition may do the
first two, sooner or later: it is the same sequence, so batches, budgets and crashes change nothing.
Nothing here reads a clock. `now` is always the partition's clock, which only tick records move.

An evaluation always has the same parts: the churn band, the tiers and categories that the compiled
rulebook concludes, the outputs for what differs from before, and the next instant at which
something may change by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.calendar import DAY_S, calendar
from models.customer import (
    CustomerState,
    Root,
    is_seen,
    remember,
    seen_key,
)
from models.errors import TierstreamError
from models.events import (
    TAGS,
    Complaint,
    Purchase,
)
from models.fold import fold
from models.ids import event_hash
from rules import tiering
from rules.admission import Refusal, refuse
from rules.announce import Change, announce
from rules.churn_risk import assess
from rules.envelope import Trigger
from rules.eras import LATENESS_DAYS, Carried, carry_over
from rules.timers import look_at, outlook, timer_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.decisions import AnyDecision
    from models.events import CustomerEvent
    from rules.eras import Era

_TIMERS_MAX = 20_000  # of one customer in one go; more means that `due` does not move on
_UTC = calendar("UTC")  # days before the first rulebook says otherwise


class Reduction(msgspec.Struct, frozen=True, gc=False):
    """The customer's state after an event, and what to tell the world, in order."""

    state: CustomerState
    decisions: list[AnyDecision]


class Reducer:
    """Reduces the records of one partition's customers under the partition's eras.

    `eras` in rising order, the last one in force; `first_tick` is the partition's first clock
    value, None before it. Both are the partition's to change between records.
    """

    __slots__ = ("_app", "eras", "first_tick")

    def __init__(self, app: str) -> None:
        self._app = app
        self.eras: Sequence[Era] = ()
        self.first_tick: int | None = None

    def reduce(
        self,
        customer: str,
        state: CustomerState | None,
        event: CustomerEvent,
        appended_at: int,
        now: int | None,
    ) -> Reduction | Refusal | None:
        """Apply an event to a customer's state (changed in place); None means a repeat.

        `appended_at` is the broker's time stamp of the record.
        """
        era = self.eras[-1] if self.eras else None
        zone = _UTC if era is None else era.zone
        key = seen_key(event.occurred_at, event_hash(event.source, event.event_id))
        if state is not None and is_seen(state, key):
            return None
        today = None if now is None else zone.day(now)
        day = zone.day(event.occurred_at)
        refusal = refuse(state, event, key, era, appended_at, day, today)
        if refusal is not None:
            return refusal
        decisions: list[AnyDecision] = []
        if state is None:
            state = CustomerState()
            if now is not None and era is not None:
                state.era = era.number
        elif now is not None and era is not None:
            self.catch_up(customer, state, now, decisions)
        fold(state.facts, event, zone, today or 0, LATENESS_DAYS)
        # Two days more than lateness: a day of the zone may have begun almost a day earlier.
        remember(state, key, 0 if now is None else now - (LATENESS_DAYS + 2) * DAY_S)
        tag = TAGS[type(event)]
        state.root = Root(tag, event.event_id, event.occurred_at)
        if now is not None and today is not None and era is not None:
            trigger = Trigger(
                "event",
                tag,
                event.event_id,
                event.occurred_at,
                day < today,
                max(now, min(event.occurred_at, appended_at)),
                _at_once(event),
            )
            self._evaluate(customer, state, era, now, trigger, decisions)
        return Reduction(state, decisions)

    def catch_up(
        self, customer: str, state: CustomerState, now: int, decisions: list[AnyDecision]
    ) -> None:
        """Bring a state to the present: missed eras first, then every timer due by `now`."""
        if not self.eras:
            return
        if state.era != self.eras[-1].number:
            self.seat(customer, state, decisions)
        self._fire(customer, state, self.eras[-1], now, decisions)

    def seat(self, customer: str, state: CustomerState, decisions: list[AnyDecision]) -> None:
        """Conclude a state again under each era that it missed, as of that era's beginning."""
        for era in self.eras:
            if state.era is not None and era.number <= state.era:
                continue
            at = self.first_tick if era.since is None else era.since
            if at is None:
                message = "a state cannot be seated before the partition's first tick"
                raise TierstreamError(message)
            old = next((e for e in self.eras if e.number == state.era), None)
            carried = None
            if old is not None:
                self._fire(customer, state, old, at, decisions)
                carried = carry_over(state, old, era)
            if era.since is None:
                trigger = Trigger("first_tick", "tick", f"tick-{era.number}", at, False, at)
            else:
                tag = era.record.cause_type
                trigger = Trigger("activation", tag, f"{tag}-{era.number}", at, False, at)
            self._evaluate(customer, state, era, at, trigger, decisions, carried)

    def fire_due(
        self, customer: str, state: CustomerState, now: int, decisions: list[AnyDecision]
    ) -> None:
        """Fire the timers of a quiet customer whose turn, spread included, has come by `now`."""
        if not self.eras:
            return
        if state.era != self.eras[-1].number:
            self.seat(customer, state, decisions)
        era = self.eras[-1]
        for _ in range(_TIMERS_MAX):
            look = look_at(customer.encode(), state.due)
            if look is None or look > now:
                return
            self._fire_one(customer, state, era, decisions)
        raise _stuck(customer)

    def _fire(
        self,
        customer: str,
        state: CustomerState,
        era: Era,
        until: int,
        decisions: list[AnyDecision],
    ) -> None:
        for _ in range(_TIMERS_MAX):
            if state.due is None or state.due > until:
                return
            self._fire_one(customer, state, era, decisions)
        raise _stuck(customer)

    def _fire_one(
        self, customer: str, state: CustomerState, era: Era, decisions: list[AnyDecision]
    ) -> None:
        due = state.due
        if due is None:
            return
        trigger = Trigger("timer", timer_kind(state, era), "", due, False, due)
        self._evaluate(customer, state, era, due, trigger, decisions)

    def _evaluate(
        self,
        customer: str,
        state: CustomerState,
        era: Era,
        at: int,
        trigger: Trigger,
        decisions: list[AnyDecision],
        carried: Carried | None = None,
    ) -> None:
        """Conclude as of `at`; append what changed to `decisions`."""
        state.era = era.number
        book = era.book
        if book is None:
            state.due = None
            return
        concluded = state.concluded
        band = churn_due = quiet_until = None
        if book.churn is not None:
            band, churn_due, quiet_until = assess(
                state.facts, concluded, book.churn, era.model, at, at_once=trigger.at_once
            )
        qualified, held, categories, due = book.conclude(state, at, band)
        move = tiering.move(book, concluded.tier, qualified, held)
        tier = concluded.tier if move is None else move.to
        if churn_due is not None and (due is None or churn_due < due):
            due = churn_due
        if move is not None and tier is not None and not held >> tier & 1 and tier > 0:
            due = at + 1  # one step down was not enough; the next one follows
        state.due = due if due is None or due > at else at + 1
        concluded.quiet_until = quiet_until
        if (
            move is None
            and carried is None
            and band == concluded.band
            and categories == concluded.categories
        ):
            return
        before = concluded.tier, concluded.tier_since, concluded.band, concluded.categories
        said_at = max(concluded.said_at, trigger.said_at)
        if band != concluded.band:
            concluded.band, concluded.band_since = band, said_at
        concluded.categories = categories
        if move is not None:
            concluded.tier, concluded.tier_since = tier, said_at
        ahead = None if move is None else outlook(book, state, at)
        change = Change(at, *before, move, qualified, ahead, carried)
        announce(self._app, customer, state, era, trigger, change, decisions)


def _at_once(event: CustomerEvent) -> bool:
    """Tell whether an event may change the churn band before its minimum stay is over.

    A purchase proves that a customer is back, and marketing must not chase her; a critical
    complaint cannot wait.
    """
    return isinstance(event, Purchase) or (
        isinstance(event, Complaint) and event.severity == "critical"
    )


def _stuck(customer: str) -> TierstreamError:
    return TierstreamError(
        f"more than {_TIMERS_MAX} timers in a row for one customer: {customer!r}"
    )

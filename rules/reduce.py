"""`Reducer`: the function from a customer's history to her state and to what the world is told.

A customer's history is, for each accepted record in log order: catch up with the eras, fire her own
timers that are due, fold the event, evaluate. Between records the owner of the partition may do the
first two, sooner or later: it is the same sequence, so batches, budgets and crashes change nothing.
Nothing here reads a clock. `now` is always the partition's clock, which only tick records move.
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
    CustomerErased,
    CustomerMoved,
    CustomersMerged,
    Purchase,
)
from models.fold import fold
from models.ids import event_hash
from rules.admission import Refusal, admit
from rules.announcing.ending import end
from rules.announcing.envelope import Trigger
from rules.control import control, foresee
from rules.eras import LATENESS_DAYS, carry_over
from rules.evaluate import Subject, evaluate
from rules.merger import arrive, depart
from rules.tiers.judging import Judge
from rules.timers import look_at, timer_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.decisions import AnyDecision
    from models.events import CustomerEvent
    from rules.eras import Era

_TIMERS_MAX = 20_000  # of one customer in one go; more means that `due` does not move on
_UTC = calendar("UTC")  # days before the first rulebook says otherwise


class Reduction(msgspec.Struct, frozen=True, gc=False):
    """The customer's state after an event, and what to tell the world, in order.

    `moved`: what is to be sent to the customer who `state.moved_to` names.
    """

    state: CustomerState
    decisions: list[AnyDecision]
    moved: CustomerMoved | None = None


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
        if state is not None and _is_dropped(state, event, key):
            return None
        today = None if now is None else zone.day(now)
        day = zone.day(event.occurred_at)
        admitted = admit(state, event, key, era, appended_at, day, today)
        if isinstance(admitted, Refusal):
            return admitted
        event = admitted
        decisions: list[AnyDecision] = []
        if state is None:
            state = CustomerState()
            if now is not None and era is not None:
                state.era = era.number
        elif now is not None and era is not None:
            self.catch_up(customer, state, now, decisions)
        refusal = control(state, event, None if era is None else era.book, now)
        if refusal is not None:
            return refusal
        foreseen = None if now is None or era is None else foresee(state, event, era, now)
        tag = TAGS[type(event)]
        trigger = Trigger(
            "event",
            tag,
            event.event_id,
            event.occurred_at,
            today is not None and day < today,
            max(now or 0, min(event.occurred_at, appended_at)),
            _at_once(event),
            event,
            foreseen,
        )
        moved = None
        if isinstance(event, CustomersMerged):
            sent = depart(customer, state, event, None if era is None else era.book)
            if isinstance(sent, Refusal):
                return sent
            moved = sent
        if isinstance(event, CustomersMerged | CustomerErased):
            husk = end(self._app, customer, state, era, trigger, decisions)
            return Reduction(husk, decisions, moved)
        if isinstance(event, CustomerMoved):
            arrive(state, event, zone, None if era is None else era.book, today)
        else:
            fold(state.facts, event, zone, today or 0, LATENESS_DAYS)
        # Two days more than lateness: a day of the zone may have begun almost a day earlier.
        remember(state, key, 0 if now is None else now - (LATENESS_DAYS + 2) * DAY_S)
        state.root = Root(tag, event.event_id, event.occurred_at)
        if now is not None and era is not None:
            evaluate(Subject(self._app, customer, state), era, now, trigger, decisions)
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
            evaluate(Subject(self._app, customer, state), era, at, trigger, decisions, carried)

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
        kind = "window.exit"
        if era.book is not None:
            judge = Judge(era.book, era.given, state, state.concluded.band)
            kind = timer_kind(judge, due, era.churn)
        trigger = Trigger("timer", kind, "", due, False, due)
        evaluate(Subject(self._app, customer, state), era, due, trigger, decisions)


def _is_dropped(state: CustomerState, event: CustomerEvent, key: bytes) -> bool:
    """Tell whether an event is a repeat, or the history of a person who is to be forgotten."""
    return is_seen(state, key) or (state.erased and isinstance(event, CustomerMoved))


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

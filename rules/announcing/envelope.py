"""What every output carries: its place in the feed, its cause, and the rulebook behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from models.calendar import rfc3339
from models.customer import Feed
from models.decisions import Cause
from models.events import CustomerMoved, CustomersMerged
from models.ids import output_id, timer_id

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.decisions import Origin
    from models.events import CustomerEvent
    from rules.control import Foresight
    from rules.eras import Era

TIER, CHURN, SEGMENT, WARNING, ACTION = range(5)  # the feeds: keys of `Conclusions.feeds`
_OF_ONE_SUBJECT = {TIER, CHURN}  # what a feed said last is about the same as what it says next
_MERGES = (CustomersMerged, CustomerMoved)


class Trigger(msgspec.Struct, frozen=True, gc=False):
    """What led to an evaluation. `said_at`: the earliest `occurred_at` of what it makes known.

    `at_once`: the churn band may change before its minimum stay is over.
    """

    kind: Literal["event", "timer", "activation", "first_tick"]
    type: str
    id: str
    occurred_at: int
    late: bool
    said_at: int
    at_once: bool = False
    event: CustomerEvent | None = None
    foreseen: Foresight | None = None  # what held just before the event


class Envelope(NamedTuple):
    """What the outputs of one evaluation have in common."""

    app: str
    customer: str
    state: CustomerState
    era: Era
    trigger: Trigger
    occurred_at: int
    cause_id: str
    common: dict[str, object]  # the fields that are the same in all of them

    def fields(self, feed: int) -> dict[str, object]:
        """Return what every output carries, and take the next place in the feed."""
        concluded = self.state.concluded
        revision = concluded.revision = concluded.revision + 1
        before = concluded.feeds.get(feed)
        new_id = output_id(self.app, self.customer, revision, self.cause_id)
        sequence, previous = 1, None
        if before is not None:
            sequence, previous = before.sequence + 1, before.previous_id.hex()
        concluded.feeds[feed] = Feed(sequence, new_id)
        return {
            **self.common,
            "id": new_id.hex(),
            "revision": revision,
            "sequence": sequence,
            "previous_id": previous,
            "supersedes": previous if self.trigger.late and feed in _OF_ONE_SUBJECT else None,
        }


def enveloped(
    app: str, customer: str, state: CustomerState, era: Era, trigger: Trigger
) -> Envelope:
    """Return the envelope of the outputs of one evaluation."""
    occurred_at = max(state.concluded.said_at, trigger.said_at)
    origin: Origin = "live" if trigger.kind in {"event", "timer"} else "activation"
    if type(trigger.event) in _MERGES:
        origin = "merge"
    cause = _cause(customer, trigger)
    common: dict[str, object] = {
        "customer_id": customer,
        "origin": origin,
        "occurred_at": rfc3339(occurred_at),
        "cause": cause,
        "root_cause": _root(state, trigger),
        "rulebook": era.book_ref,
    }
    return Envelope(app, customer, state, era, trigger, occurred_at, cause.id, common)


def _cause(customer: str, trigger: Trigger) -> Cause:
    cause_id = trigger.id
    if trigger.kind == "timer":
        cause_id = timer_id(customer, trigger.type, trigger.occurred_at)
    return Cause(
        kind=trigger.kind,
        type=trigger.type,
        id=cause_id,
        occurred_at=rfc3339(trigger.occurred_at),
        late=trigger.late,
    )


def _root(state: CustomerState, trigger: Trigger) -> Cause | None:
    root = state.root
    if trigger.kind != "timer" or root is None:
        return None
    return Cause(kind="event", type=root.type, id=root.id, occurred_at=rfc3339(root.occurred_at))

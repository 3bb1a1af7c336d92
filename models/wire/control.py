"""Control events about one customer: overrides, holds, merges, erasure, scores from outside."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from models import events
from models.wire.base import CustomerInput
from models.wire.fields import CustomerId, Id, Instant, Kind, Name


class OverrideSet(CustomerInput):
    """Somebody decides the tier."""

    event: Literal["override.set"]
    override_id: Id
    tier: Name

    mode: Literal["at_least", "exactly"] = "at_least"
    """`at_least` lets the customer rise above it."""

    reason: Name
    by: Name

    until: Instant | None = None
    """When it ends; without it, when it is cleared."""

    def fact(self) -> events.OverrideSet:
        """Return the canonical event."""
        return events.OverrideSet(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            override_id=self.override_id,
            tier=self.tier,
            mode=self.mode,
            reason=self.reason,
            by=self.by,
            until=self.until,
        )


class OverrideCleared(CustomerInput):
    """The override named ends now."""

    event: Literal["override.cleared"]
    override_id: Id
    by: Name | None = None

    def fact(self) -> events.OverrideCleared:
        """Return the canonical event."""
        return events.OverrideCleared(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            override_id=self.override_id,
            by=self.by,
        )


class HoldSet(CustomerInput):
    """No demotion, warning, churn output or action until an instant."""

    event: Literal["hold.set"]
    until: Instant
    reason: Name
    by: Name

    def fact(self) -> events.HoldSet:
        """Return the canonical event."""
        return events.HoldSet(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            until=self.until,
            reason=self.reason,
            by=self.by,
        )


class HoldCleared(CustomerInput):
    """The hold ends now."""

    event: Literal["hold.cleared"]
    by: Name | None = None

    def fact(self) -> events.HoldCleared:
        """Return the canonical event."""
        return events.HoldCleared(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            by=self.by,
        )


class CustomersMerged(CustomerInput):
    """Two customer ids turn out to be one person."""

    event: Literal["customers.merged"]

    absorbed: CustomerId
    """The id that goes; the same as `customer_id`."""

    survivor: CustomerId
    """The id that stays."""

    by: Name

    @model_validator(mode="after")
    def _is_about_the_absorbed(self) -> Self:
        if self.absorbed != self.customer_id:
            message = "customer_id and absorbed differ; a merge is about the customer absorbed"
            raise PydanticCustomError("merge", message)
        if self.absorbed == self.survivor:
            message = "absorbed and survivor are the same; name two customers"
            raise PydanticCustomError("merge", message)
        return self

    def fact(self) -> events.CustomersMerged:
        """Return the canonical event."""
        return events.CustomersMerged(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            absorbed=self.absorbed,
            survivor=self.survivor,
            by=self.by,
        )


class CustomerErased(CustomerInput):
    """The customer's data is to be forgotten."""

    event: Literal["customer.erased"]

    basis: Name
    """Why, such as `request` or `retention`."""

    def fact(self) -> events.CustomerErased:
        """Return the canonical event."""
        return events.CustomerErased(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            basis=self.basis,
        )


class ScoreSet(CustomerInput):
    """A score from outside; rules read it as `score.<name>`."""

    event: Literal["score.set"]
    name: Kind
    value: float

    model: Name | None = None
    """Which model computed it."""

    valid_until: Instant | None = None
    """When it becomes unknown; without it, it stays until the next one."""

    def fact(self) -> events.ScoreSet:
        """Return the canonical event."""
        return events.ScoreSet(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            name=self.name,
            value=self.value,
            model=self.model,
            valid_until=self.valid_until,
        )

"""Complaints: from opening to resolution, with corrections on the way."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from models import events
from models.wire.base import CustomerInput, Input, nested_unknown
from models.wire.fields import Amount, Currency, Id, Instant, Name, Severity

ComplaintType = Literal["product_quality", "service_attitude", "delivery", "billing", "other"]


class Grievance(Input):
    """What a complaint is about, and how bad it is."""

    type: ComplaintType

    severity: Severity | None = None
    """How bad it is, where somebody has judged it."""

    safety: bool = False
    """Somebody could be hurt: the severity is critical, whatever was given."""

    legal: bool = False
    """A lawyer or an authority is involved: the severity is critical, whatever was given."""

    def forced_severity(self) -> Severity | None:
        """Return critical where safety or law are concerned, else the severity given."""
        return "critical" if self.safety or self.legal else self.severity


class OriginalComplaint(Grievance):
    """What the complaint said before it was amended or retracted."""

    occurred_at: Instant

    def canonical(self) -> events.ComplaintValues:
        """Return the canonical values."""
        return events.ComplaintValues(
            occurred_at=self.occurred_at,
            type=self.type,
            severity=self.forced_severity(),
        )


class Complaint(CustomerInput, Grievance):
    """A step in a complaint's life."""

    event: Literal["complaint"]

    complaint_id: Id
    """The same for all steps of one complaint."""

    action: Literal["opened", "acknowledged", "amended", "resolved", "reopened", "retracted"]
    """`retracted`: it counts never, whatever follows; raised again, it is a new complaint."""

    amount_minor: Amount | None = None
    """The amount in dispute, in minor units of `currency`."""

    currency: Currency | None = None
    order_id: Id | None = None
    product_id: Name | None = None

    outcome: Literal["satisfied", "unsatisfied", "rejected"] | None = None
    """With `resolved`: how it ended for the customer."""

    text_ref: Name | None = None
    """Where the text is kept; the text itself never comes here."""

    original: OriginalComplaint | None = None
    """With `amended` and `retracted`: what it said before, where the source knows it."""

    @model_validator(mode="after")
    def _fields_fit_together(self) -> Self:
        if (self.amount_minor is None) != (self.currency is None):
            message = "amount_minor and currency go together; write both or neither"
            raise PydanticCustomError("amount", message)
        if self.outcome is not None and self.action != "resolved":
            message = "outcome goes with the action resolved only; leave it out"
            raise PydanticCustomError("outcome", message)
        if self.original is not None and self.action not in {"amended", "retracted"}:
            message = "original goes with the actions amended and retracted only; leave it out"
            raise PydanticCustomError("original", message)
        return self

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown fields of the complaint and of its original values."""
        return super().unknown_fields() + nested_unknown("original", (self.original,))

    def fact(self) -> events.Complaint:
        """Return the canonical complaint, its severity forced where safety or law demand it."""
        return events.Complaint(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            complaint_id=self.complaint_id,
            action=self.action,
            type=self.type,
            severity=self.forced_severity(),
            safety=self.safety,
            legal=self.legal,
            amount_minor=self.amount_minor,
            currency=self.currency,
            order_id=self.order_id,
            product_id=self.product_id,
            outcome=self.outcome,
            text_ref=self.text_ref,
            original=self.original.canonical() if self.original is not None else None,
        )

"""Engagement: anything else a customer did."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from models import events
from models.wire.base import CustomerInput
from models.wire.fields import Channel, CustomerId, Id, Kind, Name, Thousandths

# What a kind cannot do without; kinds that are not named here need nothing.
NEEDS: dict[str, tuple[str, ...]] = {
    "relation.linked": ("other_customer_id", "relation"),
    "relation.unlinked": ("other_customer_id",),
    "action.responded": ("action_id",),
}


class Engagement(CustomerInput):
    """An activity, a visit, a referral, a relation, a product's use, or a kind of one's own."""

    event: Literal["engagement"]

    kind: Kind
    """activity.joined, product.used, contact.made, referral.converted, page_viewed, inquiry,
    quote_requested, sample_requested, trial_started, relation.linked, relation.unlinked,
    action.responded, order.delivered_late, or one's own."""

    name: Name | None = None
    """Which activity, product or page."""

    quantity_milli: Thousandths | None = Field(default=None, alias="quantity")
    """A decimal number with at most 3 decimals, in `unit`."""

    unit: Name | None = None
    channel: Channel | None = None

    other_customer_id: CustomerId | None = None
    """The other side of a referral or of a relation."""

    relation: Literal["family", "friend", "colleague", "circle"] | None = None

    action_id: Id | None = None
    """The requested action that this answers."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        for name in NEEDS.get(self.kind, ()):
            if getattr(self, name) is None:
                raise PydanticCustomError(
                    "needs",
                    "kind {kind} needs {name}",
                    {"kind": self.kind, "name": name},
                )
        return self

    def fact(self) -> events.Engagement:
        """Return the canonical engagement."""
        return events.Engagement(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            kind=self.kind,
            name=self.name,
            quantity_milli=self.quantity_milli,
            unit=self.unit,
            channel=self.channel,
            other_customer_id=self.other_customer_id,
            relation=self.relation,
            action_id=self.action_id,
        )

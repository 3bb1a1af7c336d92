"""Purchases and refunds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from models import events
from models.calendar import DAY_S
from models.events import LINES_MAX
from models.wire.base import CustomerInput, Input, nested_unknown
from models.wire.fields import (
    Amount,
    Channel,
    Currency,
    Id,
    Instant,
    Name,
    PositiveAmount,
    SignedAmount,
    Thousandths,
)


class Line(Input):
    """One line of an order or of a refund."""

    line_id: Id
    """Unique within the order."""

    net_amount_minor: Amount
    """The line's amount in minor units, after discounts, without tax and shipping."""

    sku: Name | None = None
    category: Name | None = None
    brand: Name | None = None

    own_brand: bool | None = None
    """Whether the brand is the seller's own."""

    custom: bool | None = None
    """Whether it was made to the customer's wishes."""

    grade: Name | None = None
    """Quality class, such as `premium`."""

    quantity_milli: Thousandths | None = Field(default=None, alias="quantity")
    """A decimal number with at most 3 decimals, in `unit`."""

    unit: Name | None = None

    list_amount_minor: Amount | None = None
    """What the line would have cost without discounts, in minor units."""

    def canonical(self) -> events.Line:
        """Return the canonical line."""
        return events.Line(
            line_id=self.line_id,
            net_amount_minor=self.net_amount_minor,
            sku=self.sku,
            category=self.category,
            brand=self.brand,
            own_brand=self.own_brand,
            custom=self.custom,
            grade=self.grade,
            quantity_milli=self.quantity_milli,
            unit=self.unit,
            list_amount_minor=self.list_amount_minor,
        )


Lines = Annotated[tuple[Line, ...], Field(max_length=LINES_MAX)]


class Purchase(CustomerInput):
    """A paid order."""

    event: Literal["purchase"]
    order_id: Id

    net_amount_minor: Amount
    """What counts as spend: minor units, after discounts, without tax and shipping."""

    currency: Currency

    margin_minor: SignedAmount | None = None
    """What the order earned, in minor units; a loss is negative."""

    channel: Channel | None = None
    store_id: Name | None = None
    coupon: Name | None = None

    action_id: Id | None = None
    """The requested action that this purchase answers."""

    lines: Lines = ()

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown fields of the order and of its lines."""
        return super().unknown_fields() + nested_unknown("lines", self.lines)

    def fact(self) -> events.Purchase:
        """Return the canonical purchase."""
        return events.Purchase(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            order_id=self.order_id,
            net_amount_minor=self.net_amount_minor,
            currency=self.currency,
            margin_minor=self.margin_minor,
            channel=self.channel,
            store_id=self.store_id,
            coupon=self.coupon,
            action_id=self.action_id,
            lines=tuple([line.canonical() for line in self.lines]),
        )


class Refund(CustomerInput):
    """Money given back for an order, in part or in full."""

    event: Literal["refund"]
    refund_id: Id
    order_id: Id | None = None
    channel: Channel | None = None

    purchased_at: Instant | None = None
    """When the order was paid; to be given where known, as the refund is booked on that day."""

    amount_minor: PositiveAmount
    """The positive amount given back, in minor units."""

    currency: Currency
    kind: Literal["return", "cancellation", "price_adjustment", "chargeback"]

    full: bool = False
    """Whether the order stops counting as an order: to be said once of each order."""

    reason: Name | None = None
    lines: Lines = ()

    @model_validator(mode="after")
    def _after_its_purchase(self) -> Self:
        # A day of grace, as the clocks of shop and back office differ.
        if self.purchased_at is not None and self.purchased_at > self.occurred_at + DAY_S:
            message = "purchased_at is later than the refund's occurred_at; are they swapped?"
            raise PydanticCustomError("order_of_instants", message)
        return self

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown fields of the refund and of its lines."""
        return super().unknown_fields() + nested_unknown("lines", self.lines)

    def fact(self) -> events.Refund:
        """Return the canonical refund."""
        return events.Refund(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            refund_id=self.refund_id,
            amount_minor=self.amount_minor,
            currency=self.currency,
            kind=self.kind,
            order_id=self.order_id,
            purchased_at=self.purchased_at,
            full=self.full,
            channel=self.channel,
            reason=self.reason,
            lines=tuple([line.canonical() for line in self.lines]),
        )

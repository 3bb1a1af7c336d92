"""What all input events have in common: the envelope, and how unknown fields are found."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from models import events
from models.wire.fields import CustomerId, Id, Instant, Name, SourceName

SCHEMA_VERSION = 1


class Input(BaseModel):
    """A part of an input event. Unknown fields are kept aside: ignored, but counted by name."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the dotted names of the fields that this version does not know."""
        return tuple(self.__pydantic_extra__ or ())


def nested_unknown(name: str, parts: Sequence[Input | None]) -> tuple[str, ...]:
    """Return the unknown fields of the parts under `name`, each name once."""
    if not parts:
        return ()
    found = (unknown for part in parts if part is not None for unknown in part.unknown_fields())
    return tuple(dict.fromkeys(f"{name}.{unknown}" for unknown in found))


class Envelope(Input):
    """What every input event says of itself."""

    event_id: Id
    """Unique within its source: the same event sent again has the same id."""

    occurred_at: Instant
    """When it happened: RFC 3339 with an offset; fractions of a second are cut off."""

    source: SourceName
    """The system that says so, such as `webshop` or `crm`."""

    schema_version: Literal[1]
    """The version of these fields."""


class CustomerInput(Envelope):
    """An event about one customer."""

    customer_id: CustomerId
    """Opaque and lasting; never an e-mail address."""

    @abstractmethod
    def fact(self) -> events.CustomerEvent:
        """Return the canonical event."""


class EraInput(Envelope):
    """A change of what conclusions are drawn with; it concerns every customer."""

    by: Name
    """Who decided it."""

    reason: Name | None = None
    """Why."""

    @abstractmethod
    def era(self, number: int) -> events.EraEvent:
        """Return the canonical event; `number` is this record's offset in the control topic."""

"""Acceptance: a record of a source topic becomes a canonical event, or is refused with a reason."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from models import events
from models.errors import BadEvent, Reason
from models.wire.base import SCHEMA_VERSION, CustomerInput, EraInput
from models.wire.cloudevents import Headers, json_object, plain_json
from models.wire.refusal import refusal
from models.wire.topics import TopicTypes


class Accepted(NamedTuple):
    """An accepted event. `customer`: None where it concerns every customer."""

    customer: str | None
    event: events.CustomerEvent | events.EraEvent
    unknown_fields: tuple[str, ...]
    """Dotted names of the fields that were ignored, such as `lines.colour`."""


def accept(
    topic: TopicTypes,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    *,
    offset: int,
) -> Accepted:
    """Return the canonical event of one record of a source topic.

    `key` only serves the message of a refusal: the customer is the one that the value names.
    `offset`, the record's own, becomes the number of an event that concerns every customer.

    Raises:
        BadEvent: the record is refused: `NOT_JSON`, `BAD_SCHEMA`, `UNKNOWN_TYPE`,
            `UNKNOWN_VERSION`, `NO_CUSTOMER`, `UNKNOWN_CURRENCY` or `TOO_LARGE`.
    """
    if value is None:
        message = "the record has no value; an event is never a tombstone"
        raise BadEvent(Reason.NOT_JSON, message)
    if len(value) > topic.value_bytes_max:
        message = (
            f"the value has {len(value):,} bytes, and at most {topic.value_bytes_max:,} are taken; "
            "keep texts and pictures elsewhere and refer to them"
        )
        raise BadEvent(Reason.TOO_LARGE, message)
    said = _validated(topic, key, plain_json(topic, value, headers) if headers else value)
    if isinstance(said, CustomerInput):
        return Accepted(said.customer_id, said.fact(), said.unknown_fields())
    return Accepted(None, said.era(offset), said.unknown_fields())


def _validated(topic: TopicTypes, key: bytes | None, document: bytes) -> CustomerInput | EraInput:
    try:
        return topic.read(document)
    except ValidationError as error:
        raised = _raised(topic, document)
        # `from None`: pydantic's error cites the values, and ours ends up in logs.
        if raised is None:
            raise refusal(error, topic, key) from None
    try:
        return topic.read(raised)
    except ValidationError as error:
        raise refusal(error, topic, key) from None


def _raised(topic: TopicTypes, document: bytes) -> bytes | None:
    """Return an event of an older version raised to today's; None for any other document."""
    older: dict[str, Any] | None = json_object(document) if topic.upcasts else None
    version = older.get("schema_version") if older is not None else None
    if older is None or not isinstance(version, int) or version not in topic.upcasts:
        return None
    for step in range(version, SCHEMA_VERSION):
        older = topic.upcasts[step](older)
    return to_json(older)

"""CloudEvents 1.0 in Kafka: the binary and the structured mode, reduced to plain JSON.

Attributes supply only what the data leaves out: `id` is the event_id, `source` the source, `time`
the occurred_at, `subject` the customer_id. `type` names the event, by itself or after a prefix,
with or without a version: `purchase`, `com.example.purchase` and `customer.purchase.v1` are one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from models.errors import BadEvent, Reason
from models.wire.refusal import quoted
from models.wire.topics import TopicTypes

Headers = Sequence[tuple[str, bytes | None]]

_STRUCTURED = b"application/cloudevents+json"
_PREFIX = "ce_"
_SUPPLIED = {
    "event_id": "id",
    "source": "source",
    "occurred_at": "time",
    "customer_id": "subject",
}
_VERSION_SUFFIX = re.compile(r"\.v(\d{1,4})$")


def plain_json(topic: TopicTypes, value: bytes, headers: Headers) -> bytes:
    """Return the event as plain JSON, in whichever mode it was sent.

    A value that cannot be read is returned as it is: validation says best what is wrong with it.

    Raises:
        BadEvent: the CloudEvent itself is malformed (`BAD_SCHEMA`).
    """
    # Kafka knows headers without a value.
    named = {name.lower(): content or b"" for name, content in headers}
    if named.get("content-type", b"").lower().startswith(_STRUCTURED):
        return _from_structured(topic, value)
    if f"{_PREFIX}specversion" in named:
        attributes = _attributes(named)
        data = json_object(value)
        return value if data is None else _supplied(topic, data, attributes)
    return value


def json_object(value: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a value holds, or None where it holds none.

    Whatever validation can read, `NaN` and endless numbers too: another parser would refuse an
    event for what its unknown fields hold.
    """
    try:
        document = from_json(value)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _from_structured(topic: TopicTypes, value: bytes) -> bytes:
    attributes = json_object(value)
    if attributes is None:
        return value
    data = attributes.get("data")
    if not isinstance(data, dict):
        message = "data: a structured CloudEvent holds the event as a JSON object in data"
        raise BadEvent(Reason.BAD_SCHEMA, message)
    return _supplied(topic, data, attributes)


def _attributes(named: dict[str, bytes]) -> dict[str, Any]:
    attributes = {}
    for name, content in named.items():
        if name.startswith(_PREFIX):
            try:
                attributes[name.removeprefix(_PREFIX)] = content.decode()
            except UnicodeDecodeError as error:
                message = f"header {quoted(name)}: is not UTF-8"
                raise BadEvent(Reason.BAD_SCHEMA, message) from error
    return attributes


def _supplied(topic: TopicTypes, data: dict[str, Any], attributes: dict[str, Any]) -> bytes:
    version = attributes.get("specversion")
    if version != "1.0":
        message = f"specversion: CloudEvents {quoted(version)} is not known; send version 1.0"
        raise BadEvent(Reason.BAD_SCHEMA, message)
    for field, attribute in _SUPPLIED.items():
        if attribute in attributes:
            data.setdefault(field, attributes[attribute])
    event_type = attributes.get("type")
    if isinstance(event_type, str):
        suffix = _VERSION_SUFFIX.search(event_type)
        if suffix is not None:
            data.setdefault("schema_version", int(suffix[1]))
        data.setdefault("event", _event_name(topic, event_type))
    return to_json(data)


def _event_name(topic: TopicTypes, event_type: str) -> str:
    bare = _VERSION_SUFFIX.sub("", event_type)
    for name in topic.types:
        if bare == name or bare.endswith(f".{name}"):
            return name
    return event_type

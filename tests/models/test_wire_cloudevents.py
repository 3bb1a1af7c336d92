"""CloudEvents in both modes are the same events as plain JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from models.errors import BadEvent, Reason
from models.wire import TOPICS, Headers, accept
from tests.models.strategies import WireEvent, accepted, topic_of, wire_events
from tests.models.wire_examples import PURCHASE

PURCHASES = TOPICS["customer.purchase.v1"]
SUPPLIED = {
    "event_id": "id",
    "source": "source",
    "occurred_at": "time",
    "customer_id": "subject",
    "event": "type",
}
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


def _split(event: WireEvent) -> tuple[dict[str, str], WireEvent]:
    attributes = {SUPPLIED[name]: value for name, value in event.items() if name in SUPPLIED}
    data = {name: value for name, value in event.items() if name not in SUPPLIED}
    return {"specversion": "1.0", **attributes}, data


def _binary(attributes: dict[str, str]) -> Headers:
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    return [("content-type", b"application/json"), *headers]


@given(wire_events())
def test_all_modes_agree(event: WireEvent) -> None:
    attributes, data = _split(event)
    topic, plain = topic_of(event), accepted(event)
    binary = accept(topic, None, json.dumps(data).encode(), _binary(attributes), offset=0)
    whole = json.dumps({**attributes, "data": data}).encode()
    assert binary == plain
    assert accept(topic, None, whole, STRUCTURED, offset=0) == plain


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400", "1e2", "9" * 40])
def test_numbers_in_unknown_fields_are_ignored_in_every_mode(number: str) -> None:
    attributes, data = _split(PURCHASE)
    odd = {**data, "x": "?"}
    for value, headers in (
        ({**PURCHASE, "x": "?"}, ()),
        (odd, _binary(attributes)),
        ({**attributes, "data": odd}, STRUCTURED),
    ):
        written = json.dumps(value).replace('"?"', number).encode()
        taken = accept(PURCHASES, None, written, headers, offset=0)
        assert taken == accepted(PURCHASE)._replace(unknown_fields=("x",))


@pytest.mark.parametrize(
    "event_type", ["purchase", "com.example.purchase", "purchase.v1", "customer.purchase.v1"]
)
def test_type_may_have_a_prefix_and_a_version(event_type: str) -> None:
    attributes, data = _split(PURCHASE)
    value = json.dumps(data).encode()
    headers = _binary({**attributes, "type": event_type})
    assert accept(PURCHASES, None, value, headers, offset=0) == accepted(PURCHASE)


def test_type_supplies_the_version() -> None:
    attributes, data = _split(PURCHASE)
    del data["schema_version"]
    value = json.dumps(data).encode()
    headers = _binary({**attributes, "type": "customer.purchase.v1"})
    assert accept(PURCHASES, None, value, headers, offset=0) == accepted(PURCHASE)
    headers = _binary({**attributes, "type": "customer.purchase.v9"})
    with pytest.raises(BadEvent) as caught:
        accept(PURCHASES, None, value, headers, offset=0)
    assert caught.value.reason is Reason.UNKNOWN_VERSION


def test_data_wins_over_attributes() -> None:
    headers = _binary({"specversion": "1.0", "id": "other", "subject": "other"})
    value = json.dumps(PURCHASE).encode()
    assert accept(PURCHASES, None, value, headers, offset=0) == accepted(PURCHASE)


def test_other_headers_change_nothing() -> None:
    headers = (("traceparent", b"\xff"), ("x", None), ("Content-Type", b"application/json"))
    value = json.dumps(PURCHASE).encode()
    assert accept(PURCHASES, None, value, headers, offset=0) == accepted(PURCHASE)


@pytest.mark.parametrize(
    ("value", "headers", "reason", "part"),
    [
        (b"{}", (("ce_specversion", b"0.3"),), Reason.BAD_SCHEMA, "send version 1.0"),
        (
            b"{}",
            (("ce_specversion", b"1.0"), ("ce_id", b"\xff")),
            Reason.BAD_SCHEMA,
            "header 'ce_id': is not UTF-8",
        ),
        (b'{"specversion":"1.0"}', STRUCTURED, Reason.BAD_SCHEMA, "JSON object in data"),
        (b'{"data":{}}', STRUCTURED, Reason.BAD_SCHEMA, "CloudEvents None is not known"),
        (b"{", STRUCTURED, Reason.NOT_JSON, "not JSON"),
        (
            b"{}",
            (("ce_specversion", b"1.0"), ("ce_type", b"com.example.purchas")),
            Reason.UNKNOWN_TYPE,
            "'com.example.purchas' is not known",
        ),
    ],
)
def test_malformed(value: bytes, headers: Headers, reason: Reason, part: str) -> None:
    with pytest.raises(BadEvent) as caught:
        accept(PURCHASES, None, value, headers, offset=0)
    assert caught.value.reason is reason
    assert part in str(caught.value)

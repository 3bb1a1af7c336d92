"""Canonical events: what is encoded is decoded, and nothing else is."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given

from models.events import Event, Purchase, Tick, decode, encode
from tests.models.strategies import canonical_events

PURCHASE = Purchase(
    event_id="e1", source="shop", occurred_at=1_700_000_000, order_id="o1",
    net_amount_minor=1_250, currency="EUR",
)  # fmt: skip


@given(canonical_events())
def test_an_event_survives_the_log(event: Event) -> None:
    assert decode(encode(event)) == event
    assert encode(decode(encode(event))) == encode(event)


def test_what_is_not_known_takes_no_room() -> None:
    assert json.loads(encode(PURCHASE)) == {
        "event": "purchase", "event_id": "e1", "source": "shop", "occurred_at": 1_700_000_000,
        "order_id": "o1", "net_amount_minor": 1_250, "currency": "EUR",
    }  # fmt: skip


def test_an_unknown_field_is_ignored_so_that_older_workers_read_newer_logs() -> None:
    assert decode(b'{"event":"tick","t":5,"since":"tomorrow"}') == Tick(t=5)


@pytest.mark.parametrize(
    "change",
    [
        {"event": "sale"}, {"event_id": ""}, {"occurred_at": -1}, {"occurred_at": "2024-01-01"},
        {"net_amount_minor": 12.5}, {"net_amount_minor": -1}, {"currency": "eur"},
        {"order_id": None}, {"channel": "pigeon"},
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(change: dict[str, object]) -> None:
    wrong = json.dumps(json.loads(encode(PURCHASE)) | change).encode()
    with pytest.raises(msgspec.DecodeError):
        decode(wrong)

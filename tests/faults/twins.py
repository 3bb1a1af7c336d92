"""Twins: two customers with the same events, of whom one has them in order and once each."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from models.customer import unpack
from tests.faults.findings import Findings
from tests.faults.happenings import Happening

IN_ORDER = b"in-order"
JUMBLED = b"jumbled"

_encode = msgspec.msgpack.Encoder().encode


def renamed(happening: Happening, name: bytes) -> Happening:
    """Return what was told of a customer as told of her twin `name`."""
    key = happening.key.replace(b"customer", name)
    value = happening.value.replace(b'"%b"' % happening.key, b'"%b"' % key)
    return Happening(happening.topic, key, value)


def judge_twins(states: Mapping[bytes, bytes], findings: Findings) -> None:
    """Compare the facts of twins, byte for byte. What was concluded may differ: it came in turn."""
    facts = {customer: _facts(value) for customer, value in states.items()}
    in_order = {customer: told for customer, told in facts.items() if customer.startswith(IN_ORDER)}
    jumbled = {
        customer.replace(JUMBLED, IN_ORDER): told
        for customer, told in facts.items()
        if customer.startswith(JUMBLED)
    }
    findings.compare("facts of twins", in_order, jumbled)


def _facts(packed: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the facts, and which events are known as counted."""
    state = unpack(packed)
    return _encode(state.facts), state.seen, state.floor

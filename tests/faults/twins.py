"""Twins: two customers with the same events, of whom one has them in order and once each."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from models.calendar import Calendar
from models.customer import SEEN_BYTES, unpack
from models.fold_cases import retain_complaints, retain_feedback
from models.fold_series import RETENTION_DAYS, retain
from rules.eras import LATENESS_DAYS
from tests.faults.findings import Findings
from tests.faults.happenings import DAY_S, Happening

IN_ORDER = b"in-order"
JUMBLED = b"jumbled"
LATE_DAYS_MAX = 3  # how long after its twin's an event may come

_ZONE = Calendar("Europe/London")  # of the retail rulebook

_encode = msgspec.msgpack.Encoder().encode


def renamed(happening: Happening, name: bytes) -> Happening:
    """Return what was told of a customer as told of her twin `name`."""
    key = happening.key.replace(b"customer", name)
    value = happening.value.replace(b'"%b"' % happening.key, b'"%b"' % key)
    return Happening(happening.topic, key, value)


def judge_twins(states: Mapping[bytes, bytes], findings: Findings) -> None:
    """Compare the facts of twins, byte for byte. What was concluded may differ: it came in turn.

    Both as of one moment: what is too old goes only when the next event comes, and of two twins one
    gets her last event later.
    """
    facts = {customer: _facts(value) for customer, value in states.items()}
    in_order = {customer: told for customer, told in facts.items() if customer.startswith(IN_ORDER)}
    jumbled = {
        customer.replace(JUMBLED, IN_ORDER): told
        for customer, told in facts.items()
        if customer.startswith(JUMBLED)
    }
    findings.compare("facts of twins", in_order, jumbled)


def _facts(packed: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the facts, and which events are known as counted, once the last event has come."""
    state = unpack(packed)
    entries = [state.seen[i : i + SEEN_BYTES] for i in range(0, len(state.seen), SEEN_BYTES)]
    now = int.from_bytes(entries[-1][:4], "big") + LATE_DAYS_MAX * DAY_S if entries else 0
    facts, today = state.facts, _ZONE.day(now)
    oldest, unmatched = today - RETENTION_DAYS, today - LATENESS_DAYS
    retain_complaints(facts, _ZONE, oldest, unmatched)
    retain_feedback(facts, _ZONE, oldest, unmatched)
    retain(facts, oldest)
    since = max(0, now - LATENESS_DAYS * DAY_S).to_bytes(4, "big")
    return _encode(facts), b"".join(each for each in entries if each >= since), state.floor

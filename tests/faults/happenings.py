"""The input: what a shop's systems would write, drawn from a seed, with everything that goes wrong.

Some events are sent twice, some come days late, far too late or from the future, and a share is
poison: bytes that are no event at all, and events that break the contract in one place.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from models.calendar import rfc3339

DAY_S = 86_400
PURCHASES = "customer.purchase.v1"
"""The topic that gets most of it."""

_AGAIN_SHARE = 0.03
_LATE_SHARE = 0.05
_LATE_DAYS = (1, 2, 5, 20, 60)  # the last is beyond what is still accepted
_FUTURE_SHARE = 0.002
_RECENT_MAX = 500
_WEIGHTS = (78, 8, 5, 3, 3, 3)  # of the kinds below; the last are decisions
_OVERSIZE_BYTES = (70_000, 300_000, 900_000)


class Happening(NamedTuple):
    """A record for a source topic, which is named without prefix."""

    topic: str
    key: bytes
    value: bytes


class Happenings:
    """Makes records; the same seed and the same calls make the same ones."""

    def __init__(self, chance: Random, customers: int, poison_share: float) -> None:
        self._chance = chance
        self._customers = [f"customer-{number}" for number in range(customers)]
        self.poison_share = poison_share
        self._recent: deque[Happening] = deque(maxlen=_RECENT_MAX)
        self._made = 0

    def between(self, begin: int, end: int, now: int, count: int) -> list[Happening]:
        """Return records of what happened from `begin` to `end`, and before; `now` is today."""
        return [self._one(self._chance.randrange(begin, end), now) for _ in range(count)]

    def one(self, at: int) -> Happening:
        """Return a record of what happened at `at`, with nothing wrong, and no decision."""
        topic, event = self._event(at, _WEIGHTS[:-1])
        return Happening(topic, str(event["customer_id"]).encode(), json.dumps(event).encode())

    def _one(self, at: int, now: int) -> Happening:
        chance = self._chance
        if self._recent and chance.random() < _AGAIN_SHARE:
            return chance.choice(self._recent)
        if chance.random() < _LATE_SHARE:
            at -= chance.choice(_LATE_DAYS) * DAY_S
        elif chance.random() < _FUTURE_SHARE:
            at = now + 3 * DAY_S
        topic, event = self._event(at)
        value = json.dumps(event).encode()
        if chance.random() < self.poison_share:
            value = self._poisoned(event)
        happening = Happening(topic, str(event["customer_id"]).encode(), value)
        self._recent.append(happening)
        return happening

    def _event(self, at: int, weights: Sequence[int] = _WEIGHTS) -> tuple[str, dict[str, Any]]:
        """Return an event about a customer who comes the more often, the lower the number."""
        self._made += 1
        number, chance = self._made, self._chance
        customer = self._customers[int(len(self._customers) * chance.random() ** 2)]
        kind, make = chance.choices(_KINDS[: len(weights)], weights)[0]
        envelope = {
            "event_id": f"{kind}-{number}",
            "occurred_at": rfc3339(at),
            "source": "shop",
            "schema_version": 1,
            "customer_id": customer,
        }
        topic = "segment.control.v1" if kind == "control" else f"customer.{kind}.v1"
        return topic, envelope | make(chance, number, at)

    def _poisoned(self, event: dict[str, Any]) -> bytes:
        """Return the event with something wrong."""
        chance = self._chance
        broken = chance.choice(_BREAKS)
        if isinstance(broken, bytes):
            return broken
        if broken is None:
            text = "x" * chance.choice(_OVERSIZE_BYTES)
            return json.dumps(event | {"note": text}).encode()
        return json.dumps(event | broken).encode()


def _purchase(chance: Random, number: int, _at: int) -> dict[str, Any]:
    return {
        "event": "purchase",
        "order_id": f"order-{number}",
        "net_amount_minor": int(chance.lognormvariate(9.5, 1.0)),
        "currency": "GBP",
        "channel": chance.choice(("online", "offline")),
    }


def _refund(chance: Random, number: int, at: int) -> dict[str, Any]:
    return {
        "event": "refund",
        "refund_id": f"refund-{number}",
        "order_id": f"order-{max(1, number - chance.randrange(200))}",
        "amount_minor": chance.randint(1, 20_000),
        "currency": "GBP",
        "kind": chance.choice(("return", "cancellation")),
        "purchased_at": rfc3339(at - chance.randrange(5) * DAY_S),
    }


def _sale(chance: Random, number: int, at: int) -> dict[str, Any]:
    make = _refund if chance.random() < 0.05 else _purchase
    return make(chance, number, at)


def _feedback(chance: Random, number: int, _at: int) -> dict[str, Any]:
    return {
        "event": "feedback",
        "feedback_id": f"answer-{number}",
        "action": "given",
        "kind": "survey",
        "metric": "csat",
        "score": chance.randint(1, 5),
    }


def _complaint(chance: Random, number: int, _at: int) -> dict[str, Any]:
    return {
        "event": "complaint",
        "complaint_id": f"case-{number // 50}",
        "action": chance.choice(("opened", "acknowledged", "resolved", "reopened")),
        "type": "delivery",
        "severity": chance.choice(("low", "medium", "high", "critical")),
    }


def _profile(chance: Random, number: int, _at: int) -> dict[str, Any]:
    patch = {"city": f"city-{number % 50}", "household_size": chance.randint(1, 6)}
    return {"event": "profile", "patch": patch}


def _engagement(_chance: Random, number: int, _at: int) -> dict[str, Any]:
    return {"event": "engagement", "kind": "activity.joined", "name": f"event-{number % 20}"}


def _decided(chance: Random, number: int, at: int) -> dict[str, Any]:
    """Return what somebody decided about a customer. `customer_id` may come with it."""
    said = {"reason": "a favour", "by": "service desk"}
    later = rfc3339(at + chance.randint(5, 40) * DAY_S)
    match chance.choices(("override", "clear", "hold", "release", "merge", "erase"), _DECISIONS)[0]:
        case "override":
            mode, tier = chance.choice(("at_least", "exactly")), chance.choice(("silver", "gold"))
            override = {"override_id": f"override-{number}", "tier": tier, "mode": mode}
            return {"event": "override.set", "until": later, **override, **said}
        case "clear":
            override_id = f"override-{max(1, number - chance.randrange(500))}"
            return {"event": "override.cleared", "override_id": override_id}
        case "hold":
            return {"event": "hold.set", "until": later, **said}
        case "release":
            return {"event": "hold.cleared"}
        case "merge":
            absorbed = f"customer-{chance.randrange(_MERGED)}"
            survivor = f"customer-{chance.randrange(_MERGED)}"
            who = {"customer_id": absorbed, "absorbed": absorbed, "survivor": survivor}
            return {"event": "customers.merged", "by": "service desk", **who}
        case _:
            return {"event": "customer.erased", "basis": "request"}


_DECISIONS = (30, 10, 15, 5, 38, 2)
_MERGED = 1_500  # so many customers are merged into one another, circles included
_KINDS = (
    ("purchase", _sale),
    ("feedback", _feedback),
    ("complaint", _complaint),
    ("profile", _profile),
    ("engagement", _engagement),
    ("control", _decided),
)
_BREAKS: tuple[bytes | dict[str, Any] | None, ...] = (
    b"",
    b"not json",
    b"[1, 2, 3]",
    b"\xff\xfe\x00",
    b'{"event": "purchase"',
    {"event": "nonsense"},
    {"schema_version": 99},
    {"customer_id": ""},
    {"customer_id": "x" * 600},
    {"occurred_at": "yesterday"},
    {"event_id": 17},
    {"source": None},
    {"currency": "XXX", "amount_minor": -1},
    None,  # a value that is too large
)

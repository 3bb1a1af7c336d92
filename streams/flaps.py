"""Flaps: customers who come back to a category soon after they left it, as rules on an edge do.

Somebody who loses a tier and has it again within `FLAP_DAYS` has flapped, and so has somebody who
wins one and loses it again; hysteresis, grace or a minimum stay are what helps. Flaps are found in
what was published, by the log's clock, so they cost the state nothing. A process remembers the last
moves of a bounded number of customers, so after a restart it counts too few for a while, never too
many. What a new rulebook, a merge, an override or a late event moves is no flap, and neither is
coming back from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from models.calendar import DAY_S
from models.decisions import (
    AnyDecision,
    ChurnRiskChanged,
    Decision,
    SegmentChanged,
    TierChanged,
    TierReason,
)

FLAP_DAYS = 30
MOVES_MAX = 50_000  # remembered by one process: some ten megabytes

_BY_RULE: set[TierReason] = {"qualified", "keep_failed", "grace_ended", "review", "refund"}


class Move(NamedTuple):
    """A customer leaves one category of a rule for another; None: it is not about one."""

    customer: str
    rule: str
    left: str | None
    entered: str | None
    at: str  # RFC 3339
    by_rule: bool


class Flaps:
    """Finds flaps among published outputs; they come in the order of each customer's history."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str, str], str] = {}

    def take(self, moves: Iterable[Move]) -> Counter[str]:
        """Return how many flaps there are among the next moves, by rule."""
        found: Counter[str] = Counter()
        for customer, rule, left, entered, at, by_rule in moves:
            left_at = self._left.pop((customer, rule, entered or ""), None)
            if by_rule and left_at is not None and _seconds(left_at, at) < FLAP_DAYS * DAY_S:
                found[rule] += 1
            if left is not None:
                key = customer, rule, left
                self._left.pop(key, None)  # so that the newest moves stand last
                if by_rule:
                    self._left[key] = at
        for key in [*islice(self._left, max(0, len(self._left) - MOVES_MAX))]:
            del self._left[key]
        return found


def moves(published: Iterable[AnyDecision]) -> Iterator[Move]:
    """Yield the moves between categories in outputs."""
    for said in published:
        match said:
            case TierChanged():
                yield from _between_tiers(said)
            case SegmentChanged():
                yield from _between_categories(said)
            case ChurnRiskChanged() if said.from_band not in {None, said.to_band}:
                yield _moved(said, "churn", said.from_band, said.to_band)
            case _:
                pass


def _between_tiers(said: TierChanged) -> Iterator[Move]:
    """Yield the move between two tiers: it is the higher one's rule that she is on the edge of."""
    ranks = said.rank.from_, said.rank.to
    if said.from_ is not None and said.to is not None and None not in ranks:
        higher = said.from_ if (ranks[0] or 0) > (ranks[1] or 0) else said.to
        move = _moved(said, f"tiers.{higher}", said.from_, said.to)
        yield move._replace(by_rule=move.by_rule and said.reason in _BY_RULE)


def _between_categories(said: SegmentChanged) -> Iterator[Move]:
    rule = f"dimensions.{said.dimension}"
    if said.kind == "single":
        yield _moved(said, rule, said.from_, said.to)
        return
    for name in said.removed:
        yield _moved(said, rule, name, None)
    for name in said.added:
        yield _moved(said, rule, None, name)


def _moved(said: Decision, rule: str, left: str | None, entered: str | None) -> Move:
    return Move(said.customer_id, rule, left, entered, said.occurred_at, said.origin == "live")


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()

"""What has to come out: every change of tier by `job.py`, and how far a run is that published some.

A peer need not tell its progress. The reference knows the event behind each change, so the newest
change that is visible in a partition says how many of the partition's events are done: a little
less than the truth, by the events since then that changed nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from tests.bench.peers import job
from tests.bench.workload import Happening

_FROM, _TO = 0.2, 0.95  # of the events


class Outcome(NamedTuple):
    """A change of tier, in whatever form it was published; `at` is seconds since 1970."""

    customer: str
    from_tier: str | None
    to_tier: str | None
    at: int


class Place(NamedTuple):
    """An event: its number among all, its partition, and its rank among the partition's."""

    number: int
    partition: int
    rank: int


class Step(NamedTuple):
    """A moment of a run: when, and how many events were done by then."""

    at_s: float
    events: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run's outputs differ from the reference."""

    expected: int
    missing: int
    extra: int

    @property
    def is_right(self) -> bool:
        """Whether every change came, each once, and nothing else."""
        return not self.missing and not self.extra


class Reference:
    """Computes the changes as the events are written."""

    def __init__(self, partitions: int) -> None:
        self.places: dict[Outcome, Place] = {}
        self.events = 0
        self._ranks = [0] * partitions
        self._states: dict[bytes, job.State] = {}

    def take(self, happenings: Iterable[Happening]) -> None:
        """Take the next events, in the order in which they stand in each partition."""
        for happening in happenings:
            state = self._states.get(happening.customer)
            if state is None:
                state = self._states[happening.customer] = job.new()
            customer = happening.customer.decode()
            event = msgspec.json.decode(happening.canonical())
            change = job.update(state, customer, event)
            rank = self._ranks[happening.partition]
            if change is not None:
                outcome = Outcome(customer, change["from_tier"], change["to_tier"], change["at"])
                assert outcome not in self.places, "two changes that cannot be told apart"
                self.places[outcome] = Place(self.events, happening.partition, rank)
            self._ranks[happening.partition] = rank + 1
            self.events += 1

    def first(self, events: int) -> Mapping[Outcome, Place]:
        """Return the changes that the first `events` events lead to."""
        return {outcome: place for outcome, place in self.places.items() if place.number < events}


def steps(
    expected: Mapping[Outcome, Place],
    seen: Iterable[tuple[float, Sequence[bytes]]],
    read: Callable[[bytes], Outcome],
) -> tuple[list[Step], Verdict]:
    """Return how far a run was whenever something arrived, and whether all of it was right.

    `seen` holds the values that arrived at each moment, in order.
    """
    newest: dict[int, int] = {}
    came: set[Outcome] = set()
    found: list[Step] = []
    extra = 0
    for at_s, values in seen:
        for value in values:
            outcome = read(value)
            place = expected.get(outcome)
            if place is None or outcome in came:
                extra += 1
                continue
            came.add(outcome)
            newest[place.partition] = max(newest.get(place.partition, 0), place.rank + 1)
        found.append(Step(at_s, sum(newest.values())))
    return found, Verdict(len(expected), len(expected) - len(came), extra)


def stretch(found: Sequence[Step], events: int) -> tuple[int, int] | None:
    """Return which two steps to measure between, None where a run is too short for any.

    Both are moments under full load at which something became visible, so what was done by then but
    not yet visible is about the same at both, however rarely an entrant commits: the first step
    with a fifth of the events done, and the last one with no more than nineteen twentieths.
    """
    done = [step.events for step in found]
    first, last = bisect_left(done, events * _FROM), bisect_right(done, events * _TO) - 1
    return (first, last) if first < last and done[first] < done[last] else None


def of_peer(value: bytes) -> Outcome:
    """Read a change as the peers publish it."""
    change = _published(value)
    return Outcome(change.customer_id, change.from_tier, change.to_tier, change.at)


def of_tierstream(value: bytes) -> Outcome:
    """Read a value of `segment.tier-changed.v1`."""
    change = _tier_changed(value)
    at = int(datetime.fromisoformat(change.occurred_at).timestamp())
    return Outcome(change.customer_id, change.from_, change.to, at)


class _Published(msgspec.Struct):
    customer_id: str
    from_tier: str | None
    to_tier: str | None
    at: int


class _TierChanged(msgspec.Struct):
    customer_id: str
    occurred_at: str
    from_: str | None = msgspec.field(name="from")
    to: str | None


_published = msgspec.json.Decoder(_Published).decode
_tier_changed = msgspec.json.Decoder(_TierChanged).decode

"""Merging across partitions: two partitions that pass records to each other, in any order."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import events
from models.customer import CustomerState, unpack
from models.errors import Reason
from streams.jobs.replay import Replay
from streams.log.partitioner import partition_for
from streams.log.port import Entry, Record
from streams.marks import MARK_HEADER
from tests.rules.driving import activation, book

NOW = 1_730_000_000
PARTITIONS = 2
NAMES = [f"c{number}" for number in range(40)]
HERE = [name for name in NAMES if partition_for(name.encode(), PARTITIONS) == 0][:3]
THERE = [name for name in NAMES if partition_for(name.encode(), PARTITIONS) == 1][:3]
PEOPLE = (*HERE, *THERE)


class World:
    """Two partitions and their logs. Each takes its next record when it is told to."""

    def __init__(self) -> None:
        self.replays = [Replay("test", number, PARTITIONS) for number in range(PARTITIONS)]
        self.logs: list[list[Entry]] = [[], []]
        self.taken = [0, 0]
        self.said: list[tuple[str, str]] = []
        for number in range(PARTITIONS):
            self.append(number, None, events.Tick(t=NOW))
            self.append(number, None, activation(0, book()))

    def append(self, partition: int, key: str | None, event: events.Event) -> None:
        name = None if key is None else key.encode()
        self.logs[partition].append(Entry(name, events.encode(event)))

    def tell(self, customer: str, event: events.CustomerEvent) -> None:
        self.append(partition_for(customer.encode(), PARTITIONS), customer, event)

    def step(self, partition: int) -> bool:
        """Take one record of a partition; False where there is none."""
        log, at = self.logs[partition], self.taken[partition]
        if at == len(log):
            return False
        entry = log[at]
        record = Record(at, NOW, entry.key, entry.value, entry.headers)
        (result,) = self.replays[partition].take([record], at + 1)
        self.taken[partition] += 1
        for to, sent in result.sent.items():
            self.logs[to] += sent
        return True

    def run(self, random: Random) -> None:
        """Let both partitions take what there is, in any order, until nothing is left."""
        for _ in range(5_000):
            first = random.randrange(PARTITIONS)
            if not self.step(first) and not self.step(1 - first):
                return
        pytest.fail("records go round in a circle")

    def state(self, customer: str) -> CustomerState | None:
        packed = self.replays[partition_for(customer.encode(), PARTITIONS)].states.get(
            customer.encode()
        )
        return None if packed is None else unpack(packed)


def purchase(number: int, minor: int = 1_000) -> events.Purchase:
    return events.Purchase(
        event_id=f"p{number}", source="shop", occurred_at=NOW - number * 3_600, order_id="o",
        net_amount_minor=minor, currency="EUR",
    )  # fmt: skip


def merge(number: int, absorbed: str, survivor: str) -> events.CustomersMerged:
    return events.CustomersMerged(
        event_id=f"m{number}", source="crm", occurred_at=NOW, absorbed=absorbed, survivor=survivor,
        by="crm",
    )  # fmt: skip


def spent(state: CustomerState | None) -> int:
    return 0 if state is None else sum(state.facts.net_minor)


def test_her_history_and_later_events_are_the_survivors() -> None:
    world, (gone, stays) = World(), (HERE[0], THERE[0])
    world.tell(gone, purchase(1))
    world.tell(stays, purchase(2))
    world.tell(gone, merge(1, gone, stays))
    world.tell(gone, purchase(3))
    world.tell(gone, purchase(1))  # a repeat, although it was counted elsewhere
    world.run(Random(1))
    left, survivor = world.state(gone), world.state(stays)
    assert left is not None
    assert left.moved_to == stays
    assert spent(left) == 0
    assert survivor is not None
    assert (spent(survivor), survivor.absorbed) == (3_000, [gone])


def test_a_second_merge_and_a_merge_back_are_refused() -> None:
    world, (gone, stays, third) = World(), (HERE[0], THERE[0], HERE[1])
    world.tell(gone, merge(1, gone, stays))
    world.run(Random(1))
    world.tell(gone, merge(2, gone, third))
    world.tell(stays, merge(3, stays, gone))
    world.tell(stays, merge(4, stays, stays))
    results = []
    for partition in range(PARTITIONS):
        entries = world.logs[partition][world.taken[partition] :]
        records = [
            Record(world.taken[partition] + index, NOW, entry.key, entry.value)
            for index, entry in enumerate(entries)
        ]
        results += world.replays[partition].take(records, records[-1].offset + 1)
    assert [reason for result in results for reason in result.reasons] == [Reason.REFUSED] * 3
    assert all(not result.sent for result in results)


@given(st.permutations(PEOPLE), st.integers(2, 4), st.randoms(use_true_random=False))
def test_of_a_circle_that_crosses_the_smallest_lives_on(
    people: list[str], size: int, random: Random
) -> None:
    world, circle = World(), people[:size]
    for number, person in enumerate(circle):
        world.tell(person, purchase(number))
        world.tell(person, merge(number, person, circle[(number + 1) % size]))
    world.run(random)
    alive = [p for p in circle if (state := world.state(p)) is not None and state.moved_to is None]
    assert alive == [min(circle)]
    assert spent(world.state(min(circle))) == 1_000 * size


def test_what_is_sent_on_does_not_carry_the_marks_of_its_source() -> None:
    world, (gone, stays) = World(), (HERE[0], THERE[0])
    world.tell(gone, merge(1, gone, stays))
    world.run(Random(1))
    headers = ((MARK_HEADER, b"shop#1/0:7"), ("traceparent", b"00-1-2-03"))
    record = Record(world.taken[0], NOW, gone.encode(), events.encode(purchase(1)), headers)
    (result,) = world.replays[0].take([record], record.offset + 1)
    (sent,) = result.sent[1]
    assert sent == Entry(stays.encode(), record.value, (("traceparent", b"00-1-2-03"),))


def test_who_is_erased_takes_a_history_that_arrives_with_her() -> None:
    world, (gone, stays) = World(), (HERE[0], THERE[0])
    world.tell(gone, purchase(1))
    erased = events.CustomerErased(event_id="x", source="crm", occurred_at=NOW, basis="request")
    world.tell(stays, erased)
    world.tell(gone, merge(1, gone, stays))
    world.run(Random(1))
    husk = world.state(stays)
    assert husk is not None
    assert husk.erased
    assert spent(husk) == 0


@pytest.mark.parametrize("named", [HERE[0], THERE[0]])
def test_who_was_merged_is_erased_by_either_of_her_ids(named: str) -> None:
    world, (gone, stays) = World(), (HERE[0], THERE[0])
    world.tell(gone, purchase(1))
    world.tell(gone, merge(1, gone, stays))
    world.run(Random(1))
    world.tell(named, events.CustomerErased(event_id="x", source="crm", occurred_at=NOW, basis="r"))
    world.run(Random(1))
    left, husk = world.state(gone), world.state(stays)
    assert left is not None
    assert left.moved_to == stays
    assert husk is not None
    assert husk.erased
    assert (spent(husk), husk.absorbed, husk.seen) == (0, [], b"")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_nothing_is_lost_or_counted_twice_whatever_crosses(
    merges: list[tuple[str, str]], random: Random
) -> None:
    """Merges that cross, and circles: everybody's money stands at exactly one customer."""
    world = World()
    told: list[tuple[str, events.CustomerEvent]] = [
        (person, purchase(number)) for number, person in enumerate(PEOPLE)
    ]
    told += [(one, merge(number, one, other)) for number, (one, other) in enumerate(merges)]
    told += [(person, purchase(100 + number)) for number, person in enumerate(PEOPLE)]
    for person, event in random.sample(told, len(told)):
        world.tell(person, event)
        for _ in range(random.randrange(3)):
            world.step(random.randrange(PARTITIONS))
    world.run(random)
    states = [state for person in PEOPLE if (state := world.state(person)) is not None]
    assert sum(map(spent, states)) == 1_000 * 2 * len(PEOPLE)
    assert all(spent(state) == 0 for state in states if state.moved_to is not None)
    assert any(state.moved_to is None for state in states)

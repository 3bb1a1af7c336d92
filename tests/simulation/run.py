"""One run: several workers, one partition, a hostile world, and a verdict.

The scheduler owns the workers' coroutines and steps one of them at a time, so no event loop is
needed and nothing depends on real time. In the first phase workers are started, frozen, killed and
replaced while the log grows; then the world turns calm, one fresh worker finishes, and what is left
is held against the oracle.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import msgspec

from models.errors import Reason
from rules.reduce import look_at
from streams.batch import Position, state_digest
from streams.clock import ManualClock
from streams.errors import Doubt, Halt
from streams.log.port import Append, Entry
from streams.outputs import LOG, LOG_DEAD_LETTERS, STATE, TIER_CURRENT
from streams.partition import Partition
from streams.protocol import PartitionSettings
from streams.store import keys
from streams.takeover import head
from tests.simulation.history import PARTITION, PARTITIONS, history
from tests.simulation.oracle import APP, truth
from tests.simulation.world import WALL, Chance, SimLog, SimStore, point

HOSTILE_STEPS = 1_500
CALM_STEPS_MAX = 20_000
WORKERS_MAX = 4


class Verdict(NamedTuple):
    """What was found wrong (nothing, in a good run), and which faults were met."""

    failures: list[str]
    faults: dict[str, int]
    steps: int


@dataclass(slots=True)
class World:
    """Everything that one run is made of; tests replace parts to take guards away."""

    random: Random
    chance: Chance
    log: SimLog
    store: SimStore
    make: Callable[..., Partition] = Partition
    workers: list[Coroutine[Any, Any, None]] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> World:
        """Return the world of a seed."""
        random = Random(seed)
        chance = Chance(random)
        return cls(random, chance, SimLog(chance), SimStore(chance))


class _Membership:
    """The group coordinator: zombies are told the truth only most of the time."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    async def confirmed(self) -> bool:
        await point()
        return not self.chance.strikes("not a member", 0.1)


class _Silent:
    """An observer that counts what the coverage report asks for."""

    def __init__(self, chance: Chance) -> None:
        self.seen = chance.seen

    def _count(self, name: str, amount: int = 1) -> None:
        self.seen[name] = self.seen.get(name, 0) + amount

    def taken_over(self, partition: int, seconds: float, restored: int, *, wiped: bool) -> None:
        self._count("take-over, wiped" if wiped else "take-over")

    def batch(
        self, partition: int, records: int, seconds: float, outputs: Mapping[str, int]
    ) -> None:
        self._count("batch")

    def dead_letters(self, partition: int, reasons: Sequence[Reason]) -> None:
        self._count("dead letters", len(reasons))

    def timers(self, partition: int, fired: int) -> None:
        self._count("timers", fired)

    def doubted(self, partition: int, reason: str) -> None:
        self._count(f"doubt: {reason}")


async def _worker(world: World) -> None:
    """What the shell does with a partition: take over, feed, and take over again."""
    random = world.random
    partition = world.make(
        PARTITION,
        world.log,
        world.store,
        PartitionSettings(app=APP, partitions=PARTITIONS, batch_max=random.choice((1, 3, 8, 1_000))),
        clock=ManualClock(WALL),
        membership=_Membership(world.chance),
        observer=_Silent(world.chance),
        draw=lambda: f"{random.getrandbits(128):032x}",
    )
    at = 0
    while True:
        await point()
        try:
            if partition.next is None:
                await partition.take_over()
                at = partition.next or 0
                if not world.chance.calm and random.random() < 0.05:
                    at = max(0, at + random.choice((-2, 1)))  # the group's offset is only a hint
            stored = world.log.stored(LOG, PARTITION)
            size = random.randint(1, 9)
            records = [r for r in stored.records if r.offset >= at][:size]
            after = records[-1].offset + 1 if records else stored.end
            if after > at:
                await partition.process(records, at, after)
                at = after
            else:
                await partition.work_ahead()
        except Doubt:
            at = 0


def run(seed: int, change: Callable[[World], None] | None = None) -> Verdict:
    """Run one seed; `change` may take a guard away from its world."""
    world = World.of(seed)
    if change is not None:
        change(world)
    entries = history(world.random, world.random.randint(15, 50))
    try:
        steps = _hostile(world, entries)
        steps += _calm(world, entries)
    except Halt as halt:
        return Verdict([f"halted: {halt}"], world.chance.seen, 0)
    finally:
        for worker in world.workers:
            worker.close()
    return Verdict(judge(world), world.chance.seen, steps)


def _step(world: World, worker: Coroutine[Any, Any, None]) -> None:
    try:
        worker.send(None)
    except StopIteration:
        world.workers.remove(worker)


def _hostile(world: World, entries: list[Entry]) -> int:
    random, chance = world.random, world.chance
    for step in range(HOSTILE_STEPS):
        if len(entries) > 1 and random.random() < 0.08:  # the last one is for the calm
            world.log.land([Append(LOG, PARTITION, [entries.pop(0)])])
        if (not world.workers or random.random() < 0.01) and len(world.workers) < WORKERS_MAX:
            world.workers.append(_worker(world))
        if random.random() < 0.01:
            chance.seen["kill"] = chance.seen.get("kill", 0) + 1
            world.workers.pop(random.randrange(len(world.workers))).close()
        if random.random() < 0.008:
            world.store.suffer(PARTITION)
        if random.random() < 0.05:
            world.log.land_delayed()
        if random.random() < 0.004:
            world.log.compact(STATE, PARTITION)
        if world.workers:
            # The newest worker mostly runs; the others are zombies that wake now and then.
            newest = random.random() < 0.7
            _step(world, world.workers[-1] if newest else random.choice(world.workers))
        if len(entries) == 1 and step > HOSTILE_STEPS // 2 and random.random() < 0.005:
            return step
    return HOSTILE_STEPS


def _calm(world: World, entries: list[Entry]) -> int:
    world.chance.calm = True
    for entry in entries:
        world.log.land([Append(LOG, PARTITION, [entry])])
    while world.workers:
        world.workers.pop().close()
    world.workers.append(_worker(world))
    end = world.log.stored(LOG, PARTITION).end
    for step in range(CALM_STEPS_MAX):
        _step(world, world.workers[0])
        if step % 50 == 0:
            position = _position(world)
            if position is not None and position.next == end and position.settled:
                if world.store.inner.snapshot(PARTITION).meta.applied >= _last(world):
                    return step
    return CALM_STEPS_MAX


def _position(world: World) -> Position | None:
    records = world.log.stored(STATE, PARTITION).records
    newest = next((r for r in reversed(records) if r.key == keys.POSITION), None)
    return None if newest is None else msgspec.json.decode(newest.value or b"", type=Position)


def _last(world: World) -> int:
    records = world.log.stored(STATE, PARTITION).records
    return records[-1].offset + 1


def judge(world: World) -> list[str]:
    """Return everything that differs from the oracle."""
    log = world.log
    expected = truth(log.stored(LOG, PARTITION).records)
    changelog: dict[bytes, bytes] = {}
    for record in log.stored(STATE, PARTITION).records:
        if record.key is not None and record.value is not None:
            changelog[record.key] = record.value
    states = {
        customer: value
        for name, value in changelog.items()
        if (customer := keys.customer_of(name)) is not None
    }
    failures = []
    position = _position(world)
    if position is None or position.next != log.stored(LOG, PARTITION).end or not position.settled:
        return [f"never settled: {position}"]
    if position.now != expected.now:
        failures.append("the clock differs")
    if states != expected.states:
        failures.append("changelog differs from the oracle")
    snapshot = world.store.inner.snapshot(PARTITION)
    if snapshot.fields != changelog:
        failures.append("store differs from the changelog")
    dues = {c: look_at(c, head(value).due) for c, value in states.items()}
    if snapshot.dues != {c: due for c, due in dues.items() if due is not None}:
        failures.append("the due index differs from the states")
    digest = sum(state_digest(c, value) for c, value in states.items()) % (1 << 128)
    if position.states != f"{digest:032x}":
        failures.append("the digest of the states differs")
    failures += _judge_outputs(log, expected.outputs, position)
    letters = [
        int(dict(r.headers)["dlq.offset"]) for r in log.stored(LOG_DEAD_LETTERS, PARTITION).records
    ]
    if letters != expected.set_aside:
        failures.append("dead letters differ from the oracle")
    return failures


def _judge_outputs(
    log: SimLog, expected: Mapping[bytes, list[bytes]], position: Position
) -> list[str]:
    failures = []
    said: dict[bytes, list[tuple[int, bytes]]] = {}
    ids: list[str] = []
    for (topic, _), stored in log.topics.items():
        if topic in {LOG, STATE, LOG_DEAD_LETTERS, TIER_CURRENT}:
            continue
        sequences: dict[bytes, int] = {}
        for record in stored.records:
            key, value = record.key or b"", json.loads(record.value or b"{}")
            ids.append(value["id"])
            said.setdefault(key, []).append((value["revision"], record.value or b""))
            if value["sequence"] != sequences.get(key, 0) + 1:
                failures.append(f"broken sequence in {topic}")
            sequences[key] = value["sequence"]
    if len(ids) != len(set(ids)):
        failures.append("an output id appears twice")
    in_order = {key: [value for _, value in sorted(values)] for key, values in said.items()}
    if in_order != expected:
        failures.append("outputs differ from the oracle")
    if position.outputs != f"{sum(int(i, 16) for i in ids) % (1 << 128):032x}":
        failures.append("the digest of the outputs differs")
    return failures

"""One run: several workers, one partition, a hostile world, and a verdict.

The scheduler owns the workers' coroutines and steps one of them at a time, so no event loop is
needed and nothing depends on real time. In the first phase workers are started, frozen, killed and
replaced while the log grows; then the world turns calm, one fresh worker finishes, and what is left
is held against the oracle. Now and then all topics are made anew in the middle, and what came
before must leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from models.errors import Reason
from streams.clock import ManualClock
from streams.errors import Doubt, Halt
from streams.log.port import Append, Entry
from streams.partition import Partition
from streams.protocol import Membership, PartitionSettings
from streams.topics import LOG, STATE
from tests.simulation.chance import Chance, point
from tests.simulation.history import PARTITION, PARTITIONS, history
from tests.simulation.judge import judge, position_of
from tests.simulation.log import WALL, SimLog
from tests.simulation.oracle import APP
from tests.simulation.store import SimStore

HOSTILE_STEPS = 1_500
CALM_STEPS_MAX = 20_000
WORKERS_MAX = 4
BATCHES = (1, 3, 8, 1_000)


class Verdict(NamedTuple):
    """What was found wrong (nothing, in a good run), and which faults and branches were met."""

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
    entries: list[Entry]  # what the log will still receive
    anew_at: int | None  # the step at which somebody makes all topics anew
    make: Callable[..., Partition] = Partition
    misfortune: float = 0.008  # how often the store suffers, per step
    zombies: float = 0.3  # how often any worker runs instead of the newest
    committed: int = 0  # the consumer group's offset: a hint and no more
    workers: list[Coroutine[Any, Any, None]] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> World:
        """Return the world of a seed."""
        random = Random(seed)
        chance = Chance(random)
        anew_at = random.randrange(200, 900) if random.random() < 0.15 else None
        entries = history(random, random.randint(15, 50))
        return cls(random, chance, SimLog(chance), SimStore(chance), entries, anew_at)

    def start(self, membership: Membership | None = None) -> None:
        """Start one more worker; the group tells it the truth only most of the time."""
        told = _MostlyConfirmed(self.chance) if membership is None else membership
        self.workers.append(_worker(self, told))

    def stop(self) -> None:
        """Kill every worker."""
        while self.workers:
            self.workers.pop().close()

    def step(self, worker: Coroutine[Any, Any, None]) -> None:
        """Let a worker run up to its next call of a port."""
        try:
            worker.send(None)
        except StopIteration:
            self.workers.remove(worker)

    def settled(self) -> bool:
        """Tell whether everything is done: the log is read, nothing is due, and the store knows."""
        position = position_of(self.log)
        if position is None or not position.settled:
            return False
        last = self.log.stored(STATE, PARTITION).records[-1].offset
        applied = self.store.inner.snapshot(PARTITION).meta.applied
        return position.next == self.log.stored(LOG, PARTITION).end and applied > last

    def append(self) -> None:
        """Let the log receive its next record."""
        self.log.land([Append(LOG, PARTITION, [self.entries.pop(0)])])

    def retain(self) -> None:
        """Let retention delete some of the records that the partition has passed."""
        position = position_of(self.log)
        if position is not None:
            self.chance.seen["log truncated"] += 1
            self.log.truncate(
                LOG, PARTITION, self.random.choice((position.next // 2, position.next))
            )

    def make_anew(self) -> None:
        """Delete all topics and begin another history under the same name, with the same store."""
        self.chance.seen["topics made anew"] += 1
        self.stop()
        self.store.back_up(PARTITION)
        self.log.make_anew()
        self.committed = 0
        self.entries = history(self.random, self.random.randint(15, 40))


class _MostlyConfirmed:
    """The group coordinator, which also confirms zombies, and does not always answer."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    async def confirmed(self) -> bool:
        await point()
        return not self.chance.strikes("not a member", 0.1)


class _Counting:
    """An observer that counts which branches were met."""

    def __init__(self, chance: Chance) -> None:
        self.seen = chance.seen

    def taken_over(self, partition: int, seconds: float, restored: int, *, wiped: bool) -> None:
        assert partition == PARTITION
        assert seconds == 0
        self.seen["take-over, wiped" if wiped else "take-over"] += 1
        self.seen["records restored"] += restored

    def batch(
        self, partition: int, records: int, seconds: float, outputs: Mapping[str, int]
    ) -> None:
        assert partition == PARTITION
        assert seconds == 0
        self.seen["batch of records" if records else "batch of timers"] += 1
        for topic, count in outputs.items():
            self.seen[f"outputs: {topic}"] += count

    def dead_letters(self, partition: int, reasons: Sequence[Reason]) -> None:
        assert partition == PARTITION
        for reason in reasons:
            self.seen[f"dead letter: {reason}"] += 1

    def timers(self, partition: int, fired: int) -> None:
        assert partition == PARTITION
        self.seen["timers"] += fired

    def doubted(self, partition: int, reason: str) -> None:
        assert partition == PARTITION
        self.seen[f"doubt: {reason}"] += 1


async def _worker(world: World, membership: Membership) -> None:
    """What the shell does with a partition: take over, feed, and take over again."""
    random = world.random
    partition = world.make(
        PARTITION,
        world.log,
        world.store,
        PartitionSettings(app=APP, partitions=PARTITIONS, batch_max=random.choice(BATCHES)),
        clock=ManualClock(WALL),
        membership=membership,
        observer=_Counting(world.chance),
        draw=lambda: f"{random.getrandbits(128):032x}",
    )
    at = 0
    while True:
        await point()
        try:
            if partition.position is None:
                await partition.take_over()
                at = _place(partition)
                if not world.chance.calm and random.random() < 0.1:
                    # The engine was told a place of the group's, or one of its own from before.
                    at = random.choice((max(0, at - 12), at + 1, world.committed))
            stored = world.log.stored(LOG, PARTITION)
            size = 9 if world.chance.calm else random.randint(1, 9)
            records = [r for r in stored.records if r.offset >= at][:size]
            after = records[-1].offset + 1 if records else stored.end
            if after > at:
                await partition.process(records, at, after)
                at = world.committed = after
            else:
                await partition.work_ahead()
        except Doubt:
            at = 0


def _place(partition: Partition) -> int:
    return partition.next or 0


def run(seed: int, change: Callable[[World], None] | None = None) -> Verdict:
    """Run one seed; `change` may take a guard away from its world."""
    world = World.of(seed)
    if change is not None:
        change(world)
    try:
        steps = play(world)
    except Halt as halt:
        return Verdict([f"halted: {halt}"], world.chance.seen, 0)
    failures = judge(world.log, world.store.inner.snapshot(PARTITION), world.random)
    return Verdict(failures, world.chance.seen, steps)


def play(world: World) -> int:
    """Let a world run until it is calm and settled; return the steps that were taken.

    Raises:
        Halt: a worker asked for a person.
    """
    try:
        return _hostile(world) + _calm(world)
    finally:
        world.stop()


def _hostile(world: World) -> int:
    random = world.random
    for step in range(HOSTILE_STEPS):
        if step == world.anew_at:
            world.make_anew()
        if len(world.entries) > 1 and random.random() < 0.08:  # the last one is for the calm
            world.append()
        if (not world.workers or random.random() < 0.01) and len(world.workers) < WORKERS_MAX:
            world.start()
        _suffer(world)
        if world.workers:
            # The newest worker mostly runs; the others are zombies that wake now and then.
            any_of_them = random.random() < world.zombies
            world.step(random.choice(world.workers) if any_of_them else world.workers[-1])
        over = step > HOSTILE_STEPS // 2 and (world.anew_at is None or step > world.anew_at)
        if over and len(world.entries) == 1 and random.random() < 0.005:
            return step
    return HOSTILE_STEPS


def _suffer(world: World) -> None:
    """Let the misfortunes of one step happen."""
    random = world.random
    if random.random() < 0.01:
        world.chance.seen["kill"] += 1
        world.workers.pop(random.randrange(len(world.workers))).close()
    if random.random() < world.misfortune:
        world.store.suffer(PARTITION)
    if random.random() < 0.004:
        world.store.back_up(PARTITION)
    if random.random() < 0.05:
        world.log.land_delayed()
    if random.random() < 0.02:
        world.log.compact(STATE, PARTITION)
    if random.random() < 0.01:
        world.retain()


def _calm(world: World) -> int:
    world.chance.calm = True
    while world.entries:
        world.append()
    world.stop()
    world.start()
    for step in range(CALM_STEPS_MAX):
        world.step(world.workers[0])
        if step % 50 == 0 and world.settled():
            return step
    return CALM_STEPS_MAX

"""What the shell does with a partition, in a few lines: take over, feed, and take over again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from models.decisions import AnyDecision
from models.errors import Reason
from streams.errors import Doubt, Halt
from streams.log.port import Record
from streams.partition import Partition
from streams.protocol import Membership, PartitionSettings
from streams.topics import LOG
from tests.simulation.brokers import Brokers
from tests.simulation.chance import Chance, point
from tests.simulation.history import PARTITION, PARTITIONS
from tests.simulation.log import SimLog
from tests.simulation.oracle import APP
from tests.simulation.store import Servers, SimStore

BATCHES = (1, 3, 8, 1_000)


@dataclass(slots=True)
class Surroundings:
    """What all workers of a world share. `committed`: the consumer group's offset."""

    random: Random
    chance: Chance
    log: SimLog
    store: Servers
    committed: int = 0
    partitions: list[Partition] = field(default_factory=list)  # of every worker, the newest last


class MostlyConfirmed:
    """The group coordinator, which also confirms zombies, and does not always answer."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    async def confirmed(self) -> bool:
        await point()
        return not self.chance.strikes("not a member", 0.1)


class _Clock(NamedTuple):
    """A worker's clock, which may be wrong, and in which no time elapses."""

    brokers: Brokers
    skew_s: int

    def now(self) -> int:
        return self.brokers.now + self.skew_s

    def monotonic(self) -> float:
        return 0


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

    def published(self, decisions: Sequence[AnyDecision]) -> None:
        self.seen["decisions"] += len(decisions)

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


async def work(
    shared: Surroundings,
    make: Callable[..., Partition],
    membership: Membership,
    *,
    skew_s: int,
    wrong_count: bool,
) -> None:
    """Own the partition until killed. `wrong_count`: misconfigured, which has to end it."""
    random, chance = shared.random, shared.chance
    batch_max = random.choice(BATCHES)
    partition = make(
        PARTITION,
        shared.log,
        SimStore(shared.store),
        PartitionSettings(
            app=APP,
            partitions=PARTITIONS + wrong_count,
            batch_max=batch_max,
            timers_min=1,  # so that they fall into many batches
        ),
        clock=_Clock(shared.log.brokers, skew_s),
        membership=membership,
        observer=_Counting(chance),
        draw=lambda: f"{random.getrandbits(128):032x}",
    )
    shared.partitions.append(partition)
    at = 0
    while True:
        await point()
        try:
            if partition.position is None:
                await partition.take_over()
                at = _place(partition)
                if not chance.calm and random.random() < 0.1:
                    # The engine was told a place of the group's, or one of its own from before.
                    at = random.choice((max(0, at - 12), at + 1, shared.committed))
            at = await _moved_on(shared, partition, at)
        except Doubt:
            at = 0
        except Halt:
            if not wrong_count:
                raise
            chance.seen["halt: wrong number of partitions"] += 1
            return


async def _moved_on(shared: Surroundings, partition: Partition, at: int) -> int:
    """Fetch from `at` and process that, or do what is due; return where to fetch next."""
    records, after = _fetched(shared, at)
    if after > at:
        await partition.process(records, at, after)
        shared.committed = after
    elif after < at:
        await partition.drop()  # out of range: the engine ends, to be started again
    else:
        await partition.work_ahead()
    return after


def _fetched(shared: Surroundings, at: int) -> tuple[list[Record], int]:
    """Return some records from `at` on, and the position behind them; -1 where that is no place.

    A follower may not have everything that the leader has.
    """
    random, stored = shared.random, shared.log.brokers.stored(LOG, PARTITION)
    if not stored.start <= at <= stored.next:
        return [], -1
    end, size = stored.end, 9
    if not shared.chance.calm:
        size = random.randint(1, 9)
        if random.random() < 0.2:
            end = random.randint(min(at, end), end)
    records = stored.between(at, end)[:size]
    return records, records[-1].offset + 1 if records else max(at, end)


def _place(partition: Partition) -> int:
    return partition.next or 0

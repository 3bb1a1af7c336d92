"""A simulated world: the services, who works with them, and what happens to all of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from streams.log.port import Append, Entry, Record
from streams.partition import Partition
from streams.protocol import Membership
from streams.topics import LOG, STATE
from tests.simulation.brokers import Brokers
from tests.simulation.chance import Chance
from tests.simulation.crew import Crew
from tests.simulation.fates import FATES
from tests.simulation.history import PARTITION, history
from tests.simulation.judge import WRITER, judge, judge_halted, position_of
from tests.simulation.log import SimLog
from tests.simulation.sources import Sources
from tests.simulation.store import Servers
from tests.simulation.worker import MostlyConfirmed, Surroundings, work

_WITH_SOURCES = 0.1  # of the worlds
_CREW_MAX = 5
_FORGETS_IN_MAX = 9
_HOUR_S = 3_600
_PASSING_S = (_HOUR_S, 24 * _HOUR_S, 4 * 24 * _HOUR_S, 8 * 24 * _HOUR_S)
_SKEWS_S = (0, 0, 0, 0, _HOUR_S, -_HOUR_S, 400 * 24 * _HOUR_S, -400 * 24 * _HOUR_S)


@dataclass(slots=True)
class World:
    """Everything that one run is made of; tests replace parts to take guards away."""

    random: Random
    chance: Chance
    brokers: Brokers
    log: SimLog
    store: Servers
    entries: list[Entry]  # what the log will still receive
    anew_at: int | None  # the step at which somebody makes all topics anew
    fate: str | None = None  # what a person will have to mend
    taken: list[Record] = field(default_factory=list)  # the log as it was when that came
    struck: bool = False
    crew: Crew | None = None  # who fills the log, in a world with sources
    make: Callable[..., Partition] = Partition
    misfortune: float = 0.01  # how often the store suffers, per step
    zombies: float = 0.3  # how often any worker runs instead of the newest
    forgetting: float = 0.05  # how often brokers forget markers that are outstanding
    surroundings: Surroundings = field(init=False)
    workers: list[Coroutine[Any, Any, None]] = field(default_factory=list)
    foreign: list[tuple[tuple[str, int], Entry]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let workers find what they share."""
        self.surroundings = Surroundings(self.random, self.chance, self.log, self.store)

    @classmethod
    def of(cls, seed: int) -> World:
        """Return the world of a seed."""
        random = Random(seed)
        chance = Chance(random)
        brokers = Brokers(chance, WRITER)
        log, servers = SimLog(brokers), Servers(chance, PARTITION)
        if random.random() < _WITH_SOURCES:
            crew = Crew(
                Sources(random, chance, brokers, random.randint(10, 40), random.random() < 0.15),
                log,
            )
            return cls(random, chance, brokers, log, servers, [], None, crew=crew)
        anew_at = random.randrange(200, 900) if random.random() < 0.15 else None
        entries = history(random, random.randint(15, 50))
        fate = random.choice(sorted(FATES)) if anew_at is None and random.random() < 0.06 else None
        return cls(random, chance, brokers, log, servers, entries, anew_at, fate)

    @property
    def waiting(self) -> int:
        """How many records are still to come."""
        return len(self.entries) if self.crew is None else self.crew.sources.left

    @property
    def committed(self) -> int:
        """The consumer group's offset: a hint and no more."""
        return self.surroundings.committed

    def start(self, membership: Membership | None = None) -> None:
        """Start one more worker; the group tells it the truth only most of the time."""
        told = MostlyConfirmed(self.chance) if membership is None else membership
        skew_s = 0 if self.chance.calm else self.random.choice(_SKEWS_S)
        begun = not self.chance.calm and position_of(self.brokers) is not None
        wrong_count = begun and self.chance.strikes("wrong number of partitions", 0.03)
        self.workers.append(
            work(self.surroundings, self.make, told, skew_s=skew_s, wrong_count=wrong_count)
        )

    def stop(self) -> None:
        """Kill everybody."""
        if self.crew is not None:
            self.crew.stop()
        while self.workers:
            self.workers.pop().close()
        self.surroundings.partitions.clear()

    def step(self, worker: Coroutine[Any, Any, None]) -> None:
        """Let a worker run up to its next call of a port."""
        try:
            worker.send(None)
        except StopIteration:
            self.workers.remove(worker)

    def settled(self) -> bool:
        """Tell whether all is done: the log is read, nothing is due, and the store knows."""
        position = position_of(self.brokers)
        if position is None or not position.settled or self.brokers.forgotten[WRITER]:
            return False
        if not any(owner.settled for owner in self.surroundings.partitions):
            return False
        if self.crew is not None and not self.crew.sources.passed():
            return False
        last = self.brokers.stored(STATE, PARTITION).records[-1].offset
        applied = self.store.primary.snapshot(PARTITION).meta.applied
        return position.next == self.brokers.stored(LOG, PARTITION).next and applied > last

    def append(self) -> None:
        """Let the log receive its next record, perhaps in another partition's transaction.

        Where there are sources, one of them receives it.
        """
        if self.crew is not None:
            self.crew.sources.take_in()
            return
        entry = self.entries.pop(0)
        append = Append(LOG, PARTITION, [entry])
        if self.chance.strikes("another partition's transaction", 0.08):
            writer = ("sim-other", self.brokers.supersede("sim-other"))
            self.brokers.send(writer, append)
            self.foreign.append((writer, entry))
        else:
            self.brokers.append(append)

    def suffer(self) -> None:
        """Let the misfortunes of one step happen."""
        random, brokers = self.random, self.brokers
        if random.random() < 0.01:
            self.chance.seen["kill"] += 1
            self.workers.pop(random.randrange(len(self.workers))).close()
        if random.random() < self.misfortune:
            self.store.suffer()
        if random.random() < 0.004:
            self.store.back_up()
        if self.store.full and random.random() < 0.05:
            self.store.full = False
        if random.random() < 0.05:
            self.log.land_delayed()
        if brokers.under_way and random.random() < 0.2:
            self._move_transactions_on()
        if random.random() < 0.02:
            brokers.compact(STATE, PARTITION)
        if random.random() < 0.01:
            self.retain()
        if self.crew is not None:
            self._move_crew(self.crew)
        elif random.random() < 0.002:
            brokers.now += random.choice(_PASSING_S)

    def retain(self) -> None:
        """Let retention delete some of the records that the partition has passed."""
        position = position_of(self.brokers)
        if position is not None:
            self.chance.seen["log truncated"] += 1
            before = self.random.choice((position.next // 2, position.next))
            self.brokers.truncate(LOG, PARTITION, before)

    def calm(self) -> None:
        """End all misfortune: nothing is under way any more, and one fresh worker is left.

        All but one: brokers may still forget, and then nobody but that worker can see to it.
        """
        self.chance.calm = True
        self.stop()
        self.store.mend()
        while self.foreign:
            self._end_foreign()
        self.brokers.end_everything()
        self.brokers.forgets_in = self.random.choice((0, 0, *range(1, _FORGETS_IN_MAX)))
        while self.waiting:
            self.append()
        self.start()
        self.step(self.workers[0])
        if self.crew is not None:
            self.crew.sources.late.clear()
            self.crew.start(None)
            self.crew.start(self.surroundings.partitions[-1])

    def strike(self) -> None:
        """Let fate have its way as soon as it can; the log receives nothing any more."""
        if self.fate is None or self.struck or self.brokers.forgotten[WRITER]:
            return  # a person who changes topics does so in quiet times
        position = position_of(self.brokers)
        if position is None or position.now is None:
            return
        log = self.brokers.stored(LOG, PARTITION)
        self.struck = FATES[self.fate].strike(self.brokers, position, self.random)
        if self.struck:
            self.chance.seen[f"fate: {self.fate}"] += 1
            if FATES[self.fate].at_rest:
                self.stop()
            self.taken = log.written
            self.entries.clear()
            self.foreign.clear()

    def judged(self) -> list[str]:
        """Return what is wrong after everything settled without a person."""
        if self.fate is not None and self.struck and not FATES[self.fate].escapable:
            return [f"nobody was asked for help: {self.fate}"]
        failures = judge(self.brokers, self.store.primary.snapshot(PARTITION), self.random)
        return failures if self.crew is None else failures + self.crew.sources.judge()

    def halted(self, message: str) -> list[str]:
        """Return what is wrong after a worker asked for a person."""
        if self.fate is None or not self.struck or FATES[self.fate].says not in message:
            return [f"halted: {message}"]
        self.chance.seen[f"halt: {self.fate}"] += 1
        if self.brokers.forgotten[WRITER]:
            return []  # whoever takes over after the person sees to that first
        self.brokers.end_everything()
        return judge_halted(self.brokers, self.taken)

    def make_anew(self) -> None:
        """Delete all topics and begin another history under the same name, with the same store."""
        self.chance.seen["topics made anew"] += 1
        self.stop()
        self.store.back_up()
        self.brokers.make_anew()
        self.foreign.clear()
        self.surroundings.committed = 0
        self.entries = history(self.random, self.random.randint(15, 40))

    def _move_crew(self, crew: Crew) -> None:
        owners = self.surroundings.partitions
        if len(crew.members) < _CREW_MAX and self.random.random() < 0.02:
            crew.start(self.random.choice(owners[-_CREW_MAX:]) if owners else None)
        crew.step()
        crew.sources.pass_time()

    def _move_transactions_on(self) -> None:
        roll = self.random.random()
        if roll < 0.1:
            self.brokers.expire()
        elif roll < 0.3 and self.foreign:
            self._end_foreign()
        elif roll < 0.3 + self.forgetting:
            self.brokers.forget()
        else:
            self.brokers.write_a_marker()

    def _end_foreign(self) -> None:
        """End what another partition's worker had under way; what it aborts, it sends again."""
        writer, entry = self.foreign.pop(0)
        if writer not in self.brokers.under_way or self.chance.strikes("abort of another", 0.3):
            self.entries.insert(0, entry)
            self.brokers.end(writer)
        else:
            self.brokers.commit(writer)

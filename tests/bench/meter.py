"""The meter: what happened between two moments, and what each part paid for it in CPU time.

CPU times come from Linux's /proc in steps of 10 ms; elsewhere they are not known (None).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from streams.settings import Role
from streams.topics import DEAD_LETTER_SUFFIX, LOG, TIER_CURRENT
from tests.bench.deployment import BenchFailed, Deployment, Worker

BENCH = "bench"
"""The part that only measures."""

_SET_ASIDE = "dead_letters_total"
_LOOK_EVERY_S = 0.1
_STANDSTILL_S_MAX = 60.0
_PROC = Path("/proc")
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # of /proc/<pid>/stat, behind the program's name
_IDLE, _WAITING = 3, 4  # of the first line of /proc/stat, behind its name


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that is counted, at one moment."""

    at_s: float
    positions: Sequence[int]
    cpu_s: Mapping[str, float]
    """By part: workers by their role, `valkey`, `broker`, `bench`, and `all` of the machine."""
    counts: Mapping[tuple[str, str], float]
    """The customers workers' metrics, by name and topic; a busy worker tells them later."""
    workers: int
    """Customers workers that run."""

    def dead_letters(self) -> float:
        """Return how many records have been set aside."""
        return sum(count for (name, _), count in self.counts.items() if name == _SET_ASIDE)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies between two moments in which `events` events were processed."""

    events: int
    seconds: float
    cpu_us: Mapping[str, float]
    """CPU time an event by part, in microseconds."""
    foreign_cores: float | None
    """CPUs that other programs kept busy meanwhile: what disturbs a measurement."""
    outputs: float
    """Events published, a record processed."""
    timers: float
    """Customers concluded by time, a record processed."""
    batch_records: float
    """Records in a transaction, on average."""
    batch_ms: float
    """Time of a transaction, on average; partitions work on theirs at the same time."""
    workers: int
    """Customers workers that ran."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cost_us(self) -> float:
        """CPU time an event of workers and services together, in microseconds."""
        return sum(spent for part, spent in self.cpu_us.items() if part != BENCH)


class Meter:
    """Looks at a deployment while its workers run."""

    def __init__(self, deployment: Deployment, workers: Sequence[Worker]) -> None:
        services = deployment.services
        self._deployment = deployment
        self._workers = workers
        self._pids: dict[str, list[int]] = {}
        for worker in workers:
            self._pids.setdefault(worker.role.value, []).append(worker.process.pid)
        self._pids[BENCH] = [os.getpid()]
        if services.valkey is not None:
            self._pids["valkey"] = [services.valkey.pid]
        if services.kafka is not None:
            self._pids["broker"] = list(services.kafka.pids)

    async def moment(self) -> Moment:
        """Look now."""
        positions = await self._deployment.positions()
        at_s, cpu_s = monotonic(), self._cpu_s()
        counts: dict[tuple[str, str], float] = {}
        concluding = [worker for worker in self._workers if worker.role is Role.CUSTOMERS]
        for worker in concluding:
            for name, value in (await worker.metrics()).items():
                counts[name] = counts.get(name, 0.0) + value
        return Moment(at_s, positions, cpu_s, counts, len(concluding))

    async def reached(
        self,
        offsets: Sequence[int],
        told: Callable[[int], None] = lambda _: None,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> Moment:
        """Wait until every partition has processed what stands before its offset; look then.

        `told` gets the number of records processed at each look; `beside` is called at each, and
        may move `offsets` on.

        Raises:
            ServiceFailed: a worker ended.
            BenchFailed: nothing moved for a minute.
        """
        moved_s, before = monotonic(), [0]
        while True:
            for worker in self._workers:
                worker.check()
            positions = await self._deployment.positions()
            if all(at >= offset for at, offset in zip(positions, offsets, strict=True)):
                return await self.moment()
            told(sum(positions))
            if beside is not None:
                await beside()
            if positions != before:
                moved_s, before = monotonic(), positions
            if monotonic() - moved_s > _STANDSTILL_S_MAX:
                said = "\n".join(worker.last_said() for worker in self._workers)
                raise BenchFailed(
                    f"the workers stand still at {positions} of {list(offsets)}; they said:\n{said}"
                )
            await asyncio.sleep(_LOOK_EVERY_S)

    def _cpu_s(self) -> dict[str, float]:
        if not _PROC.is_dir():
            return {}
        parts = {name: sum(map(process_cpu_s, pids)) for name, pids in self._pids.items()}
        return parts | {"all": machine_cpu_s()}


def stretch(begin: Moment, end: Moment, events: int) -> Stretch:
    """Return what lies between two moments in which `events` events were processed."""
    cpu_s = {name: end.cpu_s[name] - begin.cpu_s[name] for name in end.cpu_s}
    seconds = end.at_s - begin.at_s
    whole_s = cpu_s.pop("all", None)
    foreign = None if whole_s is None else max(0.0, whole_s - sum(cpu_s.values())) / seconds

    def counted(name: str, topic: str = "") -> float:
        return end.counts.get((name, topic), 0.0) - begin.counts.get((name, topic), 0.0)

    published = {topic for name, topic in end.counts if name == "outputs_total"}
    outputs = sum(
        counted("outputs_total", topic)
        for topic in published - {TIER_CURRENT, LOG + DEAD_LETTER_SUFFIX}
    )
    batches = max(1.0, counted("batch_seconds_count"))
    records = max(1.0, counted("records_total"))
    return Stretch(
        events=events,
        seconds=seconds,
        cpu_us={name: spent / events * 1e6 for name, spent in cpu_s.items()},
        foreign_cores=foreign,
        outputs=outputs / records,
        timers=counted("timers_total") / records,
        batch_records=records / batches,
        batch_ms=counted("batch_seconds_sum") / batches * 1_000,
        workers=end.workers,
    )


def process_cpu_s(pid: int) -> float:
    """Return the CPU time that a process has had, in seconds."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def machine_cpu_s() -> float:
    """Return the CPU time that everything on this machine has had, in seconds."""
    with (_PROC / "stat").open() as lines:
        ticks = [int(each) for each in lines.readline().split()[1:9]]
    return (sum(ticks) - ticks[_IDLE] - ticks[_WAITING]) / os.sysconf("SC_CLK_TCK")

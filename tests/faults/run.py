"""Rows from their first event to their verdict."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TypeAlias

from redis import Redis

from deploy.local.kafka import Kafka
from deploy.local.paths import LOCAL
from deploy.local.scratch import scratch_folder
from deploy.local.valkey import Valkey
from streams.settings import Role
from tests.faults.findings import Findings
from tests.faults.judge import judge
from tests.faults.pulse import pulse_of
from tests.faults.row import CUSTOMERS, INGRESS, Row
from tests.faults.scene import Load, Scene, scene
from tests.faults.wiring import Wiring, wiring
from tests.faults.workers import RunFailed

_WARM_S = 1.0
_NEW_RULES_EVERY_S = 15.0

Told: TypeAlias = Callable[[str], None]
Dose: TypeAlias = tuple[Row, int]


@dataclass(slots=True)
class Outcome:
    """What a row came to. `restarts`: workers that ended by themselves and were started again.

    Rows that shared a deployment have its findings in common.
    """

    row: Row
    runs: int
    published: int = 0
    restarts: int = 0
    rulebooks: int = 0
    findings: Findings = field(default_factory=Findings)
    resumed_s: list[float] = field(default_factory=list)
    stood_still_s: list[float] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def resume_p95_s(self) -> float | None:
        """95 in 100 times it went on sooner; None where nothing had to go on."""
        return _percentile(self.resumed_s, 0.95)

    @property
    def pause_p99_s(self) -> float | None:
        """99 in 100 standstills of a partition were shorter; None where there was none."""
        return _percentile(self.stood_still_s, 0.99)

    def add(self, later: Outcome) -> None:
        """Take in what the same row came to on another deployment."""
        self.runs += later.runs
        self.published += later.published
        self.restarts += later.restarts
        self.rulebooks += later.rulebooks
        self.findings.add(later.findings)
        self.resumed_s += later.resumed_s
        self.stood_still_s += later.stood_still_s
        self.figures |= later.figures

    def line(self) -> dict[str, str | int | float | None]:
        """Return the outcome for programs."""
        p95, p99 = self.resume_p95_s, self.pause_p99_s
        return {
            "name": self.row.name,
            "runs": self.runs,
            "lost": self.findings.lost,
            "duplicates": self.findings.duplicates,
            "differences": self.findings.differences,
            "resume_p95_s": None if p95 is None else round(p95, 2),
            "pause_p99_s": None if p99 is None else round(p99, 2),
            "events": self.published,
            "restarts": self.restarts,
            "rulebooks": self.rulebooks,
            **self.figures,
        }


@dataclass(frozen=True, slots=True)
class Ground:
    """Services of our own that may be killed."""

    kafka: Kafka
    valkey: Valkey
    folder: Path
    wired: Wiring

    async def run(self, row: Row, times: int, load: Load, told: Told) -> Outcome:
        """Run a row and judge it; `told` what happens."""
        (outcome,) = await self.run_together([(row, times)], load, told)
        return outcome

    async def run_together(self, doses: Sequence[Dose], load: Load, told: Told) -> list[Outcome]:
        """Run rows one after the other on one deployment, and judge that once.

        Ends early where a row fails: later ones are left out of the result.
        """
        places = (self.kafka, self.valkey, self.folder, load, told, self.wired)
        async with scene(*places) as made:
            outcomes, failure = await self._inflicted(made, doses)
            findings = Findings()
            if failure is not None:
                outcomes = outcomes or [Outcome(*doses[0])]  # it did not even come to the first
                await asyncio.to_thread(self.mend)
                findings.differ(failure)
            told(f"judging {made.feeder.published:,} events")
            await judge(made.reached, findings)
            if not findings.clean:
                told(f"the logs of workers and services are kept in {kept_logs(self.folder)}")
            for outcome in outcomes:
                outcome.findings = findings
            return outcomes

    def mend(self) -> None:
        """Undo what a row that failed has left broken."""
        self.wired.mend()
        self.wired.fail_over(self.valkey.port)
        self.kafka.mend()
        self.valkey.restart()
        with Redis.from_url(self.valkey.url) as redis:
            redis.replicaof("NO", "ONE")

    async def _inflicted(
        self, made: Scene, doses: Sequence[Dose]
    ) -> tuple[list[Outcome], str | None]:
        """Do what the rows do under load, and let all come to rest; return what went wrong."""
        outcomes: list[Outcome] = []
        await made.activate_next()
        made.worker(Role.INGRESS, INGRESS).start()
        made.worker(Role.CUSTOMERS, CUSTOMERS).start()
        feeding = asyncio.create_task(made.feeder.run(made.load.events_per_s))

        async def inflicted() -> None:
            made.told("starting both workers")
            await made.resume()
            await asyncio.sleep(_WARM_S)
            for row, times in doses:
                if len(doses) > 1:
                    made.told(f"{row.name}, {times} times")
                outcomes.append(Outcome(row, times))
                await _one(made, outcomes[-1])
                before = sum(outcome.published for outcome in outcomes[:-1])
                outcomes[-1].published = made.feeder.published - before
            feeding.cancel()
            await asyncio.wait([feeding])
            made.told("coming to rest")
            await made.settle()
            await made.stop_workers()

        inflicting = asyncio.create_task(inflicted())
        works = {asyncio.create_task(made.supervised()), feeding, inflicting}
        everything = tuple(works)
        try:
            while not inflicting.done():
                ended, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                for work in ended:
                    if not work.cancelled():
                        work.result()
                works -= ended
        except RunFailed as error:
            return outcomes, str(error)
        finally:
            for work in everything:
                work.cancel()
            await asyncio.wait(everything)
            made.kill_workers()
        return outcomes, None


async def _one(made: Scene, outcome: Outcome) -> None:
    """Do what one row does, with rulebooks that come into force meanwhile."""
    row, feeder = outcome.row, made.feeder
    feeder.events_per_s = min(row.events_per_s, made.load.events_per_s)
    feeder.happenings.poison_share = row.poison_share
    made.resumed_s, made.figures = outcome.resumed_s, outcome.figures
    rulebooks, restarts = made.rulebooks, made.restarts
    over = asyncio.Event()
    async with pulse_of(made.reached) as pulse:
        changing = asyncio.create_task(_under_new_rules(made, over))
        try:
            await row.inflict(made, outcome.runs)
            over.set()
            await changing
        finally:
            changing.cancel()
            await asyncio.wait([changing])
    outcome.stood_still_s = pulse.stood_still_s
    outcome.rulebooks = made.rulebooks - rulebooks
    outcome.restarts = made.restarts - restarts


async def _under_new_rules(made: Scene, over: asyncio.Event) -> None:
    """Put a rulebook into force in the middle of whatever happens, and others later."""
    wait_s = _WARM_S
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), wait_s * made.chance.uniform(0.5, 1.5))
        await made.activate_next()
        if over.is_set():
            return
        wait_s = _NEW_RULES_EVERY_S


def kept_logs(folder: Path) -> Path:
    """Copy the logs below a run's folder to where they outlive it; return that folder."""
    kept = LOCAL / "failed" / folder.name
    for log in folder.rglob("*.log"):
        if not log.stem.isdigit():  # those are segments of Kafka's own logs
            copy = kept / log.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, copy)
    return kept


def _percentile(values: Sequence[float], share: float) -> float | None:
    ordered = sorted(values)
    return ordered[ceil(share * len(ordered)) - 1] if ordered else None


@contextmanager
def ground(name: str = "faults", *, brokers: int = 1) -> Iterator[Ground]:
    """Start services, and lay cables to them, for the block."""
    with (
        scratch_folder(name) as folder,
        Valkey.start(folder / "valkey") as valkey,
        Kafka.start(folder / "kafka", brokers, with_detours=True) as kafka,
        wiring(kafka, valkey) as wired,
    ):
        yield Ground(kafka, valkey, folder, wired)

"""One row from its first event to its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from deploy.local.kafka import Kafka
from deploy.local.scratch import scratch_folder
from deploy.local.valkey import Valkey
from streams.settings import Role
from tests.faults.findings import Findings
from tests.faults.judge import judge
from tests.faults.rows import CUSTOMERS, INGRESS, Row
from tests.faults.scene import Load, Scene, scene
from tests.faults.workers import RunFailed

_WARM_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row came to. `restarts`: workers that ended by themselves and were started again."""

    row: Row
    runs: int
    published: int
    restarts: int
    findings: Findings
    resumed_s: tuple[float, ...]

    @property
    def resume_p95_s(self) -> float | None:
        """95 in 100 times it went on sooner; None where nothing had to go on."""
        ordered = sorted(self.resumed_s)
        return ordered[ceil(0.95 * len(ordered)) - 1] if ordered else None

    def line(self) -> dict[str, str | int | float | None]:
        """Return the outcome for programs."""
        p95 = self.resume_p95_s
        return {
            "name": self.row.name,
            "runs": self.runs,
            "lost": self.findings.lost,
            "duplicates": self.findings.duplicates,
            "differences": self.findings.differences,
            "resume_p95_s": None if p95 is None else round(p95, 2),
        }


@dataclass(frozen=True, slots=True)
class Ground:
    """Services of our own that may be killed."""

    kafka: Kafka
    valkey: Valkey
    folder: Path

    async def run(self, row: Row, times: int, load: Load, told: Callable[[str], None]) -> Outcome:
        """Run a row and judge it; `told` what happens."""
        async with scene(self.kafka, self.valkey, self.folder, load, told) as made:
            failure = await self._inflicted(made, row, times, load)
            findings = Findings()
            if failure is not None:
                findings.differ(failure)
            told(f"judging {made.feeder.published:,} events")
            await judge(made.reached, findings)
            restarts = sum(worker.restarts for worker in made.workers.values())
            published = made.feeder.published
            return Outcome(row, times, published, restarts, findings, tuple(made.resumed_s))

    async def _inflicted(self, made: Scene, row: Row, times: int, load: Load) -> str | None:
        """Do what the row does under load, and let all come to rest; return what went wrong."""
        await made.activate(1)
        made.worker(Role.INGRESS, INGRESS).start()
        made.worker(Role.CUSTOMERS, CUSTOMERS).start()
        supervising = asyncio.create_task(made.supervised())
        feeding = asyncio.create_task(made.feeder.run(load.events_per_s))

        async def inflicted() -> None:
            made.told("starting both workers")
            await made.resume()
            made.resumed_s.clear()
            await asyncio.sleep(_WARM_S)
            await row.inflict(made, times)
            feeding.cancel()
            await asyncio.wait([feeding])
            made.told("coming to rest")
            await made.settle()
            await made.stop_workers()

        inflicting = asyncio.create_task(inflicted())
        works = {supervising, feeding, inflicting}
        try:
            while not inflicting.done():
                ended, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                for work in ended:
                    if not work.cancelled():
                        work.result()
                works -= ended
        except RunFailed as error:
            return str(error)
        finally:
            for work in (supervising, feeding, inflicting):
                work.cancel()
            await asyncio.wait([supervising, feeding, inflicting])
            made.kill_workers()
        return None


@contextmanager
def ground(name: str = "faults") -> Iterator[Ground]:
    """Start services for the block."""
    with (
        scratch_folder(name) as folder,
        Valkey.start(folder / "valkey") as valkey,
        Kafka.start(folder / "kafka") as kafka,
    ):
        yield Ground(kafka, valkey, folder)

"""What a row of the table is, and what rows of every kind do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from tests.faults.feeder import DAYS_PER_S, HISTORY_DAYS
from tests.faults.scene import Scene
from tests.faults.workers import RunFailed, Worker

CUSTOMERS = "customers-1"
INGRESS = "ingress-1"
SECOND = "customers-2"
CALM_S = 1.0
STOP_S = 20.0  # the workers' own deadline is 15
_READY_S_MAX = 40.0
_HAPPENED_S_MAX = 30.0
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of fault and its doses.

    `portion`: how much of a dose one deployment takes at most; its log has to be judged at the end.
    `is_alone`: it needs a deployment to itself even where others share one.
    `fault_s_max`: how long one fault lasts at most, at full dose.
    """

    name: str
    inflict: Callable[[Scene, int], Awaitable[None]]
    full: int
    quick: int
    poison_share: float = 0.01
    events_per_s: float = 1_000.0
    portion: int = 20
    is_alone: bool = False
    brokers: int = 1
    history_days: float = HISTORY_DAYS
    days_per_s: float = DAYS_PER_S
    fault_s_max: float = 10.0


async def kill(scene: Scene, worker: Worker, times: int) -> None:
    """Kill -9 a worker at random, and start it again at once."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        worker.kill()
        worker.start()
        await scene.resume()


async def ready(worker: Worker) -> None:
    """Wait until a worker processes what it was assigned. Raises RunFailed."""
    deadline_s = monotonic() + _READY_S_MAX
    while not await asyncio.to_thread(lambda: worker.is_ready):
        if monotonic() > deadline_s:
            raise RunFailed(f"{worker.name} is not ready. The end of its log:\n{worker.tail()}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def happened(worker: Worker, what: str, is_so: Callable[[], bool]) -> None:
    """Wait until what a worker was made to do is so. Raises RunFailed."""
    deadline_s = monotonic() + _HAPPENED_S_MAX
    while not is_so():
        if monotonic() > deadline_s:
            raise RunFailed(f"{what} was not met. The worker's log:\n{worker.tail()}")
        await asyncio.sleep(_LOOK_EVERY_S)

"""The faults, one function each: what is broken, how often, and when it counts as mended.

Every row works on a deployment under load with one worker a role, and ends with it running.
`times` is the dose.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from streams.settings import Role
from tests.faults.scene import PARTITIONS, SESSION_S, Scene
from tests.faults.steps import NEEDS_EMPTY_STORE, Step
from tests.faults.workers import RunFailed, Worker

CUSTOMERS = "customers-1"
INGRESS = "ingress-1"
_SECOND = "customers-2"
_CALM_S = 1.0
_READY_S_MAX = 40.0
_DEATH_S_MAX = 30.0
_STOP_S = 20.0  # the workers' own deadline is 15
_LOOK_EVERY_S = 0.05
_TIMES_MAX = {Step.BOUNDS: 2 * PARTITIONS, Step.VIEWED: 30}
"""How often a step is certainly met after a start, where that is not once a partition."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of fault and its doses."""

    name: str
    inflict: Callable[[Scene, int], Awaitable[None]]
    full: int
    quick: int
    poison_share: float = 0.01
    events_per_s: float = 1_000.0


async def kill_customers(scene: Scene, times: int) -> None:
    """Kill -9 of the customers worker at random, restarted at once."""
    await _kill(scene, scene.workers[CUSTOMERS], times)


async def kill_ingress(scene: Scene, times: int) -> None:
    """Kill -9 of the ingress worker at random, restarted at once."""
    await _kill(scene, scene.workers[INGRESS], times)


async def kill_at_steps(scene: Scene, times: int, steps: Sequence[Step] = tuple(Step)) -> None:
    """Kill -9 right after each step of the protocol; the next worker meets what that one left."""
    worker = scene.workers[CUSTOMERS]
    for _ in range(times):
        worker.kill()
        for step in steps:
            if step in NEEDS_EMPTY_STORE:
                scene.flush()
            worker.start_doomed(step, scene.chance.randint(1, _TIMES_MAX.get(step, PARTITIONS)))
            await _dead(worker, step)
        worker.start()
        await scene.resume()


async def rebalance(scene: Scene, times: int) -> None:
    """A second worker joins and leaves again: told to stop, or killed."""
    for number in range(times):
        joined = monotonic()
        second = scene.worker(Role.CUSTOMERS, _SECOND, is_static=False)
        second.start()
        await _ready(second)
        await scene.resume(joined)
        await scene.under_way(_CALM_S)
        left = monotonic()
        if number % 2:
            second.kill()
        else:
            await asyncio.to_thread(second.stop, _STOP_S)
        await scene.resume(left)


async def zombie(scene: Scene, times: int) -> None:
    """SIGSTOP of a worker until another has taken its partitions over; then it wakes up."""
    second = scene.worker(Role.CUSTOMERS, _SECOND)
    second.start()
    await _ready(second)
    both = (scene.workers[CUSTOMERS], second)
    for number in range(times):
        await scene.under_way(_CALM_S)
        frozen = both[number % 2]
        began = monotonic()
        frozen.freeze()
        await asyncio.sleep(SESSION_S)
        await scene.resume(began)
        frozen.thaw()
        await scene.under_way(_CALM_S)
        await _ready(frozen)
    await asyncio.to_thread(second.stop, _STOP_S)


async def flush_store(scene: Scene, times: int) -> None:
    """FLUSHALL."""
    for _ in range(times):
        await scene.under_way(_CALM_S)
        scene.flush()
        await scene.resume()


async def kill_store(scene: Scene, times: int) -> None:
    """Kill -9 of Valkey, restarted with its append-only file."""
    for _ in range(times):
        await scene.under_way(_CALM_S)
        scene.valkey.kill()
        await scene.under_way(_CALM_S)
        await asyncio.to_thread(scene.valkey.restart)
        await scene.resume()


async def empty_store(scene: Scene, times: int) -> None:
    """Kill -9 of Valkey, restarted with nothing."""
    for _ in range(times):
        await scene.under_way(_CALM_S)
        scene.valkey.kill()
        shutil.rmtree(scene.folder / "valkey" / "appendonlydir")
        await asyncio.to_thread(scene.valkey.restart)
        await scene.resume()


async def kill_broker(scene: Scene, times: int) -> None:
    """Kill -9 of the only broker, restarted."""
    for _ in range(times):
        await scene.under_way(_CALM_S)
        scene.kafka.kill()
        await scene.under_way(_CALM_S)
        await asyncio.to_thread(scene.kafka.restart)
        await scene.resume()


async def poison(scene: Scene, times: int) -> None:
    """Input of which a tenth is poison, some of it very large; each role is killed over it."""
    for _ in range(times):
        await _kill(scene, scene.workers[INGRESS], 1)
        await _kill(scene, scene.workers[CUSTOMERS], 1)


async def activate(scene: Scene, times: int) -> None:
    """Rulebooks come into force while the worker that has to seat everybody anew is killed."""
    worker = scene.workers[CUSTOMERS]
    for number in range(times):
        await scene.activate(number + 2)
        await asyncio.sleep(scene.chance.uniform(0, 0.5))
        worker.kill()
        await scene.activate(number + 3)
        worker.start()
        await scene.resume()


ROWS = (
    # First, since a broker that was killed recovers every partition that earlier rows left to it.
    Row("broker killed", kill_broker, 8, 1),
    Row("customers worker killed", kill_customers, 20, 3),
    Row("ingress worker killed", kill_ingress, 20, 2),
    Row("killed after each step", kill_at_steps, 3, 1, events_per_s=300),  # none comes to its work
    Row("workers join and leave", rebalance, 10, 2),
    Row("worker frozen, then wakes", zombie, 4, 1),
    Row("store flushed", flush_store, 10, 2),
    Row("store killed", kill_store, 6, 1),
    Row("store emptied", empty_store, 6, 1),
    Row("poison", poison, 4, 1, poison_share=0.1),
    Row("rulebook changed while killed", activate, 6, 2),
)


async def _kill(scene: Scene, worker: Worker, times: int) -> None:
    for _ in range(times):
        await scene.under_way(_CALM_S)
        worker.kill()
        worker.start()
        await scene.resume()


async def _ready(worker: Worker) -> None:
    deadline_s = monotonic() + _READY_S_MAX
    while not await asyncio.to_thread(lambda: worker.is_ready):
        if monotonic() > deadline_s:
            raise RunFailed(f"{worker.name} is not ready. The end of its log:\n{worker.tail()}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _dead(worker: Worker, step: Step) -> None:
    deadline_s = monotonic() + _DEATH_S_MAX
    while worker.is_alive:
        if monotonic() > deadline_s:
            raise RunFailed(f"the step {step} was not met. The worker's log:\n{worker.tail()}")
        await asyncio.sleep(_LOOK_EVERY_S)

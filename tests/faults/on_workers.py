"""Faults of workers: killed, frozen, coming and going, and with a clock that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from streams.settings import Role
from tests.faults.row import CALM_S, CUSTOMERS, INGRESS, SECOND, STOP_S, happened, kill, ready
from tests.faults.scene import PARTITIONS, SESSION_S, Scene
from tests.faults.steps import NEEDS_EMPTY_STORE, OF_A_BATCH, IngressStep, Step
from tests.faults.workers import Worker

_WORKERS_MAX = 4
_TIMES_MAX = {Step.BOUNDS: 2 * PARTITIONS, Step.VIEWED: 30}
"""How often a step is certainly met after a start, where that is not once a partition."""
_HOUR_S, _DAY_S = 3_600, 86_400
_SKEWS_S = (_HOUR_S, -_HOUR_S, 400 * _DAY_S, -400 * _DAY_S)


async def kill_customers(scene: Scene, times: int) -> None:
    """Kill -9 of the customers worker at random, restarted at once."""
    await kill(scene, scene.workers[CUSTOMERS], times)


async def kill_ingress(scene: Scene, times: int) -> None:
    """Kill -9 of the ingress worker at random, restarted at once."""
    await kill(scene, scene.workers[INGRESS], times)


async def kill_at_steps(scene: Scene, times: int, steps: Sequence[Step] = tuple(Step)) -> None:
    """Kill -9 right after each step of the protocol; the next worker meets what that one left."""
    worker = scene.workers[CUSTOMERS]
    for _ in range(times):
        worker.kill()
        for step in steps:
            if step in NEEDS_EMPTY_STORE:
                scene.flush()
            worker.start_doomed(step, scene.chance.randint(1, _TIMES_MAX.get(step, PARTITIONS)))
            await happened(worker, f"the step {step}", lambda: worker.was_killed)
        worker.start()
        await scene.resume()


async def kill_ingress_at_steps(scene: Scene, times: int) -> None:
    """Kill -9 of ingress right after each of its steps."""
    worker = scene.workers[INGRESS]
    for _ in range(times):
        worker.kill()
        for step in IngressStep:
            worker.start_doomed(step, scene.chance.randint(1, PARTITIONS))
            await happened(worker, f"the step {step}", lambda: worker.was_killed)
        worker.start()
        await scene.resume()


async def rebalance(scene: Scene, times: int) -> None:
    """Up to three more workers join and leave again: told to stop, or killed."""
    more = [
        scene.worker(Role.CUSTOMERS, f"customers-more-{number}", is_static=False)
        for number in range(1, _WORKERS_MAX)
    ]
    for number in range(times):
        joined = [worker for worker in more if worker.is_alive]
        away = [worker for worker in more if not worker.is_alive]
        began = monotonic()
        if away and (not joined or scene.chance.random() < 0.5):
            worker = scene.chance.choice(away)
            worker.start()
            await ready(worker)
        else:
            await _leave(scene.chance.choice(joined), by_crash=bool(number % 2))
        await scene.resume(began)
        await scene.under_way(CALM_S)
    for worker in more:
        if worker.is_alive:
            await _leave(worker, by_crash=False)
    await scene.resume()


async def zombie(scene: Scene, times: int) -> None:
    """SIGSTOP of a worker until another has taken its partitions over; then it wakes up."""
    second = await _joined_by_second(scene)
    both = (scene.workers[CUSTOMERS], second)
    for number in range(times):
        await scene.under_way(CALM_S)
        frozen = both[number % 2]
        began = monotonic()
        frozen.freeze()
        await _woken(scene, frozen, began)
    await asyncio.to_thread(second.stop, STOP_S)
    await scene.resume()


async def zombie_at_steps(scene: Scene, times: int) -> None:
    """SIGSTOP right after a step of a batch, until another has taken over; then it goes on."""
    second = await _joined_by_second(scene)
    worker = scene.workers[CUSTOMERS]
    first = scene.chance.randrange(len(OF_A_BATCH))
    for number in range(times):
        worker.kill()
        step = OF_A_BATCH[(first + number) % len(OF_A_BATCH)]
        worker.start_freezing(step, scene.chance.randint(1, 3 * PARTITIONS))
        await happened(worker, f"the step {step}", lambda: worker.is_frozen)
        await _woken(scene, worker, monotonic())
    worker.kill()
    worker.start()
    await asyncio.to_thread(second.stop, STOP_S)
    await scene.resume()


async def skewed(scene: Scene, times: int) -> None:
    """A worker whose clock is wrong by an hour, or by 400 days, beside one whose clock is right.

    Both write the clock into the log, as in production; in other rows only the load does.
    """
    plain = scene.workers[CUSTOMERS]
    clocked = {"TIERSTREAM_TICKER": "on"}
    right = scene.worker(Role.CUSTOMERS, "customers-right", more=clocked)
    wrong = scene.worker(Role.CUSTOMERS, "customers-wrong", more=clocked)
    await asyncio.to_thread(plain.stop, STOP_S)
    right.start()
    for number in range(times):
        began = monotonic()
        wrong.start_skewed(_SKEWS_S[number % len(_SKEWS_S)])
        await ready(wrong)
        await scene.resume(began)
        await scene.under_way(3 * CALM_S)
        wrong.kill()
    await asyncio.to_thread(right.stop, STOP_S)
    plain.start()
    await scene.resume()


async def _joined_by_second(scene: Scene) -> Worker:
    second = scene.worker(Role.CUSTOMERS, SECOND)
    second.start()
    await ready(second)
    return second


async def _woken(scene: Scene, frozen: Worker, began: float) -> None:
    """Let a worker stand still until its session is over and others went on; then wake it."""
    await asyncio.sleep(SESSION_S)
    await scene.resume(began)
    frozen.thaw()
    await scene.under_way(CALM_S)
    await ready(frozen)


async def _leave(worker: Worker, *, by_crash: bool) -> None:
    if by_crash:
        worker.kill()
    else:
        await asyncio.to_thread(worker.stop, STOP_S)

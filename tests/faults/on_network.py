"""Faults of the network between workers and services: cut, one-way, half open, and slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from streams.settings import Role
from tests.faults.proxy import Cable, Way
from tests.faults.row import CALM_S, CUSTOMERS, STOP_S, ready
from tests.faults.scene import Scene

_DELAY_S = 0.1
_BYTES_PER_S = 125_000.0  # 1 Mbit/s
_SLOW_S = 10.0

_BREAKS: tuple[Callable[[Cable], None], ...] = (
    lambda cable: cable.cut(),
    lambda cable: cable.cut(Way.OUT),
    lambda cable: cable.cut(Way.BACK),
    lambda cable: cable.strand(),
)


async def cut_off_brokers(scene: Scene, times: int) -> None:
    """Worker and brokers are cut off from each other: both ways, one way, or half open.

    A second worker is not, and takes over where that lasts longer than a session.
    """
    second = scene.worker(Role.CUSTOMERS, "customers-direct", is_direct=True)
    second.start()
    await ready(second)
    await _cut_off(scene, times, scene.wiring.brokers)
    await asyncio.to_thread(second.stop, STOP_S)
    await scene.resume()


async def cut_off_store(scene: Scene, times: int) -> None:
    """Worker and store are cut off from each other: both ways, one way, or half open."""
    await _cut_off(scene, times, [scene.wiring.store])


async def slow_down(scene: Scene, times: int) -> None:
    """Everything passes with 100 ms of delay and 1 Mbit/s a service, ten seconds a time.

    That is less than the load needs: a backlog grows on the sources, but no worker's memory may.
    """
    cables = (*scene.wiring.brokers, scene.wiring.store)
    worker = scene.workers[CUSTOMERS]
    before = worker.memory_bytes
    for cable in cables:
        cable.slow(_DELAY_S, _BYTES_PER_S)
    await asyncio.sleep(times * _SLOW_S)
    scene.figures["memory_mb"] = round(max(before, worker.memory_bytes) / 1e6, 1)
    scene.wiring.mend()
    await scene.resume()


async def _cut_off(scene: Scene, times: int, cables: Sequence[Cable]) -> None:
    first = scene.chance.randrange(len(_BREAKS))
    for number in range(times):
        await scene.under_way(CALM_S)
        for cable in cables:
            _BREAKS[(first + number) % len(_BREAKS)](cable)
        await asyncio.sleep(scene.fault_s(least_s=2.0))
        scene.wiring.mend()
        await scene.resume()

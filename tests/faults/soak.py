"""A long run with faults of every kind mixed, while two workers are watched that never die."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from math import sqrt
from operator import itemgetter
from statistics import linear_regression, mean
from time import monotonic
from typing import TypeAlias

from streams.housekeeping import TIDY_EVERY_S
from streams.settings import Role
from tests.faults.on_brokers import kill_broker
from tests.faults.on_network import cut_off_store, slow_down
from tests.faults.on_store import (
    empty_store,
    fail_over_store,
    fill_disk,
    fill_memory,
    flush_store,
    kill_store,
    set_back_store,
)
from tests.faults.on_workers import rebalance
from tests.faults.row import CUSTOMERS, INGRESS
from tests.faults.scene import Scene
from tests.faults.workers import Worker

_Samples: TypeAlias = dict[tuple[Role, int], list[tuple[float, int]]]

_MINUTE_S, _HOUR_S = 60.0, 3_600.0
_SAMPLE_EVERY_S = 2.0
_FLOOR_S = 2 * TIDY_EVERY_S
_WARM_UP_SHARE = 1 / 3
_PARAMETERS = 2  # of a line; an error is told by what it leaves beside it
_GENTLE = (
    rebalance,
    kill_broker,
    flush_store,
    kill_store,
    empty_store,
    set_back_store,
    fail_over_store,
    fill_memory,
    fill_disk,
    cut_off_store,
    slow_down,
)
"""Those that leave the two first workers alive."""


async def soak(scene: Scene, times: int) -> None:
    """Faults of every kind for so many minutes, then some calm; nothing lags, nothing grows."""
    ends_s = monotonic() + times * _MINUTE_S
    watched = [scene.workers[CUSTOMERS], scene.workers[INGRESS]]
    samples: _Samples = {}
    watching = asyncio.create_task(_watched(watched, samples))
    try:
        while monotonic() < ends_s:
            fault = scene.chance.choice(_GENTLE)
            scene.told(f"{max(0.0, ends_s - monotonic()):.0f} s left: {fault.__name__}")
            await fault(scene, 1)
            await scene.under_way(times / 3)  # the longer the soak, the calmer
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    for role in (Role.CUSTOMERS, Role.INGRESS):
        longest = max((series for (of, _), series in samples.items() if of is role), key=len)
        scene.figures[f"{role}_memory_mb"] = round(longest[-1][1] / 1e6, 1)
        share, error = growth(longest)
        scene.figures[f"{role}_growth_percent_h"] = round(100 * share, 2)
        scene.figures[f"{role}_growth_error_percent_h"] = round(100 * error, 2)


def growth(samples: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return by which share memory grows in an hour, and the standard error of that.

    By the least-squares line through what follows warm-up. `samples`: seconds and bytes, in order.
    Of every two minutes the least counts: what is kept, beside which bursts are larger than any
    growth that could be seen in half an hour.
    """
    warm = samples[int(len(samples) * _WARM_UP_SHARE) :]
    by_span = groupby(warm, key=lambda sample: int(sample[0] / _FLOOR_S))
    floors = [min(span, key=itemgetter(1)) for _, span in by_span]
    times, sizes = zip(*(floors if len(floors) > _PARAMETERS else warm), strict=True)
    slope, begin = linear_regression(times, sizes)
    beside = sum((size - begin - slope * at) ** 2 for at, size in zip(times, sizes, strict=True))
    spread = sum((at - mean(times)) ** 2 for at in times)
    error = sqrt(beside / (len(times) - _PARAMETERS) / spread)
    an_hour = _HOUR_S / mean(sizes)
    return slope * an_hour, error * an_hour


async def _watched(workers: Sequence[Worker], samples: _Samples) -> None:
    """Note memory by process: a worker that had to be restarted begins anew."""
    while True:
        for worker in workers:
            if worker.is_alive:
                series = samples.setdefault((worker.role, worker.pid), [])
                series.append((monotonic(), worker.memory_bytes))
        await asyncio.sleep(_SAMPLE_EVERY_S)

"""What comes in at the wrong moment, in the wrong order, or should not have come in at all."""

from __future__ import annotations

import asyncio
import heapq
from random import Random

from tests.faults.happenings import DAY_S, Happening, Happenings
from tests.faults.row import CALM_S, CUSTOMERS, INGRESS, kill
from tests.faults.scene import Scene
from tests.faults.twins import IN_ORDER, JUMBLED, LATE_DAYS_MAX, renamed

_TWINS = 100  # so many that none has more events than are remembered to tell repeats
_EVERY_S = 0.1
_PAIRS = 10
_AGAIN_SHARE = 0.05


async def poison(scene: Scene, times: int) -> None:
    """Input of which a tenth is poison, some of it very large; each role is killed over it."""
    for _ in range(times):
        await kill(scene, scene.workers[INGRESS], 1)
        await kill(scene, scene.workers[CUSTOMERS], 1)


async def activate(scene: Scene, times: int) -> None:
    """Rulebooks come into force while the worker that has to seat everybody anew is killed."""
    worker = scene.workers[CUSTOMERS]
    for _ in range(times):
        await scene.activate_next()
        await asyncio.sleep(scene.chance.uniform(0, 0.5))
        worker.kill()
        await scene.activate_next()
        worker.start()
        await scene.resume()


async def jumble(scene: Scene, times: int) -> None:
    """Of two customers with the same events, one has them in order, the other as they come.

    That is: up to three days late, and 5 % of them twice. At the end the judge finds the same facts
    in both, byte for byte. `times`: seconds.
    """
    chance = Random(scene.load.seed)
    happenings = Happenings(chance, _TWINS, poison_share=0.0)
    late: list[tuple[float, int, Happening]] = []
    for burst in range(round(times / _EVERY_S)):
        now = scene.feeder.now
        told = [happenings.one(now) for _ in range(_PAIRS)]
        for index, happening in enumerate(told):
            for again in range(1 + (chance.random() < _AGAIN_SHARE)):
                arrives_at = now + chance.uniform(0, LATE_DAYS_MAX) * DAY_S
                order = (burst * _PAIRS + index) * 2 + again
                heapq.heappush(late, (arrives_at, order, renamed(happening, JUMBLED)))
        arrived = []
        while late and late[0][0] <= now:
            arrived.append(heapq.heappop(late)[2])
        await scene.feeder.publish([renamed(each, IN_ORDER) for each in told] + arrived)
        await asyncio.sleep(_EVERY_S)
    await scene.feeder.publish([happening for _, _, happening in sorted(late)])
    await scene.under_way(CALM_S)
    await scene.resume()

"""The watchdog: who stands still with work waiting ends; who is idle, slow or cut off does not."""

import pytest

from streams.clock import ManualClock
from streams.errors import Unavailable
from streams.fetched import Place
from streams.metrics import Metrics
from streams.watchdog import Stalled, Watchdog

LOG = "segment.log.v1"


class Standing:
    """Positions and ends as a test sets them."""

    def __init__(self) -> None:
        self.position, self.end = 100, 100
        self.reachable = True

    def positions(self) -> dict[Place, int]:
        return {(LOG, 0): self.position}

    async def ends(self) -> dict[Place, int]:
        if not self.reachable:
            raise Unavailable("no broker")
        return {(LOG, 0): self.end}


async def test_the_watchdog_ends_a_worker_that_stands_still_with_work_waiting() -> None:
    clock, standing = ManualClock(), Standing()
    watchdog = Watchdog(standing.positions, standing.ends, clock, 30.0, Metrics())
    for _ in range(20):  # idle for long is no stall
        await watchdog.look()
        clock.advance(5)
    standing.end = 150
    for _ in range(5):
        await watchdog.look()
        clock.advance(5)
    with pytest.raises(Stalled, match="stood at offset 100 for 30 s with 50 offsets waiting"):
        await watchdog.look()


async def test_the_watchdog_lets_a_slow_worker_work() -> None:
    clock, standing = ManualClock(), Standing()
    standing.end = 10_000
    watchdog = Watchdog(standing.positions, standing.ends, clock, 30.0, Metrics())
    for _ in range(20):
        await watchdog.look()
        clock.advance(20)
        standing.position += 1


async def test_the_watchdog_says_nothing_without_a_broker() -> None:
    clock, standing = ManualClock(), Standing()
    standing.end, standing.reachable = 150, False
    watchdog = Watchdog(standing.positions, standing.ends, clock, 30.0, Metrics())
    for _ in range(20):
        await watchdog.look()
        clock.advance(20)

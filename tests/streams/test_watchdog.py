"""The watchdog: who stands still with work waiting ends; who is idle, slow or cut off does not."""

import asyncio
from contextlib import suppress

import pytest

from streams.clock import ManualClock
from streams.errors import Unavailable
from streams.fetched import Place
from streams.metrics import Metrics
from streams.watchdog import Ends, Stalled, Watchdog

LOG = "segment.log.v1"


class Standing:
    """Positions and ends as a test sets them."""

    def __init__(self) -> None:
        self.position: int | None = 100
        self.end = 100
        self.open = 0  # so many offsets of it stand behind a transaction under way
        self.reachable = True

    def positions(self) -> dict[Place, int | None]:
        return {(LOG, 0): self.position}

    def reached(self) -> dict[Place, int]:
        return {} if self.position is None else {(LOG, 0): self.position}

    async def ends(self) -> Ends:
        if not self.reachable:
            raise Unavailable("no broker")
        return Ends({(LOG, 0): self.end}, {(LOG, 0): self.end - self.open})


async def test_the_watchdog_ends_a_worker_that_stands_still_with_work_waiting() -> None:
    clock, standing = ManualClock(), Standing()
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, Metrics())
    for _ in range(20):  # idle for long is no stall
        await watchdog.look()
        clock.advance(5)
    standing.end = 150
    for _ in range(5):
        await watchdog.look()
        clock.advance(5)
    with pytest.raises(Stalled, match="stood at offset 100 for 30 s with 50 offsets waiting"):
        await watchdog.look()


async def test_who_waits_for_the_end_of_a_transaction_lags_but_is_not_stalled() -> None:
    clock, standing, told = ManualClock(), Standing(), Metrics()
    standing.end, standing.open = 150, 50
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, told)
    for _ in range(20):
        await watchdog.look()
        clock.advance(5)
    lag = told.registry.get_sample_value("tierstream_lag_records", {"topic": LOG, "partition": "0"})
    assert lag == 50


async def test_who_is_taken_over_or_halted_lags_but_is_not_stalled() -> None:
    clock, standing, told = ManualClock(), Standing(), Metrics()
    watchdog = Watchdog(dict, standing.reached, standing.ends, clock, 30.0, told)
    for end in (100, 130, 160, 190):
        standing.end = end
        await watchdog.look()
        clock.advance(20)
    lag = told.registry.get_sample_value("tierstream_lag_records", {"topic": LOG, "partition": "0"})
    assert lag == 90


async def test_the_watchdog_lets_a_slow_worker_work() -> None:
    clock, standing = ManualClock(), Standing()
    standing.end = 10_000
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, Metrics())
    for number in range(20):
        await watchdog.look()
        clock.advance(20)
        standing.position = number


async def test_silent_brokers_are_missed() -> None:
    clock, standing = ManualClock(), Standing()
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, Metrics())
    standing.reachable = False
    clock.advance(9)
    await watchdog.look()
    assert watchdog.missing() == []
    clock.advance(3)
    await watchdog.look()
    assert watchdog.missing() == ["the brokers have not answered for 12 s: is Kafka running?"]
    standing.reachable = True
    await watchdog.look()
    assert watchdog.missing() == []


async def test_the_watchdog_says_nothing_without_a_broker() -> None:
    clock, standing = ManualClock(), Standing()
    standing.end, standing.reachable = 150, False
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, Metrics())
    for _ in range(20):
        await watchdog.look()
        clock.advance(20)


async def test_the_watchdog_ends_a_worker_to_which_a_partition_never_comes() -> None:
    clock, standing = ManualClock(), Standing()
    standing.position = None
    metrics = Metrics()
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, metrics)
    for _ in range(3):
        await watchdog.look()
        clock.advance(10)
    assert b"tierstream_lag_records{" not in metrics.exposition()
    with pytest.raises(Stalled, match=r"has stood before its first record for 30 s; ending"):
        await watchdog.look()


async def test_a_partition_that_comes_late_is_watched_from_then_on() -> None:
    clock, standing = ManualClock(), Standing()
    standing.position, standing.end = None, 200
    watchdog = Watchdog(standing.positions, standing.reached, standing.ends, clock, 30.0, Metrics())
    await watchdog.look()
    clock.advance(29)
    standing.position = 100
    await watchdog.look()
    clock.advance(29)
    await watchdog.look()
    clock.advance(1)
    with pytest.raises(Stalled, match="stood at offset 100 for 30 s with 100 offsets waiting"):
        await watchdog.look()


async def test_a_look_that_does_not_end_is_a_stall_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.watchdog.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("streams.watchdog._LOOK_S_MAX", 0.05)

    async def never() -> Ends:
        while True:
            with suppress(asyncio.CancelledError):  # as a library may do that was given up
                await asyncio.sleep(1)
                return Ends({}, {})

    watchdog = Watchdog(Standing().positions, dict, never, ManualClock(), 30.0, Metrics())
    with pytest.raises(Stalled, match="neither answers nor fails"):
        await watchdog.run()

"""The watchdog: a worker whose position stands still while there is work ends itself.

A client library can lose its footing without an error: then nothing fails, and nothing moves. The
only sure sign is a position that stays where it is below the end of its partition, or is never
reached at all. A process that ends is started again, takes over cleanly, and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, NoReturn, Protocol

from streams.clock import Clock
from streams.errors import StreamError, Unavailable
from streams.fetched import Place

LOOK_EVERY_S = 2.0
SILENT_S = 10.0
"""Without an answer for so long, the brokers are taken to be away."""
_LOOK_S_MAX = 60.0  # whoever is asked gives up long before


class Ends(NamedTuple):
    """Where partitions end, and to where they can be read: not beyond a transaction under way."""

    written: Mapping[Place, int]
    readable: Mapping[Place, int]


class Stalled(StreamError):
    """A position stood still although there was work; the process should end and start again."""


class LagObserver(Protocol):
    """Told the lag of each partition at every look."""

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Say how many offsets of a partition are not processed yet, readable or not."""
        ...


class Watchdog:
    """Compares positions with the ends of their partitions.

    `positions` returns where this worker's partitions stand, without those that are being taken
    over or wait for a person; None where nothing has arrived yet that would say it. `reached`
    returns how far each has come, as far as that is known: those lag, too. `ends` may raise
    Unavailable, and then nothing can be said. Who waits for the end of somebody's transaction
    lags, but is not stalled: nothing that a restart could mend.
    """

    def __init__(
        self,
        positions: Callable[[], Mapping[Place, int | None]],
        reached: Callable[[], Mapping[Place, int]],
        ends: Callable[[], Awaitable[Ends]],
        clock: Clock,
        limit_s: float,
        observer: LagObserver,
    ) -> None:
        self._positions = positions
        self._reached = reached
        self._ends = ends
        self._clock = clock
        self._limit_s = limit_s
        self._observer = observer
        self._moved: dict[Place, tuple[int | None, float]] = {}
        self._answered_at = clock.monotonic()

    def missing(self) -> list[str]:
        """Say whether the brokers are silent: then nothing is processed, whatever else is well."""
        silent_s = self._clock.monotonic() - self._answered_at
        if silent_s < SILENT_S:
            return []
        return [f"the brokers have not answered for {silent_s:.0f} s: is Kafka running?"]

    async def run(self) -> NoReturn:
        """Look every `LOOK_EVERY_S` seconds until a partition is found stalled. Raises Stalled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            looking = asyncio.create_task(self.look())
            await asyncio.wait({looking}, timeout=_LOOK_S_MAX)
            if not looking.done():
                message = (
                    "the brokers' client neither answers nor fails; ending, to be started again"
                )
                raise Stalled(message)
            looking.result()

    async def look(self) -> None:
        """Look once. Raises Stalled where a position stood still too long with work waiting."""
        try:
            ends = await self._ends()
        except Unavailable:
            self._moved.clear()  # nobody could move; count anew once the brokers are back
            return
        now = self._answered_at = self._clock.monotonic()
        for place, offset in self._reached().items():
            self._observer.lag(*place, _beyond(offset, ends.written, place))
        before, self._moved = self._moved, {}
        for place, position in self._positions().items():
            lag = None if position is None else _beyond(position, ends.readable, place)
            known, since = before.get(place, (position, now))
            if lag == 0 or position != known:
                since = now
            self._moved[place] = (position, since)
            if now - since >= self._limit_s:
                at = "before its first record" if position is None else f"at offset {position}"
                waiting = "" if lag is None else f" with {lag} offsets waiting"
                raise Stalled(
                    f"partition {place[1]} of {place[0]} has stood {at} for {now - since:.0f} s"
                    f"{waiting}; ending, to be started again"
                )


def _beyond(position: int, ends: Mapping[Place, int], place: Place) -> int:
    """Return how many offsets of a partition lie between a position and its end."""
    return max(0, ends.get(place, position) - position)

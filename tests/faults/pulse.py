"""How long partitions stood still: the changelog, looked at from outside all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic

from streams.commands.common import Reach
from streams.errors import Unavailable
from streams.log.positions import KafkaPositions, Positions, SourcePartition
from streams.topics import STATE

_EVERY_S = 0.25
_STANDSTILL_S = 0.5  # batches of an owner that works are never so far apart


class Pulse:
    """Notes each time for which a partition's changelog did not grow."""

    def __init__(self) -> None:
        self._grown: dict[SourcePartition, tuple[int, float]] = {}
        self.stood_still_s: list[float] = []

    def note(self, ends: Mapping[SourcePartition, int], now_s: float) -> None:
        """Take note of where the partitions end at a moment of a monotonic clock."""
        for place, end in ends.items():
            before, since_s = self._grown.get(place, (end, now_s))
            grew = end != before
            if grew and now_s - since_s >= _STANDSTILL_S:
                self.stood_still_s.append(now_s - since_s)
            self._grown[place] = (end, now_s if grew else since_s)


@asynccontextmanager
async def pulse_of(reached: Reach) -> AsyncIterator[Pulse]:
    """Look for the duration of the block, over a connection of its own."""
    pulse, topic = Pulse(), reached.catalogue.name(STATE)
    positions = KafkaPositions(reached.settings.kafka.bootstrap, client=reached.client)
    looking = asyncio.create_task(_looked(pulse, positions, topic))
    try:
        yield pulse
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await positions.close()


async def _looked(pulse: Pulse, positions: Positions, topic: str) -> None:
    while True:
        with suppress(Unavailable):  # nothing is known to have grown while nobody can be asked
            pulse.note(await positions.ends([topic]), monotonic())
        await asyncio.sleep(_EVERY_S)

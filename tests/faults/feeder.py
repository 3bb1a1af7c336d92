"""The load: records for every source topic at a steady rate, and the clock that goes with them.

Two days pass in a second, so that windows, churn bands and timers move while things are killed. The
clock is written without asking whether ingress has passed what came before: what is late is late,
and the judge works from the log as it came to be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from time import monotonic

from models.events import Purchase, encode
from streams.clock import SystemClock
from streams.commands.common import Reach
from streams.errors import Unavailable
from streams.log.partitioner import partition_for
from streams.log.port import Append, Entry
from streams.ticker import tick_append
from streams.topics import LOG
from tests.faults.happenings import DAY_S, Happening, Happenings

NO_EVENT = b"\x00 no event"
"""A value that was written straight to the log and has to be set aside."""

DAYS_PER_S = 2.0
"""How fast history is played."""

_BURST_S = 0.1
HISTORY_DAYS = 700
"""How far back the played history begins: far enough for five minutes to stay in the past."""

_STRAY_SHARE = 0.02  # bursts with records that bypass ingress and are wrong
_AFTERMATH_DAYS = 120  # windows and churn bands that end after the last event


class Feeder:
    """Writes until it is stopped."""

    def __init__(
        self,
        reached: Reach,
        partitions: Mapping[str, int],
        happenings: Happenings,
        chance: Random,
        history_days: float = HISTORY_DAYS,
        days_per_s: float = DAYS_PER_S,
    ) -> None:
        """`partitions`: how many each source topic has, by its name with prefix."""
        self._reached = reached
        self._partitions = partitions
        self._chance = chance
        self._clock = SystemClock()
        self._begin = self._clock.now() - round(history_days * DAY_S)
        self._days_per_burst = days_per_s * _BURST_S
        self._day = 0.0
        self.happenings = happenings
        self.events_per_s = 0.0
        self.published = 0

    @property
    def now(self) -> int:
        """The instant that the played history has come to."""
        return min(self._begin + int(self._day * DAY_S), self._clock.now() - DAY_S)

    async def run(self, events_per_s: float) -> None:
        """Write a burst every tenth of a second, until cancelled; the rate may be changed."""
        self.events_per_s = events_per_s
        next_s = monotonic()
        while True:
            await self._burst(max(1, round(self.events_per_s * _BURST_S)))
            # What could not be written while a broker was away is not made up for.
            next_s = max(next_s + _BURST_S, monotonic())
            await asyncio.sleep(next_s - monotonic())

    async def publish(self, happenings: Sequence[Happening]) -> None:
        """Write to the source topics; repeated until the brokers have it."""
        places: dict[tuple[str, int], list[Entry]] = {}
        for happening in happenings:
            topic = self._reached.catalogue.name(happening.topic)
            place = (topic, partition_for(happening.key, self._partitions[topic]))
            places.setdefault(place, []).append(Entry(happening.key, happening.value))
        await self._deliver([Append(*place, entries) for place, entries in places.items()])
        self.published += len(happenings)

    async def tick(self, t: int) -> None:
        """Move every partition's clock to `t`; repeated until the brokers have it."""
        log = self._reached.catalogue.name(LOG)
        appends = [tick_append(log, number, t) for number in range(self._log_partitions)]
        await self._deliver(appends)

    async def end(self) -> int:
        """Write a last tick beyond everything, and return it."""
        last = min(self.now + _AFTERMATH_DAYS * DAY_S, self._clock.now())
        await self.tick(last)
        return last

    @property
    def _log_partitions(self) -> int:
        return self._reached.settings.partitions

    async def _burst(self, count: int) -> None:
        begin = self.now
        self._day += self._days_per_burst
        await self.publish(self.happenings.between(begin, begin + DAY_S, self._clock.now(), count))
        if self._chance.random() < _STRAY_SHARE:
            await self._deliver([self._stray(begin)])
        await self.tick(self.now)

    def _stray(self, at: int) -> Append:
        """Return records written straight to the log that have to be set aside there."""
        event = Purchase(
            event_id=f"stray-{at}",
            source="stray",
            occurred_at=at,
            order_id="stray",
            net_amount_minor=1,
            currency="GBP",
        )
        number = self._chance.randrange(self._log_partitions)
        strays = (
            key
            for stray in range(100)
            if partition_for(key := b"stray-%d" % stray, self._log_partitions) != number
        )
        entries = [
            Entry(next(strays), encode(event)),
            Entry(None, encode(event)),
            Entry(b"customer-1", NO_EVENT),
        ]
        return Append(self._reached.catalogue.name(LOG), number, entries)

    async def _deliver(self, appends: list[Append]) -> None:
        """Deliver, repeating what is in doubt: a producer that crashed would do the same."""
        while True:
            try:
                return await self._reached.producer.deliver(appends)
            except Unavailable:
                await asyncio.sleep(_BURST_S)

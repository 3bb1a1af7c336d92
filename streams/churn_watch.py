"""Live quality of the churn model: once a day, a partition's owner checks a sample of its states.

Beside the work, never in it: a few pages of the store, read once a day and only while the clock is
up to date, so that neither a backlog nor a replay of old events pays for it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn, Protocol

from models.churn_live import Outcome, Realised, outcome, realised
from models.customer import unpack
from rules.eras import Era, EraRecord
from streams.clock import Clock
from streams.errors import Unavailable
from streams.log.port import Log
from streams.store.customers import pages
from streams.store.port import Store
from streams.stored_eras import activated_at, newest

LOOK_EVERY_S = 60.0
BEHIND_S_MAX = 600
SAMPLE_MAX = 2_000
_PAGE = 200


class Watched(Protocol):
    """What has to be known of the partition (`streams.partition.Partition`)."""

    @property
    def number(self) -> int:
        """The partition's number in the log."""
        ...

    @property
    def now(self) -> int | None:
        """The partition's clock; None before its first tick."""
        ...

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do at the partition's clock."""
        ...


class ChurnObserver(Protocol):
    """Told what was found."""

    def churn_model(self, partition: int, version: int, age_s: int | None) -> None:
        """Say which model is in force (0: the default), and for how long; None: not known."""
        ...

    def churn_quality(self, partition: int, found: Realised) -> None:
        """Say what was predicted one horizon ago, and what came."""
        ...


class ChurnWatch:
    """Watches the churn model on one partition while this worker owns it."""

    def __init__(
        self,
        partition: Watched,
        store: Store,
        log: Log,
        control_topic: str,
        clock: Clock,
        observer: ChurnObserver,
    ) -> None:
        self._partition = partition
        self._store = store
        self._log = log
        self._control_topic = control_topic
        self._clock = clock
        self._observer = observer
        self._sampled_on: tuple[int, int] | None = None  # day, and the era's number
        self._activated: tuple[int, int | None] | None = None  # the model's number, and since when

    async def run(self) -> NoReturn:
        """Look every minute until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(Unavailable):  # the worker meets the same services, and reports it there
                await self.look()

    async def look(self) -> None:
        """Tell which model is in force; once a day, and with another era, also how well it does.

        Raises:
            Unavailable: the store or the control topic could not be read.
        """
        now = self._partition.now
        if now is None or not self._partition.settled or self._clock.now() - now > BEHIND_S_MAX:
            return
        record = await newest(self._store, self._partition.number)
        if record is None:
            return
        era = Era(record)
        if era.churn is None:
            return
        await self._tell_model(record)
        day = era.zone.day(now)
        if self._sampled_on != (day, era.number):
            found = realised(await self._sample(era, day))
            if found is not None:
                self._observer.churn_quality(self._partition.number, found)
            self._sampled_on = day, era.number

    async def _tell_model(self, record: EraRecord) -> None:
        model = record.model
        version, number = (0, -1) if model is None else (model.version, model.number)
        if self._activated is None or self._activated[0] != number:
            self._activated = number, await activated_at(self._log, self._control_topic, record)
        since = self._activated[1]
        age_s = None if since is None else max(0, self._clock.now() - since)
        self._observer.churn_model(self._partition.number, version, age_s)

    async def _sample(self, era: Era, today: int) -> list[Outcome]:
        """Return the outcomes of customers among the first states that the store hands out."""
        assert era.churn is not None
        horizon_days = round(era.churn.rules.horizon_days)
        day = today - horizon_days - 1  # the horizon's last day is over
        found: list[Outcome] = []
        seen = 0
        async for states in pages(self._store, self._partition.number, _PAGE):
            for _, packed in states[: SAMPLE_MAX - seen]:
                facts = unpack(packed).facts
                known = outcome(facts, era.model, horizon_days, day, era.zone)
                if known is not None:
                    found.append(known)
            seen += len(states)
            if seen >= SAMPLE_MAX:
                break
        return found

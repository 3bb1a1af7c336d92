"""A newer engine says so: who owns a partition has an era with its number begun.

Results depend on the engine (`rules.eras.ENGINE`), so the log has to tell with which one they were
reached. Workers with an older engine halt at that era, and every customer is concluded again under
it, gradually, as under another rulebook. Ingress brings it to all partitions. Every owner asks, for
an older worker may own the others still; asked twice, it begins one era only (see `streams.batch`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib.metadata import version
from typing import NoReturn

import msgspec
import structlog

from models.calendar import rfc3339
from rules.eras import ENGINE
from streams.churn_watch import Watched
from streams.clock import Clock, random_name
from streams.errors import Unavailable
from streams.log.port import Append, Entry
from streams.log.producer import Producer
from streams.store.port import Store
from streams.stored_eras import newest

LOOK_EVERY_S = 5.0
_ASK_AGAIN_S = 300.0  # ingress may stand still; repeats do no harm

_log = structlog.get_logger("streams.engine_watch")


class EngineWatch:
    """Watches the engine number of a partition's era while this worker owns it."""

    def __init__(
        self,
        partition: Watched,
        store: Store,
        producer: Producer,
        control_topic: str,
        clock: Clock,
        engine: int = ENGINE,
    ) -> None:
        self._partition = partition
        self._store = store
        self._producer = producer
        self._control_topic = control_topic
        self._clock = clock
        self._engine = engine
        self._asked_at: float | None = None

    async def run(self) -> NoReturn:
        """Look every few seconds until cancelled."""
        while True:
            with suppress(Unavailable):  # the worker meets the same services, and reports it there
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Ask for an era of this engine where the newest is of an older one; tell whether it did.

        Raises:
            Unavailable: the store or the brokers did not answer.
        """
        if self._partition.now is None:
            return False
        monotonic = self._clock.monotonic()
        if self._asked_at is not None and monotonic - self._asked_at < _ASK_AGAIN_S:
            return False
        record = await newest(self._store, self._partition.number)
        if record is None or record.engine >= self._engine:
            return False
        value = raised(self._engine, self._clock.now())
        await self._producer.deliver([Append(self._control_topic, 0, [Entry(None, value)])])
        self._asked_at = monotonic
        _log.info("engine raised", was=record.engine, engine=self._engine)
        return True


def raised(engine: int, at: int) -> bytes:
    """Return the control event that begins an era of an engine."""
    return msgspec.json.encode(
        {
            "event": "engine.raised",
            "event_id": random_name(),
            "occurred_at": rfc3339(at),
            "source": "tierstream",
            "schema_version": 1,
            "by": "worker",
            "engine": engine,
            "tzdata": version("tzdata"),
        }
    )

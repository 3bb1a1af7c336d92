"""The pipeline in one process and in memory: the same ingress, protocol and rules; no services.

Only the transport differs. Each source and each partition of the log has a loop that reads what
has come, hands it on and notes how far it is; nothing crashes here, so nothing is taken over twice.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager

from deploy.demo.audit import Audit
from deploy.demo.pipeline import Pipeline
from models.decisions import AnyDecision
from models.errors import Reason
from streams.clock import SystemClock, random_name
from streams.ingress import Ingress, IngressSettings, sources_of
from streams.jobs.play import Stage
from streams.log.feed import MemoryFeed
from streams.log.memory import MemoryLog
from streams.log.positions import Position, SourcePartition
from streams.log.producer import MemoryProducer
from streams.partition import Partition
from streams.protocol import PartitionSettings
from streams.store.memory import MemoryStore
from streams.topics import LOG, Catalogue

_APP = "demo"
_PARTITIONS = 4
_BATCH = 1_000
_CATALOGUE = Catalogue("", _PARTITIONS, 400, 30, 7)


class _MemoryPositions:
    """Ends of the in-memory log's topics, and the positions that our loops note."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._passed: dict[SourcePartition, Position] = {}

    def note(self, source: SourcePartition, offset: int) -> None:
        self._passed[source] = Position(offset, "")

    async def ends(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        return {place: (await self._log.bounds(*place)).end for place in _places(topics)}

    async def starts(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        return {place: (await self._log.bounds(*place)).start for place in _places(topics)}

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        assert group == _APP
        return dict(self._passed)

    async def identity(self, topic: str) -> str:
        return topic

    async def close(self) -> None:
        """Nothing to give back."""


def _places(topics: Sequence[str]) -> list[SourcePartition]:
    counts = {topic.name: topic.partitions or 1 for topic in _CATALOGUE.topics()}
    return [(topic, number) for topic in topics for number in range(counts[topic])]


class _Alone:
    """The only member of its group."""

    async def confirmed(self) -> bool:
        return True


class _Unobserved:
    """Told everything, and keeps nothing: the audit counts what comes out."""

    def taken_over(self, partition: int, seconds: float, restored: int, *, wiped: bool) -> None:
        pass

    def batch(
        self, partition: int, records: int, seconds: float, outputs: Mapping[str, int]
    ) -> None:
        pass

    def published(self, decisions: Sequence[AnyDecision]) -> None:
        pass

    def dead_letters(self, partition: int, reasons: Sequence[Reason]) -> None:
        pass

    def timers(self, partition: int, fired: int) -> None:
        pass

    def doubted(self, partition: int, reason: str) -> None:
        pass

    def ingested(self, topic: str, accepted: int, seconds: float) -> None:
        pass

    def refused(self, topic: str, reason: Reason, count: int) -> None:
        pass

    def unknown_fields(self, topic: str, count: int) -> None:
        pass

    def deleted_unread(self, topic: str, count: int) -> None:
        pass


@asynccontextmanager
async def embedded() -> AsyncIterator[Pipeline]:
    """Run the whole pipeline in this event loop during the block."""
    clock = SystemClock()
    log, store = MemoryLog(clock.now), MemoryStore()
    positions, producer = _MemoryPositions(log), MemoryProducer(log)
    ingress = Ingress(
        sources_of(_CATALOGUE),
        producer,
        positions,
        IngressSettings(_CATALOGUE.name(LOG), _PARTITIONS, _APP),
        clock,
        _Unobserved(),
    )
    settings = PartitionSettings(app=_APP, partitions=_PARTITIONS)
    partitions = [
        Partition(
            *(number, log, store, settings),
            clock=clock,
            membership=_Alone(),
            observer=_Unobserved(),
            draw=random_name,
        )
        for number in range(_PARTITIONS)
    ]
    loops = _started(
        [
            *(_ingest(log, ingress, positions, topic) for topic in _CATALOGUE.sources),
            *(_conclude(log, partition) for partition in partitions),
        ]
    )

    def check() -> None:
        for loop in loops:
            if loop.done():
                loop.result()

    audit = Audit(_CATALOGUE)
    stage = Stage(_CATALOGUE, _APP, producer, positions)
    feed = MemoryFeed(log, audit.topics, _PARTITIONS)
    try:
        yield Pipeline(_APP, stage, log, store, feed, audit, check)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


def _started(loops: Collection[Coroutine[None, None, None]]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(loop) for loop in loops]


async def _ingest(
    log: MemoryLog, ingress: Ingress, positions: _MemoryPositions, topic: str
) -> None:
    position = 0
    while True:
        end = await log.wait(topic, 0, position)
        async for records, after in log.read(topic, 0, position, end, _BATCH):
            await ingress.handle(topic, 0, records)
            position = after
            positions.note((topic, 0), position)


async def _conclude(log: MemoryLog, partition: Partition) -> None:
    await partition.take_over()
    topic, number = _CATALOGUE.name(LOG), partition.number
    while True:
        before = partition.next
        assert before is not None, "nothing here raises doubt"
        _, end = await log.bounds(topic, number)
        if end > before:
            async for records, after in log.read(topic, number, before, end, _BATCH):
                await partition.process(records, before, after)
                before = after
                await asyncio.sleep(0)
            continue
        await partition.work_ahead()
        if partition.settled or partition.now is None:
            await log.wait(topic, number, before)
        else:
            await asyncio.sleep(0)

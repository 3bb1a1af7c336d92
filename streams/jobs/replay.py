"""Replay with proof: reduce the log again, from its start, and reach the same digests.

The changelog's positions carry order-free digests of all states and of all output ids. Replaying
the log up to a settled position must reach both: the states in the store and everything that was
ever published follow from the log alone. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from models import events
from models.errors import UNREADABLE
from models.events import EngineRaised
from streams.batch import Batch, Result
from streams.errors import Halt
from streams.ledger import START, Ledger, Origin, Position
from streams.log.port import Log, Record
from streams.store import keys
from streams.topics import LOG, STATE

CHUNK = 2_000


class Verdict(NamedTuple):
    """What the replay of one partition found."""

    partition: int
    records: int
    customers: int
    states_equal: bool
    outputs_equal: bool
    start: int = 0
    """The first offset that the log still holds."""
    raised: int | None = None
    """The engine to which a record of the log raised an older one; None: none does."""

    @property
    def equal(self) -> bool:
        """Tell whether everything is as the log says."""
        return self.states_equal and self.outputs_equal

    @property
    def cut(self) -> bool:
        """Tell whether the log lacks its beginning, and nothing can be said without it.

        Equal digests prove as ever: then the application was founded on what the log holds.
        """
        return self.start > 0 and not self.equal

    @property
    def mixed(self) -> bool:
        """Tell whether an older engine concluded the beginning, and this one does so otherwise.

        Equal digests prove as ever: another partition's engine was the older one.
        """
        return self.raised is not None and not self.equal

    @property
    def proves(self) -> bool:
        """Tell whether something follows from the digests, equal or not."""
        return not (self.cut or self.mixed)


class Replay:
    """The states of one partition, rebuilt in memory from its log."""

    def __init__(self, app: str, partition: int, partitions: int) -> None:
        self._app = app
        self._partition = partition
        self._partitions = partitions
        self.states: dict[bytes, bytes] = {}
        self.ledger = Ledger(msgspec.structs.replace(START, partitions=partitions))

    def take(self, records: Sequence[Record], after: int) -> list[Result]:
        """Reduce the next records of the log; return what that would have written."""
        results = []
        while records:
            result = self._run(
                Batch(self._app, self._partition, self._partitions, self.ledger, records, after)
            )
            results.append(result)
            records = records[result.taken :]
            if self.ledger.unseated:
                self.settle()
        return results

    def settle(self) -> None:
        """Bring every customer up to the partition's clock."""
        quiet = list(self.states)
        after = self.ledger.position.next
        self._run(
            Batch(self._app, self._partition, self._partitions, self.ledger, (), after, quiet)
        )
        if self.ledger.unseated:
            eras = self.ledger.eras
            position = msgspec.structs.replace(self.ledger.position, seated=eras[-1].number)
            slots = self.ledger.slots[-1:]
            self.ledger = replace(self.ledger, position=position, eras=eras[-1:], slots=slots)

    def _run(self, batch: Batch) -> Result:
        result = batch.compute(self.states)
        for name, value in result.fields.items():
            customer = keys.customer_of(name)
            if customer is not None:
                self.states[customer] = value
        self.ledger = result.ledger
        return result


def shortfall(verdicts: Sequence[Verdict | None], prefix: str = "") -> str | None:
    """Say why the verdicts on all partitions prove nothing, or the contrary; None: they prove."""
    found = [verdict for verdict in verdicts if verdict is not None]
    different = sum(verdict.proves and not verdict.equal for verdict in found)
    if different:
        return (
            f"{different} partitions differ from their log. Was it concluded by another version? "
            "Keep the log and the topics as they are, and report it"
        )
    if cut := [f"{each.partition} (from offset {each.start:,})" for each in found if each.cut]:
        return (
            f"{prefix}{LOG} no longer reaches back to its beginning in partition {', '.join(cut)}: "
            "retention deleted what came before, so nothing can be proved there. Set "
            "TIERSTREAM_TOPIC_LOG_RETENTION_DAYS and the topic's retention.ms higher, for the "
            "next log; this one stays as it is, and workers go on"
        )
    if mixed := [f"{each.partition} (engine {each.raised})" for each in found if each.mixed]:
        return (
            "an older version of Tierstream concluded the beginning of the log, and a proof takes "
            f"one that concluded all of it: nothing can be proved in partition {', '.join(mixed)}. "
            "That comes with an upgrade, and workers go on"
        )
    if not found:
        return (
            "nothing was proved: no partition has settled yet, so there is nothing to compare "
            "with. A partition settles once its clock has started and workers have done all that "
            "is due by it: `tierstream clock status` shows both; then try again"
        )
    return None


async def verify(
    log: Log,
    app: str,
    partition: int,
    partitions: int,
    prefix: str = "",
    progress: Callable[[int, int], None] = lambda _reached, _goal: None,
) -> Verdict | None:
    """Replay one partition up to its newest settled position; None where there is none yet.

    `progress` is told the offset reached and the offset to reach.

    Raises:
        Halt: the changelog is another application's.
    """
    goal = await _settled(log, prefix + STATE, partition, app)
    if goal is None:
        return None
    replay = Replay(app, partition, partitions)
    bounds = await log.bounds(prefix + LOG, partition)
    count, raised = 0, None
    async for records, reached in log.read(prefix + LOG, partition, bounds.start, goal.next, CHUNK):
        replay.take(records, reached)
        count += len(records)
        raised = next(filter(None, map(_raised, reversed(records))), raised)
        progress(reached, goal.next)
    replay.settle()
    position = replay.ledger.position
    return Verdict(
        partition,
        count,
        len(replay.states),
        states_equal=position.states == goal.states,
        outputs_equal=position.outputs == goal.outputs,
        start=bounds.start,
        raised=raised,
    )


def _raised(record: Record) -> int | None:
    """Return the engine that a record of the log says is newer than the one before."""
    if record.key is not None or b"engine.raised" not in (record.value or b""):
        return None
    try:
        event = events.decode(record.value or b"")
    except UNREADABLE:
        return None
    return event.engine if isinstance(event, EngineRaised) else None


async def _settled(log: Log, topic: str, partition: int, app: str) -> Position | None:
    bounds = await log.bounds(topic, partition)
    found = None
    async for records, _ in log.read(topic, partition, bounds.start, bounds.end, CHUNK):
        for record in records:
            if record.key == keys.ORIGIN and record.value is not None:
                foreign = Origin.read(record.value.decode()).foreign(app)
                if foreign is not None:
                    raise Halt(foreign)
            if record.key == keys.POSITION and record.value is not None:
                position = msgspec.json.decode(record.value, type=Position)
                if position.settled:
                    found = position
    return found

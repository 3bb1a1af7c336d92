"""`tierstream doctor`: everything that a deployment needs, looked at once, with the mend."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from enum import Enum
from typing import NamedTuple

from models.calendar import rfc3339
from models.errors import TierstreamError
from rules.eras import check_engine
from streams import topics
from streams.commands.clock import judged
from streams.commands.common import CommandFailed, Reach, out, reach, run, settings
from streams.ledger import Position
from streams.log.partitioner import partition_for
from streams.log.port import Record
from streams.settings import Role, Settings
from streams.stored_eras import standing
from streams.ticker import Promise
from streams.topics import DEAD_LETTER_SUFFIX, LOG

_TAIL = 200  # newest records of a partition that are read
_CLOCK_BEHIND_S = 600  # as the alarm of tierstream_clock_timestamp_seconds


class Mark(Enum):
    """How it is with what was looked at; the value is what stands before the line."""

    WELL = "[green]✓[/] "
    NOTE = "[yellow]![/] "  # worth knowing; nothing is out of order
    ILL = "[red]✗[/] "


class Symptom(NamedTuple):
    """One thing that was looked at. `bars`: nothing in the topics can be before it is mended."""

    mark: Mark
    text: str
    bars: bool = False


def doctor() -> None:
    """Look at Redis, the broker, the topics, places of keys, positions, lag and dead letters."""
    ill = run(_told())
    if ill:
        raise CommandFailed(f"{ill} of these need somebody to look at them")


async def _told() -> int:
    ill = 0
    # Closed here, whatever ends it: else the clients would be closed once the loop is gone.
    async with aclosing(examine(settings())) as symptoms:
        async for mark, text, _ in symptoms:
            ill += mark is Mark.ILL
            out.print(mark.value, end="")
            out.print(text, markup=False)
    return ill


async def examine(chosen: Settings) -> AsyncGenerator[Symptom]:
    """Yield what is found, in the order in which one thing rests on another; never raises."""
    async with reach(chosen, checked=False) as reached:
        for look in (_redis, _kafka, _topics, _places, _positions, _lag, _letters):
            barred = False
            try:
                async for symptom in look(reached):
                    barred |= symptom.bars
                    yield symptom
            except TierstreamError as error:
                barred = look in {_kafka, _topics}
                yield Symptom(Mark.ILL, str(error))
            if barred:
                # Every further question would wait for its time-out, and say the same again.
                text = (
                    "nothing more is looked at before that is mended: all else is in Kafka's topics"
                )
                yield Symptom(Mark.NOTE, text)
                return


async def _kafka(reached: Reach) -> AsyncIterator[Symptom]:
    bootstrap = reached.settings.kafka.bootstrap
    brokers, release = await reached.positions.cluster()
    yield Symptom(Mark.WELL, f"Kafka at {bootstrap}: {brokers} brokers, {release}")


async def _topics(reached: Reach) -> AsyncIterator[Symptom]:
    findings = await topics.check(reached.settings)
    for finding in findings:
        yield Symptom(Mark.ILL, str(finding), finding.bars)
    if not findings:
        yield Symptom(Mark.WELL, f"topics: {len(reached.catalogue.topics())}, as they must be")


async def _places(reached: Reach) -> AsyncIterator[Symptom]:
    """Whoever writes the log directly must place keys as we do: murmur2."""
    log, partitions = reached.catalogue.name(LOG), reached.catalogue.partitions
    looked = wrong = 0
    for number in range(partitions):
        start, end = await reached.log.bounds(log, number)
        async for records, _ in reached.log.read(log, number, max(start, end - _TAIL), end):
            keys = [record.key for record in records if record.key is not None]
            looked += len(keys)
            wrong += sum(partition_for(key, partitions) != number for key in keys)
    text = f"keys and partitions: {looked:,} newest records looked at, {wrong} misplaced"
    if wrong:
        text += "; whoever writes the log directly must place keys by murmur2 (murmur2_random)"
    yield Symptom(Mark.ILL if wrong else Mark.WELL, text)


async def _redis(reached: Reach) -> AsyncIterator[Symptom]:
    facts = await reached.store.check()
    persistence = (
        "it persists (append-only file)"
        if facts.appendonly
        else "it does not persist, so a restart rebuilds every view from Kafka (appendonly yes)"
    )
    text = f"{facts.server}: maxmemory-policy {facts.maxmemory_policy}; {persistence}"
    yield Symptom(Mark.WELL, text)


async def _positions(reached: Reach) -> AsyncIterator[Symptom]:
    log, promised = reached.catalogue.name(LOG), await _promised(reached)
    waiting = engine = 0
    for number in range(reached.catalogue.partitions):
        position, eras = await standing(reached.store, number)
        _, end = await reached.log.bounds(log, number)
        waiting += end - (0 if position is None else min(end, position.next))
        engine = max([engine, *(era.engine for era in eras)])
        yield _standing(number, position, end, promised)
    async for symptom in _deserted(reached, Role.CUSTOMERS, waiting):
        yield symptom
    check_engine(engine)


async def _promised(reached: Reach) -> int | None:
    """Return to where the clock can go; None where nothing tells it, or somebody else moves it."""
    if reached.settings.ticker == "off":
        return None
    verdict = await judged(reached)
    return verdict.t if isinstance(verdict, Promise) else None


async def _deserted(reached: Reach, role: Role, waiting: int) -> AsyncIterator[Symptom]:
    """Say so where records wait for a role and no worker of it runs."""
    group = reached.settings.consumer_group(role)
    if waiting and not await reached.positions.members(group):
        text = (
            f"no worker is in the consumer group {group}, and {waiting:,} records wait for one; "
            f"start `tierstream worker {role.value}`"
        )
        yield Symptom(Mark.ILL, text)


def _standing(number: int, position: Position | None, end: int, promised: int | None) -> Symptom:
    """Say where a partition's view stands, by its position, the log's end and what is promised."""
    if position is None:
        text = (
            f"partition {number}: Redis holds nothing of it; `tierstream worker customers` rebuilds"
            " it: within a minute where it runs already, else once it is started"
        )
        return Symptom(Mark.ILL, text)
    behind = end - position.next
    if behind < 0:
        text = (
            f"partition {number}: the store is {-behind:,} records ahead of the log, so it belongs "
            "to another log, or the log was made anew; point TIERSTREAM_REDIS_URL or "
            "TIERSTREAM_APP at this log's own, or start `tierstream worker customers` anew: it "
            "rebuilds the store at its take-over. Until then, what `tierstream customer` and "
            "others read from the store is of the other log"
        )
        return Symptom(Mark.ILL, text)
    clock = "clock not started" if position.now is None else f"clock {rfc3339(position.now)}"
    text = f"partition {number}: {behind:,} records behind, {clock}"
    late = 0 if promised is None or position.now is None else promised - position.now
    if late > _CLOCK_BEHIND_S:
        text += (
            f", {late:,} s behind what can be promised; `tierstream worker customers` moves it, up "
            "to 48 hours at once, and `tierstream clock advance` after a longer standstill"
        )
        return Symptom(Mark.ILL, text)
    return Symptom(_mark(behind), text)


def _mark(waiting: int) -> Mark:
    return Mark.NOTE if waiting else Mark.WELL


async def _lag(reached: Reach) -> AsyncIterator[Symptom]:
    ends = await reached.positions.ends(reached.catalogue.sources)
    passed = await reached.positions.committed(reached.settings.consumer_group(Role.INGRESS))
    waiting = 0
    for topic in reached.catalogue.sources:
        behind = sum(
            end - (passed[source].offset if source in passed else 0)
            for source, end in ends.items()
            if source[0] == topic
        )
        waiting += behind
        yield Symptom(_mark(behind), f"{topic}: {behind:,} records not ingested yet")
    async for symptom in _deserted(reached, Role.INGRESS, waiting):
        yield symptom


async def _letters(reached: Reach) -> AsyncIterator[Symptom]:
    """Dead letters make nothing ill: each was set aside on purpose, and somebody may want them."""
    names = [
        topic.name
        for topic in reached.catalogue.topics()
        if topic.name.endswith(DEAD_LETTER_SUFFIX)
    ]
    starts, ends = await reached.positions.starts(names), await reached.positions.readable(names)
    found = False
    for name in names:
        older, records = 0, list[Record]()
        for (topic, number), end in ends.items():
            if topic == name:
                start = starts[topic, number]
                tail = max(start, end - _TAIL)
                older += tail - start
                async for chunk, _ in reached.log.read(topic, number, tail, end):
                    records += chunk
        if records:
            found = True
            yield _piled(name, older, records)
    if not found:
        yield Symptom(Mark.WELL, "dead letters: none")


def _piled(topic: str, older: int, records: Sequence[Record]) -> Symptom:
    """Say how many dead letters a topic holds, and why the newest of those read is there.

    `older`: offsets before those read, of which some may be a transaction's marker.
    """
    newest = max(records, key=lambda record: (record.timestamp, record.offset))
    headers = dict(newest.headers)
    reason, message = (
        headers.get(name, b"not said").decode(errors="replace")
        for name in ("dlq.reason", "dlq.message")
    )
    shown = "".join(each if each.isprintable() else " " for each in message)
    count = f"{'up to ' if older else ''}{older + len(records):,}"
    noun = "dead letter" if older + len(records) == 1 else "dead letters"
    text = f"{topic}: {count} {noun}, the newest of {rfc3339(newest.timestamp)}: {reason}: {shown}"
    return Symptom(Mark.NOTE, text)

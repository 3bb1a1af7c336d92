"""`tierstream doctor`: everything that a deployment needs, looked at once, with the mend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from models.calendar import rfc3339
from models.errors import TierstreamError
from streams import topics
from streams.commands.clock import position_of
from streams.commands.common import CommandFailed, Reach, out, reach, run, settings
from streams.log.partitioner import partition_for
from streams.settings import Role
from streams.topics import LOG

_TAIL = 200  # newest records of a log partition whose place is checked


class Symptom(NamedTuple):
    """One thing that was looked at."""

    well: bool
    text: str


def doctor() -> None:
    """Look at the broker, the topics, the places of keys, Redis, positions and lag."""
    ill = run(_examine())
    if ill:
        raise CommandFailed(f"{ill} of these need somebody to look at them")


async def _examine() -> int:
    ill = 0
    async with reach(settings()) as reached:
        for examination in (_kafka, _topics, _places, _redis, _positions, _lag):
            try:
                async for well, text in examination(reached):
                    ill += not well
                    _print(text, well=well)
            except TierstreamError as error:
                ill += 1
                _print(str(error), well=False)
    return ill


def _print(text: str, *, well: bool) -> None:
    out.print(("[green]✓[/] " if well else "[red]✗[/] "), end="")
    out.print(text, markup=False)


async def _kafka(reached: Reach) -> AsyncIterator[Symptom]:
    bootstrap = reached.settings.kafka.bootstrap
    brokers, release = await reached.positions.cluster()
    yield Symptom(well=True, text=f"Kafka at {bootstrap}: {brokers} brokers, {release}")


async def _topics(reached: Reach) -> AsyncIterator[Symptom]:
    findings = await topics.check(reached.settings)
    for finding in findings:
        yield Symptom(well=False, text=str(finding))
    if not findings:
        yield Symptom(well=True, text=f"topics: {len(reached.catalogue.topics())}, as they must be")


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
    yield Symptom(wrong == 0, text)


async def _redis(reached: Reach) -> AsyncIterator[Symptom]:
    facts = await reached.store.check()
    persistence = (
        "it persists (append-only file)"
        if facts.appendonly
        else "it does not persist, so a restart rebuilds every view from Kafka (appendonly yes)"
    )
    text = f"{facts.server}: maxmemory-policy {facts.maxmemory_policy}; {persistence}"
    yield Symptom(well=True, text=text)


async def _positions(reached: Reach) -> AsyncIterator[Symptom]:
    log = reached.catalogue.name(LOG)
    for number in range(reached.catalogue.partitions):
        position = await position_of(reached, number)
        _, end = await reached.log.bounds(log, number)
        if position is None:
            text = f"partition {number}: never taken over; start `tierstream worker customers`"
            yield Symptom(well=False, text=text)
            continue
        clock = "clock not started" if position.now is None else f"clock {rfc3339(position.now)}"
        behind = end - position.next
        yield Symptom(well=True, text=f"partition {number}: {behind:,} records behind, {clock}")


async def _lag(reached: Reach) -> AsyncIterator[Symptom]:
    ends = await reached.positions.ends(reached.catalogue.sources)
    passed = await reached.positions.committed(reached.settings.consumer_group(Role.INGRESS))
    for topic in reached.catalogue.sources:
        behind = sum(
            end - (passed[source].offset if source in passed else 0)
            for source, end in ends.items()
            if source[0] == topic
        )
        yield Symptom(well=True, text=f"{topic}: {behind:,} records not ingested yet")

"""Hindsight: one customer as she was at a past instant, rebuilt from her own records of the log.

Her state follows from her records, the partition's clock and its eras; other customers' records do
not matter. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from models import events
from models.calendar import rfc3339
from models.customer import CustomerState, unpack
from models.errors import UNREADABLE, TierstreamError
from models.events import CustomerEvent, Tick
from rules.eras import Era
from rules.reduce import Reducer
from streams.jobs.replay import CHUNK, Replay
from streams.ledger import Position
from streams.log.partitioner import partition_for
from streams.log.port import Log, Record
from streams.topics import LOG


class OutOfSight(TierstreamError):
    """The log does not say how a customer was at the instant asked for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer at an instant, which is the `now` of `position`; `era`: None before the first.

    `history`: the events that were accepted of her until then, in the order of the log.
    """

    partition: int
    position: Position
    state: CustomerState
    era: Era | None
    history: tuple[CustomerEvent, ...]


async def as_of(
    log: Log,
    app: str,
    partitions: int,
    customer: str,
    at: int,
    prefix: str = "",
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> Seen:
    """Return a customer as she was at an instant (seconds) of the log's clock.

    `progress` is told the offset reached and the log's end.

    Raises:
        OutOfSight: the log begins later, its clock is not there yet, or she was not known yet.
        Unavailable: the log cannot be read.
    """
    key = customer.encode()
    partition = partition_for(key, partitions)
    start, end = await log.bounds(prefix + LOG, partition)
    if start > 0:
        raise OutOfSight(
            f"the log of partition {partition} has lost its beginning (it starts at record "
            f"{start:,}), so the state of {customer!r} cannot be built again. Retention is "
            "TIERSTREAM_TOPIC_LOG_RETENTION_DAYS; the present is told without `--at`"
        )
    replay, passed = Replay(app, partition, partitions), False
    history: list[CustomerEvent] = []
    async for records, reached in log.read(prefix + LOG, partition, 0, end, CHUNK):
        mine, passed = _up_to(at, key, records)
        history += _lived(replay, key, mine, reached)
        progress(end if passed else reached, end)
        if passed:
            break
    position = replay.ledger.position
    _check_clock(position.now, at, partition, passed=passed)
    packed = replay.states.get(key)
    if packed is None:
        raise OutOfSight(
            f"nothing was known of customer {customer!r} by {rfc3339(at)}. Is the id written as in "
            "the events?"
        )
    state, eras = unpack(packed), replay.ledger.eras
    reducer = Reducer(app)
    reducer.eras, reducer.first_tick = eras, position.first_tick
    reducer.catch_up(customer, state, at, [])
    now = msgspec.structs.replace(position, now=at)
    return Seen(partition, now, state, eras[-1] if eras else None, tuple(history))


def _lived(
    replay: Replay, key: bytes, records: Sequence[Record], reached: int
) -> Iterator[CustomerEvent]:
    """Replay records; yield those of a customer that were accepted: her state shows them."""
    others: list[Record] = []
    for record in records:
        if record.key != key:
            others.append(record)
            continue
        replay.take(others, record.offset)
        others, before = [], replay.states.get(key)
        replay.take([record], record.offset + 1)
        if replay.states.get(key) != before:
            yield msgspec.json.decode(record.value or b"", type=CustomerEvent)
    replay.take(others, reached)


def _check_clock(now: int | None, at: int, partition: int, *, passed: bool) -> None:
    """Refuse an instant before the clock's first value, or after its last."""
    if now is None:
        when = f" by {rfc3339(at)}; give a later instant" if passed else " yet"
        raise OutOfSight(f"the clock of partition {partition} had not started{when}")
    if now < at and not passed:
        raise OutOfSight(
            f"the clock of partition {partition} stands at {rfc3339(now)}; "
            "give an instant that it has passed"
        )


def _up_to(at: int, key: bytes, records: Sequence[Record]) -> tuple[list[Record], bool]:
    """Return what bears on a customer before the clock passes an instant, and whether it does."""
    mine = []
    for record in records:
        if record.key == key:
            mine.append(record)
        elif not record.key:
            if _time_of(record) > at:
                return mine, True
            mine.append(record)
    return mine, False


def _time_of(record: Record) -> int:
    """Return where a tick moves the clock; 0 for every other record."""
    try:
        event = events.decode(record.value or b"")
    except UNREADABLE:
        return 0
    return min(event.t, record.timestamp) if isinstance(event, Tick) else 0

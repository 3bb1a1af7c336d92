"""Where ingress is in the source partitions: the mark of their records, and what was missed.

Source topics are their producers' and may be retained for too short a time. What was deleted before
it was taken is gone, and waiting would only lose more; so it is counted and told, and we go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from streams.log.positions import Position, SourcePartition

_log = structlog.get_logger(__name__)


class Asked(Protocol):
    """What is asked about source topics; `streams.log.positions` answers, or raises Unavailable."""

    async def identity(self, topic: str) -> str:
        """Return what tells a topic from a later one of the same name."""
        ...

    async def starts(self, topics: Sequence[str]) -> dict[SourcePartition, int]:
        """Return the first offset that each partition still holds."""
        ...

    async def committed(self, group: str) -> dict[SourcePartition, Position]:
        """Return the positions that the group has committed."""
        ...


@dataclass(slots=True)
class _Place:
    """Its identity in marks, and the offset expected next."""

    mark: bytes
    next: int


class SourcePlaces:
    """The places of one ingress, whose positions the consumer group `group` has committed."""

    def __init__(self, asked: Asked, group: str, deleted: Callable[[str, int], None]) -> None:
        """`deleted` is told of a topic how many records were deleted before they were taken."""
        self._asked = asked
        self._group = group
        self._deleted = deleted
        self._places: dict[SourcePartition, _Place] = {}

    async def mark(self, topic: str, partition: int, offset: int) -> bytes:
        """Return what marks of this partition begin with, as records from `offset` on are at hand.

        Raises Unavailable where the brokers have to be asked and do not answer.
        """
        here = (topic, partition)
        place = self._places.get(here)
        if place is None or place.next != offset:
            # Not where we left off: perhaps the topic was deleted and created again.
            identity = await self._asked.identity(topic)
            mark = f"{topic}#{identity}/{partition}:".encode()
            if place is None or place.mark == mark:
                await self._tell_deleted(here, place, offset)
            place = self._places[here] = _Place(mark, offset)
        return place.mark

    def passed(self, topic: str, partition: int, offset: int) -> None:
        """Take note that all before `offset` is taken."""
        self._places[topic, partition].next = offset

    async def _tell_deleted(self, here: SourcePartition, place: _Place | None, offset: int) -> None:
        """Tell of records between the position and `offset` that the topic does not hold any more.

        Most gaps are none: transactions leave markers, which are offsets without a record.
        """
        topic, partition = here
        if place is not None and place.next >= offset:
            return
        # Perhaps another member has owned the partition since, and went further.
        committed = (await self._asked.committed(self._group)).get(here)
        known = [place.next] if place is not None else []
        known += [committed.offset] if committed is not None else []
        expected = max(known, default=offset)
        if expected >= offset:
            return
        # A partition that was made just now may not be known yet; then nothing of it was deleted.
        start = (await self._asked.starts([topic])).get(here, expected)
        if (count := min(start, offset) - expected) > 0:
            self._deleted(topic, count)
            _log.error(
                "source records were deleted before they were taken: the topic's retention is "
                "shorter than ingress was behind; what its producers still have can be sent again",
                topic=topic,
                partition=partition,
                first=expected,
                count=count,
            )

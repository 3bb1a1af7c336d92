"""Releases: recorded commands that let the clock go on without a source that is retired or stuck.

A release is a record of the control topic. It names a source topic and where each of its partitions
ended, and it holds until ingress has passed those ends: a source that comes back counts again.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from models.errors import UNREADABLE
from streams.log.port import Log


class ClockReleased(msgspec.Struct, frozen=True, tag_field="event", tag="clock.released"):
    """Somebody decided that the clock does not wait for a source."""

    source: str
    ends: dict[int, int]  # by partition, when it was released
    by: str
    reason: str


_decode = msgspec.json.Decoder(ClockReleased).decode


def release_of(value: bytes | None) -> ClockReleased | None:
    """Return the release in a record of the control topic, None where it holds another thing."""
    if value is None or b"clock.released" not in value:
        return None
    try:
        return _decode(value)
    except UNREADABLE:
        return None


class Releases:
    """Follows the control topic and remembers the newest release of each source partition."""

    def __init__(self, log: Log, control_topic: str) -> None:
        self._log = log
        self._topic = control_topic
        self._next: int | None = None
        self._ends: dict[tuple[str, int], int] = {}

    async def current(self) -> Mapping[tuple[str, int], int]:
        """Return, by source partition, the end that a release was given at.

        Raises:
            Unavailable: the control topic could not be read.
        """
        start, end = await self._log.bounds(self._topic, 0)
        begin = start if self._next is None else max(self._next, start)
        async for records, position in self._log.read(self._topic, 0, begin, end):
            for record in records:
                release = release_of(record.value)
                if release is not None:
                    ends = {(release.source, number): at for number, at in release.ends.items()}
                    self._ends.update(ends)
            self._next = position
        return self._ends

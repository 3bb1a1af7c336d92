"""What lies between the engine and the agents: a fetched batch, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from streams.log.port import Record

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""


class Fetched(NamedTuple):
    """Records of one partition, fetched together.

    `before` is the position that they were read from, `after` the position behind them. Offsets in
    between may be missing: markers and aborted records occupy some. Without records only the
    position moved.
    """

    topic: str
    partition: int
    records: Sequence[Record]
    before: int
    after: int


class Ticket(Protocol):
    """A batch in the hands of an agent, which calls `done` or `drop`, once."""

    @property
    def fetched(self) -> Fetched:
        """The batch."""
        ...

    def done(self, note: str = "") -> None:
        """Say that every effect is durable; `note` is committed along with the position."""
        ...

    def drop(self) -> None:
        """Give the batch up: whoever owns the partition next fetches it again."""
        ...


class Agent(Protocol):
    """What the engine drives. An exception from any method ends the worker."""

    async def assigned(self, places: Collection[Place]) -> None:
        """These partitions are ours from now on. Returns at once."""
        ...

    async def revoked(self, places: Collection[Place]) -> None:
        """These partitions are ours no longer; returns when nothing of theirs is under way."""
        ...

    async def take(self, ticket: Ticket) -> None:
        """A batch was fetched. Returns when there is room for the partition's next one."""
        ...

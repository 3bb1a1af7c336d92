"""What each role does with what is fetched: the topology on one screen.

    source topics ── IngressAgent ──> segment.log.v1 ── CustomersAgent ──> outputs, changelog, Redis
                     one actor a                        one owner a
                     source partition                   log partition

The ingress agent brings batches of a source partition into the log, one after the other. The
customers agent starts an owner for every partition that it is assigned: the owner takes it over,
says from where to fetch, gathers what arrives into transactions, and takes the partition over again
whenever it is in doubt. A `Halt` stops the one partition that it is about, until a person has seen
to it; the others go on, and `/readyz` says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from streams.errors import Doubt, Halt, Rejected, StreamError, Unavailable
from streams.inbox import Inbox, Ticket, merged
from streams.log.port import Record
from streams.settings import Batch

_log = structlog.get_logger(__name__)

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""

BACK_OFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
IDLE_S = 0.25
_CANCEL_S = 2.0


class Handled(Protocol):
    """What an owner owns (`streams.partition.Partition`)."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def next(self) -> int | None: ...  # noqa: D102
    @property
    def now(self) -> int | None: ...  # noqa: D102
    @property
    def settled(self) -> bool: ...  # noqa: D102
    async def take_over(self) -> None: ...  # noqa: D102
    async def process(self, records: Sequence[Record], before: int, after: int) -> None: ...  # noqa: D102
    async def work_ahead(self) -> bool: ...  # noqa: D102
    async def drop(self) -> None: ...  # noqa: D102

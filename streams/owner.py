"""The owner of one log partition, from its assignment to its revocation.

It takes the partition over, says from where to fetch, gathers what arrives into transactions, does
what falls due when nothing arrives, and takes the partition over again whenever it is in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from streams.errors import Doubt, Halt, StreamError
from streams.fetched import Place, Ticket
from streams.inbox import Inbox, merged
from streams.log.port import Record
from streams.metrics import Metrics

_log = structlog.get_logger(__name__)

BACK_OFF_S = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""How long to wait before the first, second, … attempt; the last one holds for all later."""


class Handled(Protocol):
    """What an owner drives (`streams.partition.Partition`, where the methods are explained)."""

    @property
    def number(self) -> int:
        """The partition's number in the log."""
        ...

    @property
    def next(self) -> int | None:
        """The next log offset; None while the partition is not taken over."""
        ...

    @property
    def now(self) -> int | None:
        """The partition's clock; None before its first tick."""
        ...

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do at the partition's clock."""
        ...

    async def due_by(self, until: int) -> bool:
        """Tell whether somebody is to be looked at by `until`."""
        ...

    async def take_over(self) -> None:
        """Become the partition's only owner. Raises Doubt or Halt."""
        ...

    async def process(self, records: Sequence[Record], before: int, after: int) -> None:
        """Process fetched records. Raises Doubt or Halt."""
        ...

    async def work_ahead(self) -> None:
        """Do some of what is due. Raises Doubt or Halt."""
        ...

    async def drop(self) -> None:
        """Hold nothing any more."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of an owner's work. `idle_s`: how long without records before looking what is due."""

    records_max: int = 1_000
    linger_s: float = 0.01
    idle_s: float = 0.25
    batch_timeout_s: float = 10.0


class Owner:
    """Drives one partition; `run` ends after `leave`, or with a halt."""

    def __init__(
        self,
        place: Place,
        partition: Handled,
        start_at: Callable[[Place, int], Awaitable[None]],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self.inbox = Inbox(limits.records_max, limits.linger_s)
        self._place = place
        self._partition = partition
        self._start_at = start_at
        self._limits = limits
        self._metrics = metrics
        self._log = _log.bind(partition=partition.number)
        self._started = False
        self._failures = 0
        self._halted: str | None = None
        self.reached: int | None = None
        """The newest position that was known, also while there is none."""

    @property
    def position(self) -> int | None:
        """The next offset to process; None during a take-over, or where a person has to act."""
        return self._partition.next if self._started and self._halted is None else None

    def missing(self) -> str | None:
        """Say what keeps this partition from being processed; None where nothing does."""
        if self._halted is not None:
            return f"partition {self._place[1]} is halted: {self._halted}"
        if self.position is None:
            return f"partition {self._place[1]} is being taken over"
        return None

    async def run(self) -> None:
        """Own the partition until `leave`, or until a `Halt`, which is kept for `missing`."""
        try:
            if await self._taken_over(start=True):
                while not self.inbox.closed:
                    await self._turn()
        except Halt as halt:
            self._halted = str(halt)
            self._metrics.halted(*self._place)
            self._log.error("partition halted", reason=self._halted)
            self.inbox.close()

    def leave(self) -> None:
        """Take nothing more; `run` ends after the batch under way."""
        self.inbox.close()

    async def give_back(self) -> None:
        """Hold nothing any more; called once `run` has ended."""
        await self._partition.drop()

    async def _turn(self) -> None:
        """Process what has arrived, or do what is due where nothing has, until it is done."""
        tickets = await self.inbox.gather(self._limits.idle_s)
        finished = False
        try:
            finished = await self._processed(tickets)
            while not finished and await self._taken_over():
                finished = await self._processed(tickets)
        finally:
            for ticket in tickets:
                if finished:
                    ticket.done()
                else:
                    ticket.drop()

    async def _processed(self, tickets: Sequence[Ticket]) -> bool:
        """Try once; False where the outcome is in doubt."""
        partition = self._partition
        try:
            if tickets:
                records, before, after = merged(tickets)
                self._check_position(before)
                await partition.process(records, before, after)
            elif not self.inbox.closed:
                await partition.work_ahead()
        except Doubt as doubt:
            self._log.warning("in doubt, taking over again", reason=str(doubt))
            return False
        self._failures = 0
        if partition.next is not None:
            self.reached = partition.next
            self._metrics.standing(
                partition.number, partition.next, partition.now, settled=partition.settled
            )
        return True

    def _check_position(self, before: int) -> None:
        if self._partition.next is not None and self._partition.next < before:
            raise StreamError(
                f"partition {self._place[1]} was fetched from {before}, but its changelog has gone "
                f"back to {self._partition.next}; ending, to be started again from there"
            )

    async def _taken_over(self, *, start: bool = False) -> bool:
        """Take over, with back-off; False where we were told to leave meanwhile."""
        while not self.inbox.closed:
            await asyncio.sleep(BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)])
            self._failures += 1
            try:
                await self._partition.take_over()
                self.reached = self._partition.next
                if start:
                    assert self._partition.next is not None, "a partition taken over has a position"
                    await self._start_at(self._place, self._partition.next)
            except Doubt as doubt:
                self._log.info("take-over failed, trying again", reason=str(doubt))
            else:
                self._started = True
                return True
        return False

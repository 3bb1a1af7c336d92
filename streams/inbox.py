"""Between fetching and processing: a bounded inbox that gathers small batches into one.

A transaction costs a millisecond whatever it holds. At a low rate records arrive one by one, so the
inbox hands them out together a few milliseconds after the first came; what came during the last
transaction has waited long enough. At a high rate batches arrive full, and it does not wait at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain

from streams.fetched import Ticket
from streams.log.port import Record

_FULL_BATCHES = 2  # so much may wait while a transaction is under way


class Inbox:
    """What was fetched of one partition and is not processed yet, in order."""

    def __init__(self, records_max: int, linger_s: float) -> None:
        self._records_max = records_max
        self._linger_s = linger_s
        self._waiting: deque[Ticket] = deque()
        self._records = 0
        self._first_at = 0.0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.closed = False

    async def put(self, ticket: Ticket) -> None:
        """Add a batch; return when there is room for the next one."""
        if self.closed:
            ticket.drop()
            return
        if not self._waiting:
            self._first_at = asyncio.get_running_loop().time()
        self._waiting.append(ticket)
        self._records += len(ticket.fetched.records)
        self._arrived.set()
        if self._records >= self._records_max:
            self._full.set()
        if self._records >= self._records_max * _FULL_BATCHES:
            self._room.clear()
        await self._room.wait()

    async def gather(self, patience_s: float) -> list[Ticket]:
        """Return the batches of the next transaction, at most `records_max` records together.

        A single larger batch is returned alone. Empty where nothing came in `patience_s`, or the
        inbox is closed.
        """
        if not await _set_within(self._arrived, patience_s):
            return []
        waited_s = asyncio.get_running_loop().time() - self._first_at
        if waited_s < self._linger_s:
            await _set_within(self._full, self._linger_s - waited_s)
        tickets: list[Ticket] = []
        records = 0
        while self._waiting:
            count = len(self._waiting[0].fetched.records)
            if tickets and records + count > self._records_max:
                break
            records += count
            tickets.append(self._waiting.popleft())
        self._records -= records
        if not self._waiting and not self.closed:
            self._arrived.clear()
        if self._records < self._records_max and not self.closed:
            self._full.clear()
        self._room.set()
        return tickets

    def close(self) -> None:
        """Drop what is waiting and take nothing more; whoever waits is woken."""
        self.closed = True
        while self._waiting:
            self._waiting.popleft().drop()
        self._records = 0
        for event in (self._arrived, self._full, self._room):
            event.set()


def merged(tickets: Sequence[Ticket]) -> tuple[Sequence[Record], int, int]:
    """Return the records of consecutive batches, the position before and the one after them."""
    first, last = tickets[0].fetched, tickets[-1].fetched
    if len(tickets) == 1:
        return first.records, first.before, first.after
    records = list(chain.from_iterable(ticket.fetched.records for ticket in tickets))
    return records, first.before, last.after


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    if event.is_set():
        return True
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False

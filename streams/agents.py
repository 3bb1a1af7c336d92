"""What each role does with what is fetched: the topology on one screen.

    source topics ── IngressAgent ──> segment.log.v1 ── CustomersAgent ──> outputs, changelog, Redis
                     one actor a                        one owner a
                     source partition                   log partition

The ingress agent brings the batches of a source partition into the log, one after the other. The
customers agent starts an owner for every partition that it is assigned.

A `Halt` stops the one partition that it is about until a person has seen to it and started the
worker again. The others go on, and `/readyz` says why one does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

import structlog

from streams.errors import Halt, Rejected, Unavailable
from streams.fetched import Place, Ticket
from streams.log.port import Record
from streams.metrics import Metrics
from streams.owner import BACK_OFF_S, Handled, Limits, Owner
from streams.relations import CANCEL_S

_log = structlog.get_logger(__name__)


class Running(Protocol):
    """Something that runs beside an owner until it is cancelled (`streams.ticker.Ticker`)."""

    async def run(self) -> None:
        """Run."""
        ...


class Delivering(Protocol):
    """What brings a batch into the log (`streams.ingress.Ingress`)."""

    async def handle(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        """Return when all is confirmed. Raises Unavailable, Halt or Rejected."""
        ...


class Failure:
    """The first unexpected error of a background task; it ends the worker."""

    def __init__(self) -> None:
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def watch(self, task: asyncio.Task[None]) -> None:
        """Take note of how a task ends."""
        task.add_done_callback(self._ended)

    async def wait(self) -> None:
        """Raise the first error; returns never."""
        await asyncio.shield(self._first)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._first.done():
            self._first.set_exception(error)


class CustomersAgent:
    """Owns the partitions of the log that the group assigns to this worker."""

    def __init__(
        self,
        partition: Callable[[int], Handled],
        start_at: Callable[[Place, int], Awaitable[None]],
        beside: Callable[[Handled], Sequence[Running]],
        limits: Limits,
        metrics: Metrics,
        failure: Failure,
    ) -> None:
        """`beside` returns what runs with an owner, such as its ticker."""
        self._partition = partition
        self._start_at = start_at
        self._beside = beside
        self._limits = limits
        self._metrics = metrics
        self._failure = failure
        self._owners: dict[Place, Owner] = {}
        self._tasks: dict[Place, list[asyncio.Task[None]]] = {}
        self._endings: dict[Place, asyncio.Task[None]] = {}
        self._joined = False

    async def assigned(self, places: Collection[Place]) -> None:
        """Start an owner for each partition, and what runs beside it."""
        self._joined = True
        self._metrics.assigned(places)
        for place in sorted(places):
            handled = self._partition(place[1])
            owner = Owner(place, handled, self._start_at, self._limits, self._metrics)
            running = [owner.run(), *(each.run() for each in self._beside(handled))]
            self._owners[place] = owner
            self._tasks[place] = [asyncio.create_task(each) for each in running]
            for task in self._tasks[place]:
                self._failure.watch(task)

    async def revoked(self, places: Collection[Place]) -> None:
        """Let owners finish the batch that they are at, and end them.

        A worker may be told to stop in the middle of a rebalance: both wait for the same end.
        """
        for place in places:
            if place in self._owners:
                owner, tasks = self._owners.pop(place), self._tasks.pop(place)
                owner.leave()
                self._endings[place] = asyncio.create_task(self._ended(owner, tasks))
        endings = [self._endings[place] for place in places if place in self._endings]
        if endings:
            await asyncio.wait(endings)
        for ending in endings:
            ending.result()

    async def take(self, ticket: Ticket) -> None:
        """Give a batch to its partition's owner."""
        owner = self._owners.get((ticket.fetched.topic, ticket.fetched.partition))
        if owner is None:
            ticket.drop()
        else:
            await owner.inbox.put(ticket)

    def positions(self) -> dict[Place, int]:
        """Return where partitions stand: those that are owned and not halted."""
        standing = ((place, owner.position) for place, owner in self._owners.items())
        return {place: position for place, position in standing if position is not None}

    def reached(self) -> dict[Place, int]:
        """Return how far partitions have come, also those that are taken over or halted."""
        reached = ((place, owner.reached) for place, owner in self._owners.items())
        return {place: position for place, position in reached if position is not None}

    async def missing(self) -> list[str]:
        """Say what is missing before all assigned partitions are processed."""
        if not self._joined:
            return ["no partitions were assigned yet: is the broker up, and the group stable?"]
        return [line for owner in self._owners.values() if (line := owner.missing()) is not None]

    async def _ended(self, owner: Owner, tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks[1:]:
            task.cancel()
        _, late = await asyncio.wait(tasks[:1], timeout=self._limits.batch_timeout_s)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_S)
        await owner.give_back()


class IngressAgent:
    """Brings what the source topics receive into the log."""

    def __init__(self, ingress: Delivering, limits: Limits, metrics: Metrics) -> None:
        self._ingress = ingress
        self._limits = limits
        self._metrics = metrics
        self._mine: set[Place] = set()
        self._done: dict[Place, int] = {}
        self._halted: dict[Place, str] = {}
        self._doubts: dict[Place, str] = {}  # what a delivery that is being repeated failed with
        self._under_way: dict[Place, asyncio.Event] = {}
        self._joined = False

    async def assigned(self, places: Collection[Place]) -> None:
        """Take note of what is ours."""
        self._joined = True
        self._mine = set(places)
        self._halted.clear()
        self._metrics.assigned(places)

    async def revoked(self, places: Collection[Place]) -> None:
        """Wait for the batches under way; one that takes too long is repeated by the next owner."""
        self._mine.difference_update(places)
        waiting = [
            asyncio.create_task(self._under_way[place].wait())
            for place in places
            if place in self._under_way
        ]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=self._limits.batch_timeout_s)
            for task in late:
                task.cancel()
        for place in places:
            self._done.pop(place, None)

    async def take(self, ticket: Ticket) -> None:
        """Deliver a batch, and note the newest source timestamp with its position."""
        fetched = ticket.fetched
        place = (fetched.topic, fetched.partition)
        ended = self._under_way[place] = asyncio.Event()
        try:
            delivered = await self._delivered(ticket)
        finally:
            ended.set()
            del self._under_way[place]
            self._doubts.pop(place, None)
        if not delivered:
            ticket.drop()
            return
        newest = max((record.timestamp for record in fetched.records), default=None)
        ticket.done("" if newest is None else str(newest))
        self._done[place] = fetched.after

    def positions(self) -> dict[Place, int | None]:
        """Return where source partitions stand that are not halted.

        None before the first batch: one comes soon after the assignment, without records too.
        """
        return {place: self._done.get(place) for place in self._mine if place not in self._halted}

    def reached(self) -> dict[Place, int]:
        """Return how far source partitions have come, also those that are halted."""
        return {place: at for place, at in self._done.items() if place in self._mine}

    async def missing(self) -> list[str]:
        """Say what is missing before all assigned partitions are processed."""
        if not self._joined:
            return ["no partitions were assigned yet: is the broker up, and the group stable?"]
        lacks = {"is halted": self._halted, "is not delivered": self._doubts}
        return [
            f"partition {number} of {topic} {lack}: {reason}"
            for lack, places in lacks.items()
            for (topic, number), reason in places.items()
        ]

    async def _delivered(self, ticket: Ticket) -> bool:
        """Deliver until it is confirmed; False where the partition is lost or halted."""
        topic, number, records, _, _ = ticket.fetched
        place, attempt = (topic, number), 0
        while place in self._mine and place not in self._halted:
            try:
                await self._ingress.handle(topic, number, records)
            except Unavailable as error:
                _log.warning("delivery in doubt, repeating", topic=topic, error=str(error))
                self._doubts[place] = str(error)
                attempt += 1
                await asyncio.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            except (Halt, Rejected) as halt:
                self._halted[place] = str(halt)
                self._metrics.halted(topic, number)
                _log.error("partition halted", topic=topic, partition=number, reason=str(halt))
            else:
                return True
        return False

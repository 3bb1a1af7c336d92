"""How far a deployment has come, asked of its services from outside until they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TypeVar

import msgspec

from streams.commands.common import Reach
from streams.errors import Unavailable
from streams.ledger import Position
from streams.log.positions import SourcePartition
from streams.settings import Role
from streams.store import keys
from streams.topics import LOG
from tests.faults.happenings import PURCHASES
from tests.faults.workers import RunFailed

_ANSWER_S_MAX = 60.0
_LOOK_EVERY_S = 0.05

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Progress:
    """What both roles have done. Every wait is bounded, and raises RunFailed at its end."""

    reached: Reach

    async def caught_up(self, within_s: float, *, beyond: int = 0) -> None:
        """Wait until each role has done what waits for it now, and so many records `beyond`."""
        sources, ends = await self.asked(self._source_ends), await self.asked(self._log_ends)
        steady = self.reached.catalogue.name(PURCHASES)  # the others may be quiet for a while
        for place in sources:
            sources[place] += beyond * (place[0] == steady)
        ends = [end + beyond for end in ends]
        await _until(lambda: self._ingested(sources), "ingress does not go on", within_s)
        await _until(lambda: self._processed(ends), "the customers role does not go on", within_s)

    async def at_rest(self, at: int, within_s: float) -> None:
        """Wait until the log is processed, and nothing more is due at the instant `at`.

        What is about a merged customer is sent on, perhaps more than once: each time the log grows.
        """
        otherwise = "the customers role does not settle"
        ends: list[int] = []
        while ends != (known := await self.asked(self._log_ends)):
            ends = known
            await _until(partial(self._processed, ends, at), otherwise, within_s)

    async def positions(self) -> list[Position | None]:
        """Return where each partition stands, as the store has it."""
        found: list[Position | None] = []
        for number in range(self.reached.settings.partitions):
            (value,) = (await self.reached.store.view(number, [keys.POSITION])).values
            found.append(None if value is None else msgspec.json.decode(value, type=Position))
        return found

    async def asked(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask the services until they answer."""
        deadline_s = monotonic() + _ANSWER_S_MAX
        while True:
            try:
                return await ask()
            except Unavailable as error:
                if monotonic() > deadline_s:
                    raise RunFailed(f"a service does not come back: {error}") from error
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _source_ends(self) -> dict[SourcePartition, int]:
        return await self.reached.positions.ends(self.reached.catalogue.sources)

    async def _log_ends(self) -> list[int]:
        log = self.reached.catalogue.name(LOG)
        ends = await self.reached.positions.ends([log])
        return [ends[log, number] for number in range(self.reached.settings.partitions)]

    async def _ingested(self, ends: dict[SourcePartition, int]) -> bool:
        group = self.reached.settings.consumer_group(Role.INGRESS)
        passed = await self.reached.positions.committed(group)
        return all(
            end == 0 or ((at := passed.get(place)) is not None and at.offset >= end)
            for place, end in ends.items()
        )

    async def _processed(self, ends: list[int], at_rest_at: int | None = None) -> bool:
        """Tell whether every partition has come so far; and is settled at an instant, if given."""
        found = await self.positions()
        return all(
            at is not None
            and at.next >= end
            and (at_rest_at is None or (at.settled and at.now is not None and at.now >= at_rest_at))
            for at, end in zip(found, ends, strict=True)
        )


async def _until(reached: Callable[[], Awaitable[bool]], otherwise: str, within_s: float) -> None:
    """Wait until something is so; a service that does not answer counts as not yet."""
    deadline_s = monotonic() + within_s
    while True:
        with suppress(Unavailable):
            if await reached():
                return
        if monotonic() > deadline_s:
            raise RunFailed(f"{otherwise} within {within_s:.0f} s")
        await asyncio.sleep(_LOOK_EVERY_S)

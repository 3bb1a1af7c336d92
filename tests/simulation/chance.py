"""Chance and the scheduler's way in: what decides when a simulated world hurts.

Every call of a port passes through `point`, where the scheduler may run somebody else, kill the
caller, or let time do its damage. One random generator decides everything, so a seed is a history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random

from streams.errors import Unavailable


class _Point:
    """A place where the scheduler may take over."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def point() -> None:
    """Let the scheduler decide what happens next."""
    await _Point()


@dataclass(slots=True)
class Chance:
    """How often things go wrong; `calm` ends all of it. `seen` counts faults and branches."""

    random: Random
    calm: bool = False
    seen: Counter[str] = field(default_factory=Counter)

    def strikes(self, name: str, probability: float) -> bool:
        """Tell whether a fault happens here, and count it."""
        if self.calm or self.random.random() >= probability:
            return False
        self.seen[name] += 1
        return True

    def lose_reply(self, name: str) -> None:
        """Raise Unavailable now and then."""
        if self.strikes(name, 0.02):
            raise Unavailable(name)

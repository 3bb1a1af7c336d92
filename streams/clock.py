"""The only readers of the machine's clock and of its randomness; everything else takes them.

Wall time stamps what people read and tells the ticker how far the sources may be trusted.
Conclusions never depend on it: they follow the clock that the log carries.
"""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time and elapsed time."""

    def now(self) -> int:
        """Return the wall time in whole seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the wall time in whole seconds since 1970, UTC."""
        return int(time.time())

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, now: int = 0) -> None:
        self._seconds = float(now)

    def now(self) -> int:
        """Return the wall time in whole seconds since 1970, UTC."""
        return int(self._seconds)

    def monotonic(self) -> float:
        """Return seconds since 1970; never goes back."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        if seconds < 0:
            message = f"a clock cannot go back ({seconds} s)"
            raise ValueError(message)
        self._seconds += seconds


def random_name() -> str:
    """Return 128 random bits in hexadecimal: a name that nobody else will draw."""
    return secrets.token_hex(16)

"""`python -m tests.faults.skewed ROLE SECONDS`: a worker whose clock is wrong by so much.

Python's own clock is moved before anything of the worker is imported. That reaches all that reads
the time here: the ticker, the age of what the store holds, and the time stamps of Kafka's client.
It needs no library that is loaded into the process, and so works on every system; log lines, which
are formatted by the C library, keep the right time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

_NS = 1_000_000_000


def main(arguments: Sequence[str]) -> None:
    """Run the worker until it is told to stop."""
    role, seconds = arguments
    _shift(int(seconds))
    from streams.app import run_worker  # noqa: PLC0415  the clock first
    from streams.settings import Role, load  # noqa: PLC0415

    run_worker(Role(role), load())


def _shift(seconds: int) -> None:
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + seconds * _NS


if __name__ == "__main__":
    main(sys.argv[1:])

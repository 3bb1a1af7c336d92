"""`python -m tests.bench.profiled ROLE FILE`: a worker whose event loop runs under cProfile.

Everything takes about twice as long, so only shares mean something. The thread that fetches from
Kafka is not seen. SIGTERM ends the worker and writes FILE, for `python -m pstats FILE`.
"""

from __future__ import annotations

import asyncio
import cProfile
import signal
import sys

from streams.app import serve
from streams.clock import SystemClock
from streams.logs import configure
from streams.settings import Role, load


async def _serve(role: Role) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(role, load(), stop)


def main() -> None:
    """Run the worker until SIGTERM."""
    role, report = sys.argv[1:]
    configure(load().log, SystemClock())
    profile = cProfile.Profile()
    try:
        profile.runcall(asyncio.run, _serve(Role(role)))
    finally:
        profile.dump_stats(report)


if __name__ == "__main__":
    main()

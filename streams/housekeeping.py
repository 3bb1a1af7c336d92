"""Give back the memory that a burst took.

A take-over or a backlog fills the C library's heap for a moment. What is freed then lies in pieces
between what lives on, and stays with the process: a worker that has seen a few outages looks twice
as large as it is, and growth that means something could not be told from it. So, once a minute, the
pieces are handed back.

Garbage in circles waits for its collector. Connections that failed are such, and while a broker is
away twenty of them fail in a second: left for a minute they take a sixth of an ingress worker's
objects, and their places, among what lives on, never shrink again. So what is young is collected
sooner; looking through all would be a pause.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from typing import NoReturn

COLLECT_EVERY_S = 5.0
TIDY_EVERY_S = 60.0


async def keep_house() -> NoReturn:
    """Collect young garbage every `COLLECT_EVERY_S` seconds, all of it every `TIDY_EVERY_S`."""
    while True:
        for _ in range(int(TIDY_EVERY_S / COLLECT_EVERY_S)):
            await asyncio.sleep(COLLECT_EVERY_S)
            gc.collect(1)
        gc.collect()
        await asyncio.to_thread(trim)  # it lets go of the interpreter's lock


def trim() -> bool:
    """Hand free memory back to the system; False where the C library does not know how."""
    if sys.platform != "linux":
        return False
    known = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    return bool(known is not None and known(0))

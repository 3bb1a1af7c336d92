"""Housekeeping: memory that a burst took is given back."""

import asyncio
import ctypes
import gc
import sys
import weakref
from pathlib import Path

import pytest

from streams import housekeeping

PIECE, PIECES = 100_000, 1_000  # below the size from which each piece would be a mapping of its own


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what was freed, and trims")
def test_what_was_freed_in_pieces_goes_back_to_the_system() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        assert not housekeeping.trim()
        return
    libc.malloc.restype = ctypes.c_void_p
    pieces = [libc.malloc(PIECE) for _ in range(PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, PIECE)
    for piece in pieces[:-1]:  # the last one stays, so that the heap's end cannot just be cut off
        libc.free(ctypes.c_void_p(piece))
    before = resident()
    housekeeping.trim()
    assert resident() < before - PIECE * PIECES // 2
    libc.free(ctypes.c_void_p(pieces[-1]))


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not housekeeping.trim()


class _Circle:
    """Garbage that counting references does not find."""

    def __init__(self) -> None:
        self.mine = self


async def test_garbage_in_circles_is_collected_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "COLLECT_EVERY_S", 0.01)
    before = gc.get_threshold()
    gc.set_threshold(100_000_000)
    left = weakref.ref(_Circle())
    keeping = asyncio.create_task(housekeeping.keep_house())
    try:
        for _ in range(500):
            if left() is None:
                break
            await asyncio.sleep(0.01)
        assert left() is None
    finally:
        gc.set_threshold(*before)
        keeping.cancel()

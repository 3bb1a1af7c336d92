"""Housekeeping: memory that a burst took is given back."""

import ctypes
import sys
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

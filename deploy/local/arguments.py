"""What the options of dev.py's commands may be."""

from __future__ import annotations

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    """Return a number of things to do, at least 1; raises ArgumentTypeError."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is no number of at least 1; give one, such as 20")
    return number

"""What a message says of names: which was probably meant, or which there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names what was probably meant, or lists what there is."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return listed(names) if names else ""


def listed(names: Iterable[str]) -> str:
    """Return a hint that lists what there is."""
    return f"known are: {', '.join(sorted(names))}"

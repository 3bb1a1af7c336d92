"""What a message advises: the name or the letter that was probably meant, the names there are."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

_PLAIN = {"“": '"', "”": '"', "‘": "'", "’": "'", "、": ",", "。": ".", "【": "[", "】": "]"}
_PLAIN |= {"≥": ">=", "≤": "<=", "≠": "!=", "×": "*", "÷": "/", "–": "-", "−": "-"}


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


def lookalike(text: str) -> str:
    """Return a hint about the first letter that only looks like one that is meant, or ""."""
    for letter in text:
        if letter == "\t":
            return "a tab stands there; write spaces"
        if letter.isascii():
            continue
        if letter.isspace() or unicodedata.category(letter) == "Cf":
            name = unicodedata.name(letter, "a blank").lower()
            return f"U+{ord(letter):04X} ({name}) stands there; write a plain space, or none"
        plain = _PLAIN.get(letter) or unicodedata.normalize("NFKC", letter)
        if plain.isascii():
            return f"write {plain} in place of {letter}, which is another letter"
    return ""

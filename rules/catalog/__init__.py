"""The rulebooks that come with Tierstream, by name."""

from __future__ import annotations

from importlib.resources import files

NAMES = ("retail", "workforce", "clusters", "factory", "tiering")


def text(name: str) -> str:
    """Return a shipped rulebook's YAML text.

    Raises:
        KeyError: there is no rulebook of that name.
    """
    if name not in NAMES:
        message = f"there is no rulebook {name!r}; shipped are: {', '.join(NAMES)}"
        raise KeyError(message)
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")

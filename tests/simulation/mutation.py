"""Taking guards away: a function of the product compiled again with one piece of its text changed.

A guard is named by its text, so that a test about it fails as soon as the guard is not there any
more, rather than quietly testing nothing.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from tests.simulation.run import run
from tests.simulation.world import World

SEEDS_MAX = 3_000


def mutated(function: Callable[..., Any], guard: str, instead: str) -> Callable[..., Any]:
    """Return `function` with `instead` in the place of `guard`, which its text has exactly once.

    Raises:
        LookupError: the guard is not there, or not unique.
    """
    text = textwrap.dedent(inspect.getsource(function))
    if text.count(guard) != 1:
        message = f"{function.__qualname__} has {text.count(guard)} times, not once: {guard!r}"
        raise LookupError(message)
    changed = f"from __future__ import annotations\n{text.replace(guard, instead)}"
    code = compile(changed, f"<{function.__qualname__} without a guard>", "exec")
    made: dict[str, Callable[..., Any]] = {}
    exec(code, function.__globals__, made)  # noqa: S102  # the product's own text
    return made[function.__name__]


def failing_seed(change: Callable[[World], None] | None = None, begin: int = 0) -> int | None:
    """Return the first seed from `begin` on that fails."""
    seeds = range(begin, begin + SEEDS_MAX)
    return next((seed for seed in seeds if run(seed, change).failures), None)


class Guard(NamedTuple):
    """A piece of the text of `function`, which `owners` hold, and what stands there instead.

    Where one seed in hundreds needs the guard, `begin` is from where on there is one.
    """

    owners: Sequence[Any]
    function: str
    text: str
    instead: str
    begin: int = 0


def take_away(monkeypatch: pytest.MonkeyPatch, guard: Guard) -> None:
    """Put the weakened function in the place of the right one, until the test ends."""
    for owner in guard.owners:
        weakened = mutated(getattr(owner, guard.function), guard.text, guard.instead)
        monkeypatch.setattr(owner, guard.function, weakened)

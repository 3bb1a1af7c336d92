"""The simulation reaches every line of the protocol, but for what asks for a person."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, TypeAlias

import pytest

from streams import batch, partition, protocol, takeover
from tests.simulation.run import run

SEEDS = 150
MODULES = (batch, partition, protocol, takeover)
# Calls for a person's help and poisoned rules: the world has none; tests/streams tests them.
SHARE_MAX = 0.1

Line: TypeAlias = tuple[str, int]
Tracer: TypeAlias = Callable[[FrameType, str, Any], Any]


def functions(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions within a module's code."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & inspect.CO_OPTIMIZED:
                yield inner
            yield from functions(inner)


def lines_of(module: ModuleType) -> set[Line]:
    """Return the lines of a module's functions that can run."""
    file = str(module.__file__)
    code = compile(Path(file).read_text(), file, "exec")
    return {
        (file, line)
        for function in functions(code)
        for _, _, line in function.co_lines()
        if line is not None and line > function.co_firstlineno
    }


def lines_run(work: Callable[[], None]) -> set[Line]:
    """Return the lines of the modules that `work` runs."""
    files = {module.__file__ for module in MODULES}
    seen: set[Line] = set()

    def within(frame: FrameType, _event: str, _argument: object) -> Tracer:
        seen.add((frame.f_code.co_filename, frame.f_lineno))
        return within

    def called(frame: FrameType, _event: str, _argument: object) -> Tracer | None:
        return within if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(called)
    try:
        work()
    finally:
        sys.settrace(before)
    return seen


def _run_seeds() -> None:
    for seed in range(SEEDS):
        assert not run(seed).failures


@pytest.mark.long
def test_nearly_every_line_is_reached() -> None:
    every = set[Line]().union(*map(lines_of, MODULES))
    missed = every - lines_run(_run_seeds)
    texts = [Path(file).read_text().splitlines()[line - 1].strip() for file, line in sorted(missed)]
    assert len(missed) < SHARE_MAX * len(every), "\n".join(texts)

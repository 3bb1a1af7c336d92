"""Which lines of the protocol a piece of work runs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, TypeAlias

from streams import batch, ingress, outbox, partition, protocol, takeover, ticker

MODULES = (batch, ingress, outbox, partition, protocol, takeover, ticker)

Line: TypeAlias = tuple[str, int]
Tracer: TypeAlias = Callable[[FrameType, str, Any], Any]


def lines_to_run() -> set[Line]:
    """Return the lines of the modules' functions that can run."""
    return set[Line]().union(*map(_lines_of, MODULES))


def lines_run(work: Callable[[], object]) -> set[Line]:
    """Return the lines of the modules that `work` runs. It takes several times as long."""
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


def texts(lines: set[Line]) -> list[str]:
    """Return lines as people read them: module, number and text."""
    return [
        f"{Path(file).stem}:{line}: {Path(file).read_text().splitlines()[line - 1].strip()}"
        for file, line in sorted(lines)
    ]


def _lines_of(module: ModuleType) -> set[Line]:
    file = str(module.__file__)
    code = compile(Path(file).read_text(), file, "exec")
    return {
        (file, line)
        for function in _functions(code)
        for _, _, line in function.co_lines()
        if line is not None and line > function.co_firstlineno
    }


def _functions(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions within a module's code."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & inspect.CO_OPTIMIZED:
                yield inner
            yield from _functions(inner)

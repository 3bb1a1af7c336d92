"""What `dev.py check` and `dev.py test` consist of: stages, each a program with a time limit."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from deploy.local.paths import ROOT

_PYTHON = sys.executable
_LINT_IMPORTS = "from importlinter.cli import lint_imports_command as run; run()"
_PYTEST = (_PYTHON, "-m", "pytest", "-q")
_LONG = ("-m", "(long or hypothesis) and not connected", "--hypothesis-profile", "long")
"""Also each law of the fast tests, on more draws."""
_STOP_S = 20.0
_LOOK_S = 0.5
"""How soon a signal is noticed that comes just before we wait: a wait without end never ends by it,
since Python acts on signals between steps of its main thread only.
"""
_PARALLEL = 2
"""Of the checks; the type checker and the tests take the time, and each keeps one core busy."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One program to run in the project's folder; it passes when it ends with status 0."""

    name: str
    command: tuple[str, ...]
    limit_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage went; `last_line` is the last that its program printed."""

    stage: Stage
    passed: bool
    seconds: float
    last_line: str


CHECKS = (
    Stage("types", (_PYTHON, "-m", "mypy"), 300),
    Stage("fast tests", (*_PYTEST, "-n", "auto", "-m", "not connected and not long"), 300),
    Stage("lint", (_PYTHON, "-m", "ruff", "check"), 60),
    Stage("format", (_PYTHON, "-m", "ruff", "format", "--check"), 60),
    Stage("architecture", (_PYTHON, "-c", _LINT_IMPORTS, "--no-logo"), 60),
)
"""Independent of each other; the long ones first, so that two at a time end together."""

TESTS = (
    Stage("simulation", (_PYTHON, "-m", "tests.simulation", "--seeds", "2000"), 600),
    Stage("long tests", (*_PYTEST, "-n", "auto", *_LONG), 600),
    Stage("connected tests", (*_PYTEST, "-m", "connected"), 900),
    Stage("demo", (_PYTHON, "-m", "deploy.demo", "--events", "20000", "--json"), 300),
    Stage("bench", (_PYTHON, "-m", "tests.bench", "--quick", "--json"), 480),
    Stage("faults", (_PYTHON, "-m", "tests.faults", "--quick", "--together", "--json"), 900),
)
"""One after the other: each wants the machine for itself."""


def run_checks() -> list[Outcome]:
    """Run the checks side by side; what a failed one printed is shown."""
    outcomes = []
    with ThreadPoolExecutor(_PARALLEL) as pool:
        runs = [pool.submit(_run, stage, show_live=False) for stage in CHECKS]
        for run in as_completed(runs):
            outcome, printed = run.result()
            if not outcome.passed:
                print(f"\n── {outcome.stage.name} failed ──\n{printed}", flush=True)
            print(_line(outcome), flush=True)
            outcomes.append(outcome)
    return outcomes


def run_tests() -> list[Outcome]:
    """Run the stages that need time and services, in order; a failure does not stop the next."""
    outcomes = []
    for stage in TESTS:
        print(f"\n── {stage.name} ──", flush=True)
        outcome, _ = _run(stage, show_live=True)
        print(_line(outcome), flush=True)
        outcomes.append(outcome)
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> str:
    """Every stage on a line, failures last, then how many passed and failed."""
    failed = sum(not outcome.passed for outcome in outcomes)
    lines = [_line(outcome) for outcome in sorted(outcomes, key=lambda outcome: not outcome.passed)]
    return "\n".join([*lines, f"stages: {len(outcomes) - failed} passed, {failed} failed"])


def _run(stage: Stage, *, show_live: bool) -> tuple[Outcome, str]:
    started_s = time.monotonic()
    printed: list[str] = []
    with _child(stage) as child:
        reader = threading.Thread(
            target=_read, args=(child, printed), kwargs={"show_live": show_live}, daemon=True
        )
        reader.start()
        while reader.is_alive():
            reader.join(_LOOK_S)
            if time.monotonic() - started_s > stage.limit_s:
                child.kill()
    seconds = time.monotonic() - started_s
    said = [line.strip() for line in printed if line.strip()]
    last_line = said[-1] if said else "printed nothing"
    if seconds > stage.limit_s:
        last_line = f"ended after its limit of {stage.limit_s:.0f} seconds"
    return Outcome(stage, child.returncode == 0, seconds, last_line), "".join(printed)


def _read(child: subprocess.Popen[str], printed: list[str], *, show_live: bool) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        printed.append(line)
        if show_live:
            print(line, end="", flush=True)


@contextmanager
def _child(stage: Stage) -> Iterator[subprocess.Popen[str]]:
    """The stage's program, stopped when we are.

    Ctrl-C reaches it directly, SIGTERM through us; either way it has time to stop its services.
    """
    with subprocess.Popen(
        stage.command,
        cwd=ROOT,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        try:
            yield child
            child.wait()
        except KeyboardInterrupt:
            _await_end(child)
            raise
        finally:
            if child.poll() is None:
                child.terminate()
                _await_end(child)
            child.kill()


def _await_end(child: subprocess.Popen[str]) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.wait(_STOP_S)


def _line(outcome: Outcome) -> str:
    mark = "✓" if outcome.passed else "✗"
    return f"{mark} {outcome.stage.name:<16} {outcome.seconds:6.1f} s  {outcome.last_line}"

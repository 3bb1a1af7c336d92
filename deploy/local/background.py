"""Services that stay: `dev.py up` starts them, `dev.py down` stops exactly those.

What runs is noted in a file with each process's id and start time. An id alone is not enough: the
system gives it to another program once ours has ended, and that one must not be stopped.
"""

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.kafka import Kafka
from deploy.local.locks import exclusive
from deploy.local.paths import LOCAL
from deploy.local.valkey import Valkey

_STATE_FILE = LOCAL / "up.json"
_DATA = LOCAL / "up"
_KAFKA_PORT, _VALKEY_PORT = 9092, 6379
_STOP_S = 15.0
_PROC = Path("/proc")
"""Linux keeps what it knows of a process here; other systems are asked through `ps`."""


@dataclass(frozen=True, slots=True)
class Running:
    """One process, told apart from later owners of its id by its start time."""

    name: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Background:
    """What `up` started: two addresses and the processes behind them."""

    kafka_bootstrap: str
    redis_url: str
    processes: tuple[Running, ...]


def up() -> Background:
    """Start Kafka and Valkey in the background, or find them running already.

    They take their usual ports where those are free, and keep their data from one `up` to the next.
    Raises MissingTool, SetupFailed or ServiceFailed, and then leaves nothing running.
    """
    with exclusive("up"):
        state = _read()
        if state is not None:
            if all(is_running(process) for process in state.processes):
                return state
            _stop_all(state)
        valkey = Valkey.start(_DATA / "valkey", port=_VALKEY_PORT, outlive_owner=True)
        try:
            kafka = Kafka.start(_DATA / "kafka", port=_KAFKA_PORT, outlive_owner=True)
        except BaseException:
            valkey.stop()
            raise
        named = [("Valkey", valkey.pid), *(("Kafka", pid) for pid in kafka.pids)]
        processes = tuple(Running(name, pid, started_at(pid) or "") for name, pid in named)
        state = Background(kafka.bootstrap, valkey.url, processes)
        _STATE_FILE.write_text(json.dumps(asdict(state), indent=1) + "\n")
        return state


def down() -> tuple[Running, ...]:
    """Stop what `up` started and still runs; returns what was stopped. Data stay."""
    with exclusive("up"):
        state = _read()
        return () if state is None else _stop_all(state)


def started_at(pid: int) -> str | None:
    """When the process started, in the system's own terms; None where there is none such."""
    if _PROC.is_dir():
        try:
            stat = (_PROC / str(pid) / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # After the program's name, in parentheses: field 3 is the state, field 22 the start time.
        state, *rest = stat.rpartition(")")[2].split()
        return None if state == "Z" else rest[18]
    asked = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or None


def is_running(process: Running) -> bool:
    """Whether this very process, not a later one with its id, still runs."""
    return started_at(process.pid) == process.started


def _read() -> Background | None:
    if not _STATE_FILE.exists():
        return None
    fields = json.loads(_STATE_FILE.read_text())
    processes = tuple(Running(**process) for process in fields.pop("processes"))
    return Background(processes=processes, **fields)


def _stop_all(state: Background) -> tuple[Running, ...]:
    running = tuple(process for process in state.processes if is_running(process))
    _signal(running, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_S
    while any(is_running(process) for process in running) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    _signal(running, signal.SIGKILL)
    _STATE_FILE.unlink(missing_ok=True)
    return running


def _signal(processes: tuple[Running, ...], number: signal.Signals) -> None:
    for process in processes:
        if is_running(process):
            os.kill(process.pid, number)

"""Worker processes under faults: started, killed and frozen; restarted where that is their due."""

from __future__ import annotations

import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import Process, free_port
from models.errors import TierstreamError
from streams.settings import Role
from tests.faults.steps import IngressStep, Step

_RESTARTED = frozenset({69, 70, 75})  # see `streams.app`
_LOG_TAIL_LINES = 15


class RunFailed(TierstreamError):
    """A run that cannot be judged; the message says what happened."""


@dataclass(slots=True)
class Worker:
    """A worker that starts again and again, always under the same name."""

    role: Role
    name: str
    variables: Mapping[str, str]
    folder: Path
    starts: int = 0
    restarts: int = 0  # those that the supervisor had to make
    is_wanted: bool = False
    _port: int = 0
    _process: Process | None = None

    def start(self) -> None:
        """Start it, to run until it is ended."""
        self._run("-m", "streams", "worker", self.role)
        self.is_wanted = True

    def start_doomed(self, step: Step | IngressStep, times: int) -> None:
        """Start it so that it dies right after doing `step` for the `times`-th time."""
        self._run("-m", "tests.faults.worker", step, str(times), f"{signal.SIGKILL:d}")
        self.is_wanted = False

    def start_freezing(self, step: Step, times: int, pid: int | None = None) -> None:
        """Start it so that it stands still after `step`; with `pid` so that this process does."""
        target = () if pid is None else (str(pid),)
        self._run("-m", "tests.faults.worker", step, str(times), f"{signal.SIGSTOP:d}", *target)
        self.is_wanted = True

    def start_skewed(self, seconds: int) -> None:
        """Start it with a clock that is wrong by so much."""
        self._run("-m", "tests.faults.skewed", self.role, str(seconds))
        self.is_wanted = True

    @property
    def is_alive(self) -> bool:
        """Whether its process runs; a frozen one does."""
        return self._process is not None and self._process.alive

    @property
    def was_killed(self) -> bool:
        """Whether its process was killed, and did not end by itself."""
        return self._process is not None and self._process.was_killed

    @property
    def is_frozen(self) -> bool:
        """Whether its process stands still."""
        return self._running().is_paused

    @property
    def pid(self) -> int:
        """Its process id; a restart changes it."""
        return self._running().pid

    @property
    def memory_bytes(self) -> int:
        """The memory that it has in use now."""
        return self._running().memory_bytes

    @property
    def is_ready(self) -> bool:
        """Whether it says that it processes all that it was assigned."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """Crash it (SIGKILL)."""
        self.is_wanted = False
        self._running().kill()

    def stop(self, within_s: float) -> None:
        """Tell it to stop (SIGTERM). Raises RunFailed where it does not, in time and in order."""
        self.is_wanted = False
        process = self._running()
        process.stop(within_s)
        if process._popen.returncode:
            raise RunFailed(f"{self.name} was told to stop and ended so:\n{self.tail()}")

    def freeze(self) -> None:
        """Let it stand still (SIGSTOP)."""
        self._running().pause()

    def thaw(self) -> None:
        """Let a frozen one go on (SIGCONT)."""
        self._running().resume()

    def supervise(self) -> None:
        """Start it again where it ended by itself with a status that is worth a restart.

        Raises RunFailed where it ended with another.
        """
        if not self.is_wanted or self.is_alive:
            return
        if self._running()._popen.returncode not in _RESTARTED:
            raise RunFailed(f"{self.name} ended by itself:\n{self.tail()}")
        self.start()
        self.restarts += 1

    def tail(self) -> str:
        """Return the end of what it logged since its last start."""
        lines = self._running().log_text().splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines)

    def _run(self, *arguments: str) -> None:
        self.starts += 1
        self._port = free_port()
        variables = {**self.variables, "TIERSTREAM_WEB_PORT": str(self._port)}
        self._process = Process.start(
            f"The worker {self.name}",
            [sys.executable, *arguments],
            log_path=self.folder / f"{self.name}-{self.starts}.log",
            variables=variables,
        )

    def _running(self) -> Process:
        assert self._process is not None, "the worker was never started"
        return self._process

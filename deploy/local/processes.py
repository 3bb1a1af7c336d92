"""Child processes with one owner: started, paused, killed and stopped by process id, never by name.

Why a launcher stands between us and the service: on Linux it asks the kernel to kill the service
when its owner dies (`PR_SET_PDEATHSIG`), then becomes the service by `exec`. So kill -9 of a test
run leaves nothing behind, and the process id that we hold is the service's own.

Why one thread starts them all: the kernel ties that request to the *thread* that forked. A service
started from a short-lived worker thread would be killed when the thread ends.

Why every service has a session of its own: Ctrl-C in a terminal goes to the whole foreground group,
and a broker must not begin to shut down before its owner decides so.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import FrameType

from deploy.local.errors import ServiceFailed

_LAUNCHER = """
import ctypes, os, signal, sys
owner = int(sys.argv[1])
if owner and sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != owner:
        sys.exit("the owner ended before its service began")
os.execv(sys.argv[2], sys.argv[2:])
"""

_PORT_FIRST, _PORT_LAST = 20_000, 32_000
"""Below the range that systems use for outgoing connections: a service that is killed and restarted
finds its port still free."""

_POLL_S = 0.02
_LOG_TAIL_LINES = 15
_PORT_TAKEN = "address already in use"  # so say Valkey and Java


class Process:
    """One running child process; its output goes to a log file.

    Not safe to share between threads without care: `restart` in its users replaces the object.
    """

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", log_path: Path) -> None:
        """Wrap a started process; use `start`."""
        self.name = name
        self.log_path = log_path
        self._popen = popen

    @classmethod
    def start(
        cls,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        outlive_owner: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> "Process":
        """Start `argv` (`argv[0]` an absolute path); stdout and stderr replace `log_path`.

        With `outlive_owner` the process goes on when this one ends (services of `dev.py up`).
        `variables` are added to the environment that it inherits.
        """
        owner_pid = 0 if outlive_owner else os.getpid()
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(owner_pid), *argv]
        environment = os.environ | (variables or {})

        def spawn() -> "subprocess.Popen[bytes]":
            with log_path.open("wb") as log:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )

        return cls(name, _spawner().submit(spawn).result(), log_path)

    @property
    def pid(self) -> int:
        """The service's own process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs (a paused process does)."""
        return self._popen.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether it was ended by SIGKILL, and not by itself."""
        return self._popen.poll() == -signal.SIGKILL

    @property
    def memory_bytes(self) -> int:
        """The memory that it has in use now.

        On Linux without pages of files: the system drops those and reads them again as it likes.
        """
        pages = Path("/proc", str(self.pid), "statm")
        if pages.exists():
            _, resident, of_files, *_ = map(int, pages.read_text().split())
            return (resident - of_files) * os.sysconf("SC_PAGE_SIZE")
        asked = ["/bin/ps", "-o", "rss=", "-p", str(self.pid)]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        return int(said) * 1024

    @property
    def is_paused(self) -> bool:
        """Whether it stands still, whoever stopped it."""
        if not self.alive:
            return False
        # Only asked for, not taken: it can be asked again, and the exit status stays for `wait`.
        asked = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, asked) is not None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would. Ending an ended process does nothing."""
        self._popen.kill()
        self._popen.wait()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End it in good order (SIGTERM); after `timeout_s` seconds kill it."""
        if self.alive:
            self._popen.terminate()
            self.resume()
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until `ready()`.

        Raises ServiceFailed with the end of the log when the process ends first, or when
        `timeout_s` seconds pass; in the second case the process still runs.
        """
        deadline_s = time.monotonic() + timeout_s
        while not ready():
            if not self.alive:
                raise self._failed(f"ended with status {self._popen.returncode} while starting")
            if time.monotonic() > deadline_s:
                raise self._failed(f"was not ready after {timeout_s:.0f} seconds")
            time.sleep(_POLL_S)

    def log_text(self) -> str:
        """Everything that it printed since its start."""
        return self.log_path.read_text(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            self._popen.send_signal(number)

    def _failed(self, what: str) -> ServiceFailed:
        tail = "\n".join(f"    {line}" for line in self.log_text().splitlines()[-_LOG_TAIL_LINES:])
        advice = "Is memory or the disk full?"
        if _PORT_TAKEN in tail.lower():
            advice = "Another program took its port meanwhile: run it again, to get a free one."
        return ServiceFailed(
            f"{self.name} {what}. The end of its log:\n{tail or '    (it printed nothing)'}",
            f"The whole log is in {self.log_path}. {advice}",
        )


@cache
def _spawner() -> ThreadPoolExecutor:
    """The one thread that starts processes; it lives as long as the interpreter."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")


_given: deque[int] = deque(maxlen=1_000)


def free_port(preferred: int | None = None) -> int:
    """A TCP port on 127.0.0.1 that nobody listens on: the preferred one where that is free.

    None is given twice within a while, since whoever it is for may not listen on it yet.
    """
    candidates = [] if preferred is None else [preferred]
    candidates += [_PORT_FIRST + secrets.randbelow(_PORT_LAST - _PORT_FIRST) for _ in range(200)]
    for port in candidates:
        if _is_free(port) and (port == preferred or port not in _given):
            _given.append(port)
            return port
    raise ServiceFailed(
        f"200 ports tried between {_PORT_FIRST} and {_PORT_LAST}, and all are in use.",
        "Close programs that listen on many ports, then run it again.",
    )


@contextlib.contextmanager
def orderly_exit() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that `with` blocks stop what they own.

    For the main thread of a program that owns services; Ctrl-C already raises. The exit status is
    128 + the signal's number, as a shell would report it.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still winding down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

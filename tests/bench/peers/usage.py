"""What a run uses: CPU time of its processes and of the services, and memory at its highest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.local.services import Services
from tests.bench.meter import machine_cpu_s, process_cpu_s

CLIENT, STORE, BROKER = "client", "valkey", "broker"
_HIGHEST = "VmHWM:"


class Usage(NamedTuple):
    """CPU seconds by part since the parts began, and MB that the clients took at most."""

    cpu_s: Mapping[str, float]
    bench_s: float
    machine_s: float
    rss_mb: float


class Watched:
    """The processes of one run."""

    def __init__(self, clients: Sequence[int], services: Services) -> None:
        """`clients`: process ids of the entrant."""
        self._parts = {
            CLIENT: list(clients),
            STORE: [] if services.valkey is None else [services.valkey.pid],
            BROKER: [] if services.kafka is None else list(services.kafka.pids),
        }
        self._cpu_s: dict[int, float] = {}
        self._rss_kb: dict[int, int] = {}

    def look(self) -> Usage:
        """Look now; of a process that has ended, what was last seen."""
        for pids in self._parts.values():
            for pid in pids:
                self._note(pid)
        return Usage(
            {
                part: sum(self._cpu_s.get(pid, 0.0) for pid in pids)
                for part, pids in self._parts.items()
            },
            process_cpu_s(os.getpid()),
            machine_cpu_s(),
            sum(self._rss_kb.get(pid, 0) for pid in self._parts[CLIENT]) / 1024,
        )

    def _note(self, pid: int) -> None:
        try:
            cpu_s = process_cpu_s(pid)
            status = (Path("/proc") / str(pid) / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return
        self._cpu_s[pid] = max(cpu_s, self._cpu_s.get(pid, 0.0))
        highest = next((line for line in status.splitlines() if line.startswith(_HIGHEST)), None)
        if highest is not None:  # a process that has ended and was not yet waited for has none
            self._rss_kb[pid] = int(highest.split()[1])

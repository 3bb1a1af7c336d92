"""A Kafka cluster of our own: one broker, or three, each broker also a controller (KRaft)."""

import base64
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.errors import SetupFailed
from deploy.local.jars import java_program, kafka_jars
from deploy.local.paths import ROOT
from deploy.local.processes import Process, free_port

_CONFIG = ROOT / "deploy" / "kafka"
_READY_S = 60.0
_STOP_S = 15.0
_UP = "Kafka Server started"
"""A broker logs this once it is registered and serves requests, not merely when its port opens."""


@dataclass(frozen=True, slots=True)
class Detour:
    """A second way to a broker: it listens at one port and tells clients to use another.

    Whoever asks for it forwards from the one to the other, and can disturb what passes.
    """

    listens_at: int
    advertises: int


@dataclass(frozen=True, slots=True)
class _Node:
    """One broker's identity and places."""

    number: int
    port: int
    controller_port: int
    folder: Path
    detour: Detour | None = None

    @property
    def properties_path(self) -> Path:
        return self.folder / "server.properties"

    @property
    def listeners(self) -> dict[str, int]:
        """Ports by the name of their listener."""
        detour = {} if self.detour is None else {"DETOUR": self.detour.listens_at}
        return {"PLAINTEXT": self.port, "CONTROLLER": self.controller_port, **detour}


class Kafka:
    """A running cluster on 127.0.0.1; `with Kafka.start(folder) as kafka: ...`.

    Brokers are counted from 0 in every method.
    """

    def __init__(self, nodes: Sequence[_Node], *, outlive_owner: bool) -> None:
        """Launch the brokers of formatted folders; use `start`."""
        self._nodes = tuple(nodes)
        self._outlive_owner = outlive_owner
        self._processes = [self._launch(node) for node in nodes]
        self._wait_ready(self._processes)

    @classmethod
    def start(
        cls,
        data_dir: Path,
        brokers: int = 1,
        *,
        port: int | None = None,
        outlive_owner: bool = False,
        with_detours: bool = False,
        broker_config: Mapping[str, str] | None = None,
    ) -> Self:
        """Format `data_dir` where it is new, start the brokers and wait until all serve.

        Replication factors are 1 with one broker, and 3 with two in-sync replicas with three.
        `port` is wished for the first broker; where it is taken, a free one is used. With detours
        each broker has a second way to it, see `detours`. `broker_config` is added to what the
        brokers have of their own. Raises MissingTool (no Java, no Maven), SetupFailed or
        ServiceFailed.
        """
        if brokers not in {1, 3}:
            raise ValueError(f"a local cluster has 1 or 3 brokers, not {brokers}")
        nodes = [
            _Node(
                number=index + 1,
                port=free_port(port if index == 0 else None),
                controller_port=free_port(),
                folder=data_dir.resolve() / f"broker-{index + 1}",
                detour=Detour(free_port(), free_port()) if with_detours else None,
            )
            for index in range(brokers)
        ]
        _prepare(nodes, broker_config or {})
        return cls(nodes, outlive_owner=outlive_owner)

    @property
    def bootstrap(self) -> str:
        """Addresses for clients, and for TIERSTREAM_KAFKA_BOOTSTRAP."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self._nodes)

    @property
    def detours(self) -> tuple[Detour, ...]:
        """The second way to each broker, where they were asked for."""
        return tuple(node.detour for node in self._nodes if node.detour is not None)

    @property
    def brokers(self) -> range:
        """The numbers of all brokers."""
        return range(len(self._nodes))

    @property
    def pids(self) -> tuple[int, ...]:
        """The brokers' process ids; a restart changes one."""
        return tuple(process.pid for process in self._processes)

    def kill(self, broker: int = 0) -> None:
        """Crash a broker (SIGKILL)."""
        self._processes[broker].kill()

    def restart(self, *brokers: int) -> None:
        """Start brokers again (the first, if none is named) on the same ports and data.

        Those that still run are stopped first. Several are started together: a quorum that was lost
        comes back only with the second of three.
        """
        numbers = brokers or (0,)
        for number in numbers:
            self._processes[number].stop(_STOP_S)
            self._processes[number] = self._launch(self._nodes[number])
        self._wait_ready([self._processes[number] for number in numbers])

    def mend(self) -> None:
        """Let paused brokers go on, and start dead ones again."""
        for process in self._processes:
            process.resume()
        if dead := [number for number in self.brokers if not self._processes[number].alive]:
            self.restart(*dead)

    def pause(self, broker: int = 0) -> None:
        """Freeze a broker (SIGSTOP): connections stay open, nothing answers."""
        self._processes[broker].pause()

    def is_paused(self, broker: int = 0) -> bool:
        """Whether a broker stands still, whoever stopped it."""
        return self._processes[broker].is_paused

    def resume(self, broker: int = 0) -> None:
        """Let a paused broker go on (SIGCONT)."""
        self._processes[broker].resume()

    def stop(self) -> None:
        """Stop all brokers.

        A lone broker is shut down in good order. Of several, the last would wait in vain for a
        quorum to hand over to, so they are killed; the log recovers from that at its next start.
        """
        for process in self._processes:
            if len(self._processes) == 1:
                process.stop(_STOP_S)
            else:
                process.kill()

    def __enter__(self) -> Self:
        """The cluster itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all brokers, whatever happened."""
        self.stop()

    def _launch(self, node: _Node) -> Process:
        heap_mb = 1024 if len(self._nodes) == 1 else 512
        command = _java(
            # As Kafka's own start script has it, but for the second compiler: on few processors it
            # takes more time from everybody in a local broker's life than it gives back.
            *(f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={_CONFIG / 'log4j2.properties'}",
            "kafka.Kafka",
            str(node.properties_path),
        )
        return Process.start(
            f"Kafka broker {node.number}",
            command,
            log_path=node.folder / "broker.log",
            outlive_owner=self._outlive_owner,
        )

    def _wait_ready(self, started: Sequence[Process]) -> None:
        try:
            for process in started:
                process.wait_until(partial(_serves, process), timeout_s=_READY_S)
        except BaseException:
            for process in self._processes:
                process.kill()
            raise


def _serves(process: Process) -> bool:
    return _UP in process.log_text()


def _prepare(nodes: Sequence[_Node], more: Mapping[str, str]) -> None:
    """Write each node's properties and format folders that hold no log yet."""
    cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    base = (_CONFIG / "server.properties").read_text()
    base += "".join(f"{name}={value}\n" for name, value in more.items())
    for node in nodes:
        node.folder.mkdir(parents=True, exist_ok=True)
        node.properties_path.write_text(base + _node_properties(node, nodes))
        if (node.folder / "log" / "meta.properties").exists():
            continue
        command = _java(
            f"-Dlog4j2.configurationFile={_CONFIG / 'log4j2.properties'}",
            *("kafka.tools.StorageTool", "format"),
            f"--cluster-id={cluster_id}",  # a random id may begin with a dash
            *("--config", str(node.properties_path)),
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetupFailed(
                f"Kafka's folder {node.folder} could not be formatted:\n{done.stdout}{done.stderr}",
                "Is the disk full, or the folder not writable? Then delete it and run it again.",
            )


def _node_properties(node: _Node, nodes: Sequence[_Node]) -> str:
    voters = ",".join(f"{each.number}@127.0.0.1:{each.controller_port}" for each in nodes)
    replicas = len(nodes)
    in_sync_min = 2 if replicas > 1 else 1
    listens = [f"{name}://127.0.0.1:{port}" for name, port in node.listeners.items()]
    advertises = [f"PLAINTEXT://127.0.0.1:{node.port}"]
    if node.detour is not None:
        advertises.append(f"DETOUR://127.0.0.1:{node.detour.advertises}")
    return f"""
node.id={node.number}
listeners={",".join(listens)}
listener.security.protocol.map={",".join(f"{name}:PLAINTEXT" for name in node.listeners)}
advertised.listeners={",".join(advertises)}
controller.quorum.voters={voters}
log.dirs={node.folder / "log"}
default.replication.factor={replicas}
min.insync.replicas={in_sync_min}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync_min}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync_min}
"""


def _java(*arguments: str) -> list[str]:
    return [str(java_program()), "-cp", f"{kafka_jars()}/*", *arguments]

"""The job on Bytewax, at least once: states in memory, with snapshots for recovery.

It ends with its input.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]  # lives in its own venv
from bytewax.connectors.kafka import KafkaSinkMessage  # type: ignore[import-not-found]
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.run import cli_main  # type: ignore[import-not-found]

from tests.bench.peers import job

_SNAPSHOT = timedelta(seconds=10)  # as its documentation has it


def step(state: job.State | None, message: Any) -> tuple[job.State, job.Change | None]:  # noqa: ANN401  # the library has no types here
    """Take an event into the customer's state."""
    kept = state or job.new()
    return kept, job.update(kept, message.key.decode(), json.loads(message.value))


def record(keyed: tuple[str, job.Change]) -> Any:  # noqa: ANN401  # the library has no types here
    """Return the record that publishes a change."""
    return KafkaSinkMessage(keyed[0].encode(), json.dumps(keyed[1]).encode())


def dataflow() -> Any:  # noqa: ANN401  # the library has no types here
    """Return the flow from the events to the changes."""
    flow = Dataflow("tiering")
    brokers, source = [os.environ["PEER_BOOTSTRAP"]], os.environ["PEER_INPUT"]
    read = kafka.input("in", flow, brokers=brokers, topics=[source], tail=False)
    keyed = op.key_on("key", read.oks, lambda message: message.key.decode())
    stepped = op.stateful_map("tiering", keyed, step)
    changes = op.filter("changes", stepped, lambda keyed: keyed[1] is not None)
    records = op.map("records", changes, record)
    kafka.output("out", records, brokers=brokers, topic=os.environ["PEER_OUTPUT"])
    return flow


def main() -> None:
    """Run to the end of the input."""
    snapshots = Path(os.environ["PEER_FOLDER"])
    init_db_dir(snapshots, 1)
    cli_main(
        dataflow(),
        epoch_interval=_SNAPSHOT,
        recovery_config=RecoveryConfig(snapshots),
    )


if __name__ == "__main__":
    main()

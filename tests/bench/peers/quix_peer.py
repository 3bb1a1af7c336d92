"""The job on Quix Streams, exactly once: states in its RocksDB store with a changelog."""

from __future__ import annotations

import os
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # lives in its own venv

from tests.bench.peers import job

_COMMIT_S = 1.0  # what is done becomes visible then; its default of 5 s is no faster

app = Application(
    broker_address=os.environ["PEER_BOOTSTRAP"],
    consumer_group=os.environ["PEER_GROUP"],
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=_COMMIT_S,
    state_dir=os.environ["PEER_FOLDER"],
    loglevel="WARNING",
)


def step(event: dict[str, Any], key: str, _timestamp: int, _headers: object, state: Any) -> Any:  # noqa: ANN401  # the library has no types here
    """Take an event into the customer's state."""
    kept = state.get("customer") or job.new()
    change = job.update(kept, key, event)
    state.set("customer", kept)
    return change


def main() -> None:
    """Run until SIGTERM."""
    source = app.topic(os.environ["PEER_INPUT"], key_deserializer="str", value_deserializer="json")
    output = app.topic(os.environ["PEER_OUTPUT"], key_serializer="str", value_serializer="json")
    changes = app.dataframe(source).apply(step, stateful=True, metadata=True)
    changes.filter(lambda change: change is not None).to_topic(output)
    app.run()


if __name__ == "__main__":
    main()

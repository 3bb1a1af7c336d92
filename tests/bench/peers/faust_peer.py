"""The job on Faust as its guide has it, at least once: an agent and a table with a changelog."""

from __future__ import annotations

import os
from typing import Any

import faust

from tests.bench.peers import job

_PARTITIONS = 4

app = faust.App(
    os.environ["PEER_GROUP"],
    broker=f"kafka://{os.environ['PEER_BOOTSTRAP']}",
    store="memory://",
    datadir=os.environ["PEER_FOLDER"],
    topic_partitions=_PARTITIONS,
    web_enabled=False,
)
source = app.topic(os.environ["PEER_INPUT"], key_type=str, value_serializer="json")
output = app.topic(os.environ["PEER_OUTPUT"], key_type=str, value_serializer="json")
states = app.Table("states", default=job.new, partitions=_PARTITIONS)


@app.agent(source)
async def tiering(stream: Any) -> None:  # noqa: ANN401  # the library has no types
    """Take events into the customers' states."""
    async for customer, event in stream.items():
        state = states[customer]
        change = job.update(state, customer, event)
        states[customer] = state
        if change is not None:
            await output.send(key=customer, value=change)


if __name__ == "__main__":
    app.main()

"""The job as a loop that one would write first: a consumer, a state in Redis, a producer.

At least once at best: a crash between its three writes loses or repeats something.
"""

from __future__ import annotations

import asyncio
import json
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis

from tests.bench.peers import job


async def main() -> None:
    """Run until SIGTERM."""
    bootstrap, group = os.environ["PEER_BOOTSTRAP"], os.environ["PEER_GROUP"]
    store = Redis.from_url(os.environ["PEER_REDIS"])
    consumer = AIOKafkaConsumer(
        os.environ["PEER_INPUT"],
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    async with store, consumer, producer:
        async for message in consumer:
            name = f"{group}:{message.key.decode()}"
            found = await store.get(name)
            state: job.State = job.new() if found is None else json.loads(found)
            change = job.update(state, message.key.decode(), json.loads(message.value))
            await store.set(name, json.dumps(state))
            if change is not None:
                value = json.dumps(change).encode()
                await producer.send_and_wait(os.environ["PEER_OUTPUT"], value, key=message.key)


if __name__ == "__main__":
    asyncio.run(main())

"""What brokers are asked about topics: their shapes and configurations, and that all know them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from streams.errors import Unavailable
from streams.settings import Settings

_KNOWN_S_MAX = 30.0  # until the brokers know what was made: they make the folders first
_KNOWN_POLL_S = 0.1


class Shape(NamedTuple):
    """How many partitions a topic has, and how many replicas of each."""

    partitions: int
    replicas: int


async def shapes_of(admin: AIOKafkaAdminClient) -> dict[str, Shape]:
    """Return the shapes of all topics: asking for one by name could make it."""
    return {
        each["topic"]: Shape(
            len(each["partitions"]),
            min((len(p["replicas"]) for p in each["partitions"]), default=0),
        )
        for each in await admin.describe_topics()
    }


async def known(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until every broker tells of topics that were made just now: who asks next asks any."""
    try:
        async with asyncio.timeout(_KNOWN_S_MAX):
            for broker in (await admin.describe_cluster())["brokers"]:
                while not names <= await _names(admin, broker["node_id"]):  # noqa: ASYNC110  others
                    await asyncio.sleep(_KNOWN_POLL_S)
    except TimeoutError as error:
        raise Unavailable(
            f"topics were made, but the brokers do not tell of them after {_KNOWN_S_MAX:g} s. "
            "Look again with `tierstream topics check`"
        ) from error


async def _names(admin: AIOKafkaAdminClient, broker: int) -> set[str]:
    """Return the names of all topics that one broker knows."""
    response = await admin._send_request_to_node(broker, MetadataRequest(None))  # noqa: SLF001
    return {each["topic"] for each in response.to_object()["topics"]}


async def configs_of(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the whole configuration of each topic, its cluster's defaults included."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for _, _, _, name, entries in response.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


@asynccontextmanager
async def administrator(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect; every failure becomes Unavailable with what to do."""
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        kafka = settings.kafka
        protocol = f"TIERSTREAM_KAFKA_SECURITY_PROTOCOL={kafka.security_protocol}"
        is_secured = kafka.model_fields_set - {"bootstrap", "request_timeout_s"}
        secured = f"; {protocol} must be what it speaks there" if is_secured else ""
        raise Unavailable(
            f"Kafka at {settings.kafka.bootstrap} does not answer ({error}). Start it (`python3 "
            f"deploy/dev.py up`), or point TIERSTREAM_KAFKA_BOOTSTRAP at yours{secured}"
        ) from error
    finally:
        await admin.close()

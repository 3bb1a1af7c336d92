"""The two services that a program needs: those that the user names, or our own for its duration."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.local.kafka import Kafka
from deploy.local.scratch import scratch_folder
from deploy.local.valkey import Valkey

KAFKA_VARIABLE = "TIERSTREAM_KAFKA_BOOTSTRAP"
REDIS_VARIABLE = "TIERSTREAM_REDIS_URL"


@dataclass(frozen=True, slots=True)
class Services:
    """Addresses, and the handles of what we own ourselves (None for the user's own)."""

    kafka_bootstrap: str
    redis_url: str
    kafka: Kafka | None
    valkey: Valkey | None

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that point a Tierstream program at these services."""
        return {KAFKA_VARIABLE: self.kafka_bootstrap, REDIS_VARIABLE: self.redis_url}


def started() -> list[str]:
    """Name the services that `local_services` starts, since the user names none of their own."""
    ours = {"Kafka": KAFKA_VARIABLE, "Valkey": REDIS_VARIABLE}
    return [name for name, variable in ours.items() if not os.environ.get(variable)]


@contextlib.contextmanager
def local_services(name: str) -> Iterator[Services]:
    """Services for the block: the user's, as the two environment variables say, or new ones.

    New ones are empty, on free ports, with a data folder called after `name`, and end with the
    block. Each variable counts for itself: with only one set, the other service is ours. Raises
    MissingTool, SetupFailed or ServiceFailed.
    """
    with contextlib.ExitStack() as owned:
        folder = owned.enter_context(scratch_folder(name))
        valkey: Valkey | None = None
        kafka: Kafka | None = None
        if not (redis_url := os.environ.get(REDIS_VARIABLE)):
            valkey = owned.enter_context(Valkey.start(folder / "valkey"))
            redis_url = valkey.url
        if not (bootstrap := os.environ.get(KAFKA_VARIABLE)):
            kafka = owned.enter_context(Kafka.start(folder / "kafka"))
            bootstrap = kafka.bootstrap
        yield Services(bootstrap, redis_url, kafka, valkey)

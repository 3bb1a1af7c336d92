"""What stands between the workers and their services: one cable a broker, and one to the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.local.kafka import Kafka
from deploy.local.valkey import Valkey
from tests.faults.proxy import Cable, Cables


@dataclass(frozen=True, slots=True)
class Wiring:
    """The cables; `ours` is the run's own way to the store, which only a failover moves."""

    cables: Cables
    brokers: tuple[Cable, ...]
    store: Cable
    ours: Cable

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of a worker that reaches its services over the cables."""
        bootstrap = ",".join(f"127.0.0.1:{cable.port}" for cable in self.brokers)
        return {
            "TIERSTREAM_KAFKA_BOOTSTRAP": bootstrap,
            "TIERSTREAM_REDIS_URL": _url(self.store),
        }

    @property
    def store_url(self) -> str:
        """Where we reach the store."""
        return _url(self.ours)

    def fail_over(self, port: int) -> None:
        """Lead everybody to the store that listens at `port`."""
        self.store.lead_to(port)
        self.ours.lead_to(port)

    def mend(self) -> None:
        """Let everything through."""
        for cable in (*self.brokers, self.store, self.ours):
            cable.mend()


@contextmanager
def wiring(kafka: Kafka, valkey: Valkey) -> Iterator[Wiring]:
    """Lay the cables for the block. The brokers must have been started with detours."""
    with Cables() as cables:
        brokers = tuple(cables.lay(each.listens_at, each.advertises) for each in kafka.detours)
        yield Wiring(cables, brokers, cables.lay(valkey.port), cables.lay(valkey.port))


def _url(cable: Cable) -> str:
    return f"redis://127.0.0.1:{cable.port}/0"

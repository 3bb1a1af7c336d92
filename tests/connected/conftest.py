"""Real services for connected tests: one Kafka and one Valkey for the whole run.

Tests share them, so each works under a prefix of its own. A test that kills, freezes or wipes a
service starts its own with `deploy.local` instead.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.scratch import scratch_folder
from deploy.local.valkey import Valkey

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder is a connected test."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker("connected")


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    """A data folder for the run."""
    with scratch_folder("tests") as folder:
        yield folder


@pytest.fixture(scope="session")
def kafka(services_folder: Path) -> Iterator[str]:
    """Bootstrap address of a broker that all tests share."""
    with Kafka.start(services_folder / "kafka") as cluster:
        yield cluster.bootstrap


@pytest.fixture(scope="session")
def valkey(services_folder: Path) -> Iterator[str]:
    """URL of a Valkey server that all tests share; it does not persist."""
    with Valkey.start(services_folder / "valkey", persist=False) as server:
        yield server.url


@pytest.fixture
def app_name() -> str:
    """A name that no other test uses: prefix of topics, keys, groups and transactional ids."""
    return f"test-{secrets.token_hex(4)}"

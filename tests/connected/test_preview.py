"""A preview on a running deployment, held against what the activation then publishes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.calendar import rfc3339
from rules import catalog
from streams.settings import Role
from streams.topics import OUTPUTS
from tests.faults.judge import collected
from tests.faults.run import Ground, ground
from tests.faults.scene import Load, Scene, scene
from tests.rules.driving import book

ROOT = Path(__file__).parents[2]
VERSION = 7
EVENTS_PER_S = 800.0
LOAD_S = 4.0


@pytest.fixture(scope="module")
def own() -> Iterator[Ground]:
    with ground("preview") as made:
        yield made


@pytest.fixture
async def shop(own: Ground) -> AsyncIterator[Scene]:
    """A deployment at rest, whose customers are concluded under a first rulebook."""
    load = Load(seed=12, events_per_s=EVENTS_PER_S, poison_share=0)
    async with scene(own.kafka, own.valkey, own.folder, load, print) as made:
        await made.activate(1)
        for role in Role:
            made.worker(role, f"{role}-1").start()
        feeding = asyncio.create_task(made.feeder.run(load.events_per_s))
        await made.resume()
        await asyncio.sleep(LOAD_S)
        feeding.cancel()
        await asyncio.wait([feeding])
        await made.settle()
        yield made
        await made.stop_workers()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A rulebook that asks for more than the one in force."""
    text = catalog.text("retail").replace("version: 1", f"version: {VERSION}", 1)
    text = text.replace("{value: 750,  unit: GBP", "{value: 1900, unit: GBP", 1)
    text = text.replace("{value: 600,  unit: GBP", "{value: 1500, unit: GBP", 1)
    found = tmp_path / "harder.yaml"
    found.write_text(text, encoding="utf-8")
    return found


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A rulebook that does not know all the tiers in force."""
    found = tmp_path / "other.yaml"
    found.write_text(book().replace("EUR", "GBP"), encoding="utf-8")
    return found


async def test_a_preview_comes_true_and_the_past_stays_explained(
    shop: Scene, file: Path, other: Path
) -> None:
    foretold = json.loads(await asked(shop, "rules", "preview", str(file), "--untested", "--json"))
    moves = [cell for cell in foretold["matrices"]["tier"] if cell["from"] != cell["to"]]
    who = max(moves, key=lambda cell: int(cell["customers"]))["sample"][0]
    before = await asked(shop, "explain", who)
    (now, *_) = {position.now for position in await shop.positions() if position is not None}
    assert not await published(shop)

    await asked(
        shop, "rules", "activate", str(file), "--untested", "--reason", "too many are silver"
    )
    await shop.settle()

    assert await published(shop) == {
        topic: count for topic, count in foretold["outputs"].items() if topic in OUTPUTS
    }
    past = await asked(shop, "rules", "history")
    assert f"rulebook retail {VERSION}" in past
    assert "too many are silver" in past
    assert now is not None
    then = await asked(shop, "explain", who, "--at", rfc3339(now - 1))
    assert tiers(then) == tiers(before)
    assert then.startswith(f"{who} at {rfc3339(now - 1)}: ")
    behind = await asked(shop, "explain", who, "--events")
    assert re.search(r"Z purchase \S+, GBP \d", behind)

    refused = await run(shop, "rules", "activate", str(other))
    assert refused.returncode == 1
    assert "the tier `platinum`" in refused.stderr
    assert "Traceback" not in refused.stderr


def tiers(explained: str) -> list[str]:
    """Return the lines that say which tiers are reached, held or neither."""
    lines = (line.strip("├└─│ ") for line in explained.splitlines())
    return [line for line in lines if line.startswith("tier ")]


async def published(shop: Scene) -> dict[str, int]:
    """Return how many outputs were concluded with the new rulebook, by topic."""
    remains = await collected(shop.reached)
    found = Counter(
        topic
        for topic in OUTPUTS
        for _, record in remains.topic(topic)
        if _rulebook(record.value)["version"] == VERSION
    )
    return dict(found)


def _rulebook(value: bytes | None) -> dict[str, Any]:
    rulebook: dict[str, Any] = json.loads(value or b"")["rulebook"]
    return rulebook


async def asked(shop: Scene, *arguments: str) -> str:
    """Run a command; return what it says. It has to end well."""
    done = await run(shop, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def run(shop: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "streams", *arguments],
        env={**os.environ, **shop.variables, "COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

"""The README's "Running it" and its two programs, run as they are written.

Only the broker's address is put in, and ports that are free.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.processes import Process, free_port
from deploy.local.services import KAFKA_VARIABLE, REDIS_VARIABLE
from deploy.local.valkey import Valkey
from tests.test_readme import README

_COMMAND = [sys.executable, "-m", "streams"]
_WAIT_S = 60


def _program(heading: str) -> str:
    """Return the Python program that follows a line of the README."""
    text = README.read_text(encoding="utf-8")
    return text.partition(f"{heading}\n")[2].partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty Kafka; the two variables of `dev.py up` name it and a Valkey."""
    with (
        Valkey.start(tmp_path / "valkey", persist=False) as valkey,
        Kafka.start(tmp_path / "kafka") as kafka,
    ):
        monkeypatch.setenv(KAFKA_VARIABLE, kafka.bootstrap)
        monkeypatch.setenv(REDIS_VARIABLE, valkey.url)
        yield kafka.bootstrap


@pytest.mark.timeout(180)
def test_a_newcomer_sees_the_first_tier(
    bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = README.read_text(encoding="utf-8").partition("## Running it\n")[2]
    commands = re.findall(r"bin/tierstream ([^#&\n]+)", block.partition("```sh")[2].split("```")[0])
    assert [c.split()[0] for c in commands[:4]] == ["topics", "rules", "worker", "worker"]
    for command in commands[:2]:
        _run([*_COMMAND, *command.split()])
    with ExitStack() as owned:
        for command in commands[2:4]:
            role = command.split()[1]
            monkeypatch.setenv("TIERSTREAM_WEB_PORT", str(free_port()))
            log_path = tmp_path / f"{role}.log"
            worker = Process.start(role, [*_COMMAND, *command.split()], log_path=log_path)
            owned.callback(worker.stop)
        produce = _program("Produce (any language, any partitioner):")
        consume = _program("Consume:")
        assert "127.0.0.1:9092" in produce
        assert "127.0.0.1:9092" in consume
        _run([sys.executable, "-c", produce.replace("127.0.0.1:9092", bootstrap)])
        with subprocess.Popen(
            [sys.executable, "-u", "-c", consume.replace("127.0.0.1:9092", bootstrap)],
            stdout=subprocess.PIPE,
            text=True,
        ) as consumer:
            try:
                assert consumer.stdout is not None
                assert consumer.stdout.readline().strip() == "C-7 None -> standard joined"
            finally:
                consumer.kill()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

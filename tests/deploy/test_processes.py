"""Owned processes: started, paused, ended; and what is left to others."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import cycle
from pathlib import Path

import pytest

from deploy.local import background, scratch
from deploy.local.background import Background, Running, started_at
from deploy.local.errors import ServiceFailed
from deploy.local.processes import Process, free_port, orderly_exit

SLEEP = shutil.which("sleep") or "/bin/sleep"
SHELL = "/bin/sh"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """A process that does nothing for a minute."""
    process = Process.start("sleeper", [SLEEP, "60"], log_path=tmp_path / "log")
    yield process
    process.kill()


def test_variables_are_added_to_what_it_inherits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERSTREAM_INHERITED", "from us")
    shell = Process.start(
        "shell",
        [SHELL, "-c", "echo $TIERSTREAM_INHERITED, $TIERSTREAM_OWN"],
        log_path=tmp_path / "log",
        variables={"TIERSTREAM_OWN": "its own"},
    )
    shell.wait_until(lambda: "\n" in shell.log_text(), timeout_s=5)
    shell.stop()
    assert shell.log_text() == "from us, its own\n"


def test_it_is_the_service_itself_that_is_owned(sleeper: Process, tmp_path: Path) -> None:
    shell = Process.start("shell", [SHELL, "-c", "echo $$"], log_path=tmp_path / "shell.log")
    shell.wait_until(lambda: "\n" in shell.log_text(), timeout_s=5)
    shell.stop()
    assert int(shell.log_text()) == shell.pid
    assert sleeper.alive


def test_stop_and_kill_end_it_and_may_be_said_twice(sleeper: Process) -> None:
    sleeper.stop()
    assert not sleeper.alive
    sleeper.stop()
    sleeper.kill()


def test_a_paused_one_can_be_stopped(sleeper: Process) -> None:
    sleeper.pause()
    assert sleeper.alive
    sleeper.stop(timeout_s=5)
    assert not sleeper.alive


def test_whoever_paused_it_it_is_known_to_stand_still(sleeper: Process) -> None:
    os.kill(sleeper.pid, signal.SIGSTOP)
    for _ in range(2):  # it can be asked again
        sleeper.wait_until(lambda: sleeper.is_paused, timeout_s=5)
    sleeper.resume()
    sleeper.wait_until(lambda: not sleeper.is_paused, timeout_s=5)
    sleeper.kill()
    assert not sleeper.is_paused


def test_its_memory_is_that_of_the_service(tmp_path: Path) -> None:
    program = "held = b'x' * 50_000_000; print('holding', flush=True); import time; time.sleep(60)"
    process = Process.start("big", [sys.executable, "-c", program], log_path=tmp_path / "log")
    process.wait_until(lambda: "holding" in process.log_text(), timeout_s=10)
    assert 50_000_000 < process.memory_bytes < 150_000_000
    process.kill()


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo deaf; while :; do :; done"
    deaf = Process.start("deaf", [SHELL, "-c", script], log_path=tmp_path / "log")
    deaf.wait_until(lambda: "deaf" in deaf.log_text(), timeout_s=5)
    deaf.stop(timeout_s=0.1)
    assert not deaf.alive


def test_one_that_ends_while_starting_is_reported_with_its_log(tmp_path: Path) -> None:
    script = "echo 'port 1 is taken' >&2; exit 3"
    process = Process.start("broker", [SHELL, "-c", script], log_path=tmp_path / "log")
    with pytest.raises(ServiceFailed, match=r"(?s)broker ended with status 3.*port 1 is taken"):
        process.wait_until(lambda: False, timeout_s=5)


def test_a_port_that_was_lost_is_not_blamed_on_memory(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = f"import socket; socket.create_server({server.getsockname()})"
        argv = [sys.executable, "-c", program]
        process = Process.start("broker", argv, log_path=tmp_path / "log")
        with pytest.raises(ServiceFailed, match=r"took its port.*run it again") as caught:
            process.wait_until(lambda: False, timeout_s=10)
    assert "memory" not in caught.value.advice


def test_one_that_is_never_ready_is_reported(sleeper: Process) -> None:
    with pytest.raises(ServiceFailed, match=r"(?s)not ready after 0 seconds.*printed nothing"):
        sleeper.wait_until(lambda: False, timeout_s=0)


def test_a_taken_port_is_not_offered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(preferred=taken) != taken
    assert free_port(preferred=taken) == taken


def test_a_port_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three brokers draw a dozen before the first of them listens."""
    draws = cycle((5, 7, 9, 11))
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(draws))
    assert free_port() != free_port()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_through_with_blocks(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as left, orderly_exit():
        signal.raise_signal(number)
    assert left.value.code == 128 + number
    assert signal.getsignal(number) == before


@pytest.fixture
def state_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of running services apart from the developer's own."""
    monkeypatch.setattr(background, "_STATE_FILE", tmp_path / "up.json")
    return tmp_path / "up.json"


def note(state_file: Path, process: Running) -> None:
    state_file.write_text(json.dumps(asdict(Background("kafka", "redis", (process,)))))


def test_down_stops_what_up_started(state_file: Path, sleeper: Process) -> None:
    noted = Running("Valkey", sleeper.pid, started_at(sleeper.pid) or "")
    note(state_file, noted)
    assert background.down() == (noted,)
    assert not sleeper.alive
    assert not state_file.exists()
    assert background.down() == ()


def test_down_spares_a_process_that_got_the_id_later(state_file: Path, sleeper: Process) -> None:
    note(state_file, Running("Valkey", sleeper.pid, "before that"))
    assert background.down() == ()
    assert sleeper.alive


def test_an_ended_process_has_no_start_time() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert started_at(ended.pid) is None
    assert started_at(os.getpid()) == started_at(os.getpid()) is not None


def test_folders_of_dead_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LOCAL", tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    dead = tmp_path / "runs" / f"bench-{ended.pid}-abc"
    dead.mkdir(parents=True)
    with scratch.scratch_folder("tests") as first, scratch.scratch_folder("tests") as second:
        assert not dead.exists()
        assert first != second
        assert first.is_dir()
    assert not list((tmp_path / "runs").iterdir())

"""Stages of `check` and `test`: each is judged by its exit status, within its limit."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import stages
from deploy.local.paths import ROOT
from deploy.local.stages import Stage


def stage(name: str, program: str, limit_s: float = 30) -> Stage:
    return Stage(name, (sys.executable, "-c", program), limit_s)


GOOD = stage("good", "print('3 passed in 0.1s')")
BAD = stage("bad", "print('it broke'); raise SystemExit(1)")
SLOW = stage("slow", "import time; print('begun', flush=True); time.sleep(30)", limit_s=0.5)
MUTE = stage("mute", "")


def test_checks_show_the_output_of_what_failed_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stages, "CHECKS", (GOOD, BAD, MUTE))
    outcomes = stages.run_checks()
    assert {o.stage.name: o.passed for o in outcomes} == {"good": True, "bad": False, "mute": True}
    printed = capsys.readouterr().out
    assert "── bad failed ──\nit broke" in printed
    assert "good failed" not in printed


def test_a_failed_stage_does_not_stop_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stages, "TESTS", (BAD, SLOW, GOOD))
    bad, slow, good = stages.run_tests()
    assert (bad.passed, slow.passed, good.passed) == (False, False, True)
    assert "limit" in slow.last_line
    assert slow.seconds < 10
    assert good.last_line == "3 passed in 0.1s"
    assert "3 passed in 0.1s" in capsys.readouterr().out


def test_the_summary_ends_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "TESTS", (BAD, GOOD))
    *_, last_stage, count = stages.summary(stages.run_tests()).splitlines()
    assert last_stage.startswith("✗ bad")
    assert count == "stages: 1 passed, 1 failed"


TOLD_FROM_OUTSIDE = ""
TOLD_BEFORE_IT_WAITS = (
    "import os, signal, threading, time\n"
    "def tell():\n"
    "    while not os.path.exists(sys.argv[2]): time.sleep(0.05)\n"
    "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)\n"
    "threading.Thread(target=tell).start()\n"
)
"""To a thread of its own: the main thread waits and is not woken, as when a signal comes before."""


@pytest.mark.parametrize("told", [TOLD_FROM_OUTSIDE, TOLD_BEFORE_IT_WAITS])
def test_a_stage_has_time_to_stop_its_services_when_we_are_told_to_stop(
    tmp_path: Path, told: str
) -> None:
    begun, left = tmp_path / "begun", tmp_path / "left in good order"
    tests = tmp_path / "tests.py"
    tests.write_text(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "try:\n"
        f"    print('begun', flush=True); pathlib.Path({str(begun)!r}).touch(); time.sleep(30)\n"
        f"finally:\n    time.sleep(0.2); pathlib.Path({str(left)!r}).touch()\n"
    )
    program = (
        "import sys; from deploy.local import stages; from deploy.local.processes import *\n"
        f"{told}"
        "stages.TESTS = (stages.Stage('slow', (sys.executable, sys.argv[1]), 20),)\n"
        "with orderly_exit(): stages.run_tests()"
    )
    command = [sys.executable, "-c", program, str(tests), str(begun)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as door:
        assert door.stdout is not None
        while "begun" not in door.stdout.readline():
            pass
        if told is TOLD_FROM_OUTSIDE:
            door.terminate()
        door.communicate()  # its output has to go somewhere until it ends
    assert door.returncode == 128 + signal.SIGTERM
    assert left.exists()

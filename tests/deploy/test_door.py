"""The door: what it accepts, what it refuses, and what it hands on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import dev
from deploy.local import commands
from deploy.local.errors import MissingTool
from deploy.local.paths import ROOT

DOOR = Path(dev.__file__)


def knock(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run the door as a stranger would: elsewhere, with an empty environment."""
    command = [sys.executable, str(DOOR), *arguments]
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    answer = knock("--help", cwd=tmp_path)
    assert answer.returncode == 0
    listed = {line.split()[0] for line in answer.stdout.splitlines() if line.startswith("  ")}
    assert {*dev.PROGRAMS, *dev.WITHOUT_OPTIONS} <= listed


def test_no_command_shows_the_help_and_fails(tmp_path: Path) -> None:
    answer = knock(cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == dev.HELP


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["tset"], "There is no command 'tset'."),
        (["up", "--port", "1"], "The command 'up' takes no options."),
    ],
)
def test_what_is_not_understood_is_refused(
    arguments: list[str], problem: str, tmp_path: Path
) -> None:
    answer = knock(*arguments, cwd=tmp_path)
    assert answer.returncode == 2
    assert problem in answer.stderr
    assert "--help" in answer.stderr


def test_an_old_python_that_finds_no_newer_one_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "")
    assert dev.main(["check"]) == 1
    said = capsys.readouterr().err
    assert "this is 3.9" in said
    assert "sudo apt install" in said


def test_programs_get_their_options_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []

    def become(_program: Path, argv: list[str]) -> None:
        became.append(argv)
        sys.exit(0)

    monkeypatch.setattr(os, "execv", become)
    monkeypatch.setattr(commands, "ensure_environment", lambda _say: Path("/venv/bin/python"))
    with pytest.raises(SystemExit):
        commands.run("simulate", ["--seeds", "5", "--json"], "tests.simulation")
    assert became == [["/venv/bin/python", "-m", "tests.simulation", "--seeds", "5", "--json"]]


def test_a_problem_of_the_machine_is_told_with_its_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_say: object) -> Path:
        raise MissingTool("Java was not found.", "Install Java.")

    monkeypatch.setattr(commands, "ensure_environment", fail)
    assert commands.run("check", [], None) == 1
    assert capsys.readouterr().err == "Java was not found.\n  → Install Java.\n"


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "--seeds", "0"),
        ("laws", "--pairs", "-1"),
        ("bench", "--runs", "0"),
        ("bench", "--events", "many"),
        ("faults", "--runs", "0"),
        ("demo", "--events", "0"),
    ],
)
def test_nothing_can_be_done_less_than_once(arguments: tuple[str, str, str]) -> None:
    command, option, given = arguments
    answer = subprocess.run(
        [sys.executable, "-m", dev.PROGRAMS[command], option, given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert f"argument {option}: {given!r} is no number of at least 1" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.long
@pytest.mark.parametrize("command", dev.PROGRAMS)
def test_help_names_every_option(command: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", dev.PROGRAMS[command], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    there = {*re.findall(r"(--\w+)", answer.stdout)} - {"--help"}
    (_, told) = dev.HELP.split(f"\n  {command} ")
    listed = {*re.findall(r"\[(--\w+)", re.split(r"\n(?=  \w|\n)", told)[0])}
    assert listed == there

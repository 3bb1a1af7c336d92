"""The commands behind `dev.py`, in any Python that is new enough."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local import background
from deploy.local.environment import ensure_environment, renew_lock_file
from deploy.local.errors import LocalError, MissingTool
from deploy.local.jars import java_program, kafka_jars
from deploy.local.paths import ROOT, VENV
from deploy.local.processes import orderly_exit
from deploy.local.services import KAFKA_VARIABLE, REDIS_VARIABLE
from deploy.local.stages import run_checks, run_tests, summary

_CTRL_C = 130


def run(command: str, options: Sequence[str], program: str | None) -> int:
    """Run a command of `dev.py`; `program` is the module behind it, where it is one.

    Problems of this machine are printed with their advice, and the status is 1.
    """
    try:
        if command == "lock":
            renew_lock_file()
            return 0
        python = ensure_environment(_say)
        if program is not None:
            # The program replaces this one, so signals and its exit status need no relaying.
            os.execv(python, [str(python), "-m", program, *options])
        if Path(sys.prefix).resolve() != VENV.resolve():
            os.execv(python, [str(python), str(ROOT / "deploy" / "dev.py"), command])
        with orderly_exit():
            return _COMMANDS[command]()
    except LocalError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return _CTRL_C


def _up() -> int:
    services = background.up()
    print(f"export {KAFKA_VARIABLE}={services.kafka_bootstrap}")
    print(f"export {REDIS_VARIABLE}={services.redis_url}")
    _say("Kafka and Valkey are running; `python3 deploy/dev.py down` stops them.")
    return 0


def _down() -> int:
    stopped = background.down()
    names = " and ".join(process.name for process in stopped)
    _say(f"Stopped {names}; their data stay in .tierstream/up." if stopped else "Nothing was up.")
    return 0


def _check() -> int:
    outcomes = run_checks()
    print(f"\n{summary(outcomes)}", flush=True)
    return int(not all(outcome.passed for outcome in outcomes))


def _test() -> int:
    # Without these most stages cannot run: say so now, not after ten minutes.
    try:
        java_program()
        kafka_jars()
    except MissingTool as missing:
        own = "But the tests crash and wipe services, so they always start their own."
        raise MissingTool(missing.problem, f"{missing.advice}\n  → {own}") from missing
    outcomes = [*run_checks(), *run_tests()]
    print(f"\n{summary(outcomes)}", flush=True)
    return int(not all(outcome.passed for outcome in outcomes))


def _say(text: str) -> None:
    """To standard error: what a command prints on standard output may be read by a program."""
    print(text, file=sys.stderr, flush=True)


_COMMANDS = {"up": _up, "down": _down, "check": _check, "test": _test}

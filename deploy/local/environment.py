"""The virtual environment: made once from the lock file, renewed when that changes.

A stamp inside it holds the digest of what it was made from. Without the stamp, or with another
one, it is brought up to date in place.
"""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local.errors import SetupFailed
from deploy.local.locks import exclusive
from deploy.local.paths import LOCK_FILE, ROOT, VENV

PYTHON_MIN = (3, 11)
_PROJECT_FILE = ROOT / "pyproject.toml"
_STAMP = VENV / ".made-from"


def venv_python(folder: Path = VENV) -> Path:
    """The environment's interpreter."""
    return folder / "bin" / "python"


def sources_digest() -> str:
    """What the environment depends on: the packages, how the project is installed, and its place.

    An environment that was copied or moved still points to where it was.
    """
    content = LOCK_FILE.read_bytes() + _PROJECT_FILE.read_bytes() + str(VENV).encode()
    return hashlib.sha256(content).hexdigest()


def is_current() -> bool:
    """Whether the environment was made from today's lock file and project file."""
    return (
        venv_python().exists()
        and _STAMP.exists()
        and _STAMP.read_text().strip() == sources_digest()
    )


def ensure_environment(say: Callable[[str], None]) -> Path:
    """Make or renew the environment where it is not current; returns its interpreter.

    `say` is told what takes time. Raises SetupFailed with the end of the failed step's output.
    """
    if is_current():
        return venv_python()
    with exclusive("environment"):
        if not is_current():
            say(f"Setting up {VENV.name} from {LOCK_FILE.name} (once; about a minute) ...")
            _make()
    return venv_python()


def renew_lock_file() -> None:
    """Resolve pyproject.toml anew into the lock file: every package, platform and hash.

    Uses `uv` from an environment of its own. Versions in the lock file stay where they still fit;
    delete it first to move everything forward. Raises SetupFailed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        _run([sys.executable, "-m", "venv", scratch], "An environment for uv could not be made")
        python = str(venv_python(Path(scratch)))
        _run([python, "-m", "pip", "install", "--quiet", "uv"], "uv could not be installed")
        resolve = ["-m", "uv", "pip", "compile", "--universal", "--generate-hashes", "--quiet"]
        extras = ["--extra", "local", "--extra", "dev", "--no-annotate", "--no-emit-find-links"]
        # one version of a package for every Python: types and figures are those that were tested
        lowest = ["--python-version", ".".join(map(str, PYTHON_MIN)), "--fork-strategy", "fewest"]
        header = ["--custom-compile-command", "python3 deploy/dev.py lock"]
        target = ["--output-file", str(LOCK_FILE), str(_PROJECT_FILE)]
        _run([python, *resolve, *extras, *lowest, *header, *target], "The lock could not be made")


def _make() -> None:
    python = str(venv_python())
    _STAMP.unlink(missing_ok=True)
    if not _works(python):
        _run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            f"{VENV} could not be made",
            "On Debian and Ubuntu the module is a package of its own: `sudo apt install "
            "python3-venv`. Then run it again.",
        )
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--require-hashes", "-r", str(LOCK_FILE)], "The packages could not be installed")
    # Its build tool is among the packages just installed, so nothing is fetched without a hash.
    project = ["--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT)]
    _run([*pip, *project], "Tierstream itself could not be installed")
    _STAMP.write_text(sources_digest() + "\n")


def _works(python: str) -> bool:
    """Whether there is an environment that can be brought up to date: new enough, and with pip."""
    if not Path(python).exists():
        return False
    question = f"import sys, pip; sys.exit(sys.version_info < {PYTHON_MIN})"
    return (
        subprocess.run([python, "-c", question], capture_output=True, check=False).returncode == 0
    )


def _run(
    command: list[str],
    problem: str,
    advice: str = "Check the network, or pip's proxy and index settings, and run it again.",
) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()[-12:]
        quoted = "\n".join(f"    {line}" for line in lines)
        raise SetupFailed(f"{problem}:\n{quoted}", advice)

"""What the peers need, installed on demand below the local folder; our own environment stays clean.

A folder's name holds the digest of what it was made from. It is filled beside its place and then
renamed, so one that was cut off is made again.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.environment import venv_python
from deploy.local.errors import MissingTool, SetupFailed
from deploy.local.jars import java_program
from deploy.local.locks import exclusive
from deploy.local.paths import LOCAL

_PEERS = LOCAL / "peers"
_JAVA = Path(__file__).with_name("java")
_LIMIT_S = 900
_NETWORK = "Check the network, and the proxy settings of pip and Maven, then run it again."


def compiled(peer: str) -> str:
    """Return the class path of a Java peer, compiled, with the jars of its `pom.xml`.

    Raises MissingTool (no Maven, no compiler) or SetupFailed.
    """
    pom = _JAVA / peer / "pom.xml"
    sources = sorted([*(_JAVA / "job").glob("*.java"), *(_JAVA / peer).glob("*.java")])
    jars = _made(f"{peer}-jars", [pom], lambda folder: _copy_jars(pom, folder))
    classes = _made(
        f"{peer}-classes", [pom, *sources], lambda folder: _compile(sources, jars, folder)
    )
    return f"{classes}:{jars}/*"


def environment(peer: str, *requirements: str) -> Path:
    """Return the Python of an environment of its own that holds the requirements.

    Raises SetupFailed.
    """
    wanted = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    folder = _PEERS / f"{peer}-{wanted}"
    done = folder / ".complete"  # an environment cannot be renamed: its programs know their place
    with exclusive(f"peer-{peer}"):
        if not done.exists():
            print(f"Installing {' and '.join(requirements)} (once) ...", file=sys.stderr)
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            pip = [str(venv_python(folder)), "-m", "pip", "--disable-pip-version-check"]
            _run([*pip, "install", "--quiet", *requirements])
            done.touch()
    return venv_python(folder)


def _made(name: str, sources: Sequence[Path], fill: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    place = _PEERS / f"{name}-{digest}"
    _PEERS.mkdir(parents=True, exist_ok=True)
    with exclusive(f"peer-{name}"):
        if not place.is_dir():
            with tempfile.TemporaryDirectory(dir=_PEERS) as scratch:
                filled = Path(scratch) / "filled"
                fill(filled)
                filled.rename(place)
    return place


def _copy_jars(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingTool(
            "Maven (mvn) was not found; it fetches the Java peers.",
            "Install it (Debian, Ubuntu: `sudo apt install maven`), or leave them out with --only.",
        )
    print(f"Fetching the jars of {pom.parent.name} through Maven (once) ...", file=sys.stderr)
    command = [maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies"]
    _run([*command, f"-DoutputDirectory={folder}", "-DincludeScope=runtime"])


def _compile(sources: Sequence[Path], jars: Path, folder: Path) -> None:
    compiler = java_program().with_name("javac")
    if not compiler.exists():
        raise MissingTool(
            f"{compiler} was not found: this Java has no compiler.",
            "Install a JDK (Debian, Ubuntu: `sudo apt install default-jdk-headless`).",
        )
    _run([str(compiler), "-nowarn", "-cp", f"{jars}/*", "-d", str(folder), *map(str, sources)])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_LIMIT_S, cwd=LOCAL
    )
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()[-12:]
        quoted = "\n".join(f"    {line}" for line in lines)
        raise SetupFailed(f"`{' '.join(command[:4])} …` failed:\n{quoted}", _NETWORK)

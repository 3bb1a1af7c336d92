"""Java and the broker's jars, which Maven copies once into the local folder."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.errors import MissingTool, SetupFailed
from deploy.local.locks import exclusive
from deploy.local.paths import LOCAL, ROOT

_POM = ROOT / "deploy" / "kafka" / "pom.xml"
_JAVA_MAJOR_MIN = 17
_MAVEN_TIMEOUT_S = 900

OWN_SERVICES = (
    "or set TIERSTREAM_KAFKA_BOOTSTRAP and TIERSTREAM_REDIS_URL to a Kafka and a Redis of your own"
)
"""The way past every missing tool; ends the advice."""


def java_program() -> Path:
    """The Java program to run brokers with: of JAVA_HOME, or the first on PATH.

    Raises MissingTool where there is none, or one older than Java 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        raise MissingTool(
            "Java was not found" + (f" in JAVA_HOME={home}." if home else "."),
            _advice(),
        )
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is None or int(version[1]) < _JAVA_MAJOR_MIN:
        raise MissingTool(f"{found} is no Java {_JAVA_MAJOR_MIN} or newer.", _advice())
    return Path(found).resolve()


def kafka_jars() -> Path:
    """The folder with the broker's jars, filled by Maven (about 55 MB) where it is not yet there.

    Raises MissingTool without Maven, SetupFailed where Maven cannot fetch them.
    """
    stamp = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    jars = LOCAL / "kafka" / stamp
    with exclusive("kafka-jars"):
        if not jars.is_dir():
            _copy_jars(jars)
    return jars


def _copy_jars(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingTool("Maven (mvn) was not found; it fetches Kafka.", _advice())
    print("Fetching Kafka through Maven (once; about 55 MB) ...", file=sys.stderr, flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Filled beside its place and then renamed: a run that was cut off leaves no half-filled folder.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        filled = Path(scratch) / "jars"
        command = [maven, "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={filled}", "-DincludeScope=runtime"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_MAVEN_TIMEOUT_S,
        )
        if done.returncode != 0:
            tail = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-8:])
            raise SetupFailed(
                f"Maven could not fetch Kafka:\n{tail}",
                "Check the network, and the proxy in ~/.m2/settings.xml, then run it again; "
                f"{OWN_SERVICES}.",
            )
        filled.rename(target)


def _advice() -> str:
    return (
        f"Install Java {_JAVA_MAJOR_MIN} or newer and Maven (Debian, Ubuntu: `sudo apt install "
        "default-jre-headless maven`; macOS: `brew install openjdk@21 maven`), "
        f"{OWN_SERVICES}."
    )

"""What a machine without Java or Maven is told."""

from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import MissingTool, SetupFailed


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only programs are those that the test puts into the folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(jars, "LOCAL", tmp_path / "local")
    return folder


def put(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_no_java(tools: Path) -> None:
    with pytest.raises(MissingTool, match="Java was not found") as caught:
        jars.java_program()
    assert "sudo apt install" in caught.value.advice
    assert "TIERSTREAM_KAFKA_BOOTSTRAP" in caught.value.advice
    assert not list(tools.iterdir())


def test_too_old_a_java(tools: Path) -> None:
    put(tools, "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(MissingTool, match="no Java 17 or newer"):
        jars.java_program()


def test_java_on_the_path(tools: Path) -> None:
    program = put(tools, "java", """echo 'openjdk version "21.0.1" 2023-10-17' >&2""")
    assert jars.java_program() == program


def test_java_home_goes_first(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tools, "java", """echo 'openjdk version "21.0.1" 2023-10-17' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(MissingTool, match=r"JAVA_HOME=.*nowhere"):
        jars.java_program()


def test_no_maven(tools: Path) -> None:
    assert not list(tools.iterdir())
    with pytest.raises(MissingTool, match=r"Maven .* was not found"):
        jars.kafka_jars()


def test_maven_that_cannot_fetch_leaves_no_half_filled_folder(tools: Path) -> None:
    put(tools, "mvn", "echo '[ERROR] no route'; exit 1")
    for _ in range(2):
        with pytest.raises(SetupFailed, match="no route"):
            jars.kafka_jars()


def test_jars_are_fetched_once(tools: Path) -> None:
    # It finds its output folder as Maven does, from the property on its command line.
    script = 'for a; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done; /bin/mkdir "$out"'
    put(tools, "mvn", script)
    folder = jars.kafka_jars()
    assert folder.is_dir()
    (tools / "mvn").unlink()
    assert jars.kafka_jars() == folder

"""When the virtual environment is made anew, and what the lock file holds."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from deploy.local import environment
from deploy.local.errors import SetupFailed
from deploy.local.paths import LOCK_FILE, ROOT


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose environment is current."""
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    monkeypatch.setattr(environment, "LOCK_FILE", tmp_path / "requirements.lock")
    monkeypatch.setattr(environment, "_PROJECT_FILE", tmp_path / "pyproject.toml")
    monkeypatch.setattr(environment, "VENV", venv)
    monkeypatch.setattr(environment, "venv_python", lambda: venv / "bin" / "python")
    monkeypatch.setattr(environment, "_STAMP", venv / ".made-from")
    (tmp_path / "requirements.lock").write_text("one==1")
    (tmp_path / "pyproject.toml").write_text("[project]")
    (venv / ".made-from").write_text(environment.sources_digest())
    return tmp_path


def test_an_environment_made_from_todays_files_is_left_alone(made: Path) -> None:
    assert environment.is_current()
    assert environment.ensure_environment(pytest.fail) == made / ".venv" / "bin" / "python"


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml", ".venv/.made-from"])
def test_a_changed_file_makes_it_stale(made: Path, changed: str) -> None:
    (made / changed).write_text("two==2")
    assert not environment.is_current()


@pytest.mark.parametrize("missing", [".venv/.made-from", ".venv/bin/python"])
def test_one_made_by_hand_or_half_made_is_stale(made: Path, missing: str) -> None:
    (made / missing).unlink()
    assert not environment.is_current()


def test_a_failed_step_quotes_its_output_and_leaves_no_stamp(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made / "requirements.lock").write_text("two==2")
    monkeypatch.setattr(environment, "_works", lambda _python: True)
    (made / ".venv" / "bin" / "python").write_text("#!/bin/sh\necho no such package >&2\nexit 1\n")
    (made / ".venv" / "bin" / "python").chmod(0o755)
    said: list[str] = []
    with pytest.raises(SetupFailed, match="no such package"):
        environment.ensure_environment(said.append)
    assert said
    assert not environment.is_current()


def test_the_lock_file_fits_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK_FILE.read_text(), re.MULTILINE))
    for requirement in map(Requirement, wanted):
        version = locked.get(requirement.name.lower())
        advice = "run `python3 deploy/dev.py lock`"
        assert version is not None, f"{requirement.name} is not in the lock file: {advice}"
        assert Version(version) in requirement.specifier, f"{requirement} has {version}: {advice}"


def test_every_locked_package_has_hashes_and_none_a_host() -> None:
    text = LOCK_FILE.read_text()
    packages = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text

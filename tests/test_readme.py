"""The README's worked example runs, and its commands and topics exist."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from typer.main import get_command

from streams.cli import app
from streams.topics import CONTROL, LOG, SOURCES, STATE, TIER_CURRENT

README = Path(__file__).parents[1] / "README.md"


def test_the_worked_example_gives_what_it_says() -> None:
    text = README.read_text(encoding="utf-8")
    (rulebook,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    outcome = doctest.testfile(
        str(README), module_relative=False, globs={"RULEBOOK": rulebook}, encoding="utf-8"
    )
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_the_commands_exist() -> None:
    named = set(re.findall(r"bin/tierstream (\w+)", README.read_text(encoding="utf-8")))
    assert named
    assert named <= set(get_command(app).commands)  # type: ignore[attr-defined]  # it is a group


def test_the_topics_are_named() -> None:
    text = README.read_text(encoding="utf-8")
    for topic in (CONTROL, LOG, STATE, TIER_CURRENT, SOURCES[0]):
        assert f"`{topic}`" in text

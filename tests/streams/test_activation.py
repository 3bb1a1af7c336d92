"""What is put into force, and what is refused: a name and version mean one rulebook."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from rules.book import Book
from rules.compiler.compile import compile_book
from streams.commands import previewing, ruling
from streams.commands.commanding import who
from streams.commands.common import CommandFailed
from streams.commands.ruling import activate, activation
from streams.jobs.in_force import in_force
from streams.jobs.tally import Tally
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.settings import Settings
from streams.topics import CONTROL, Catalogue

TEXT = """
rulebook: shop
version: 1
zone: UTC
currency: EUR
parameters:
  much: {value: 1000, unit: EUR, why: "a tenth spends as much"}
tiers:
  ladder:
    - {name: basic}
    - {name: gold, qualify: "spend(days=365) >= much"}
"""


async def test_in_force_is_what_was_activated_last() -> None:
    log, book = MemoryLog(lambda: 1_700_000_000), compile_book(TEXT)
    assert await in_force(log, CONTROL) is None
    later = TEXT.replace("version: 1", "version: 2")
    released = {"event": "clock.released", "source": "x", "ends": {"0": 1}, "by": "o", "reason": ""}
    values = [
        activation(TEXT, book, by="kim"),
        activation(later, compile_book(later), by="kim"),
        activation(TEXT.replace("spend(", "spent("), book, by="refused"),
        *[json.dumps(released).encode()] * 1_200,
    ]
    log.append(Append(CONTROL, 0, [Entry(None, value) for value in values]))
    found = await in_force(log, CONTROL)
    assert found is not None
    assert found.version == 2


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """The log that commands reach."""
    log = MemoryLog(lambda: 1_700_000_000)

    @asynccontextmanager
    async def reach(settings: Settings) -> AsyncIterator[SimpleNamespace]:
        async def deliver(appends: list[Append]) -> None:
            for each in appends:
                log.append(each)

        producer = SimpleNamespace(deliver=deliver)
        yield SimpleNamespace(catalogue=Catalogue.of(settings), log=log, producer=producer)

    monkeypatch.setattr(ruling, "settings", Settings)
    monkeypatch.setattr(ruling, "reach", reach)
    return log


def written(log: MemoryLog) -> int:
    return asyncio.run(log.bounds(CONTROL, 0)).end


def test_what_is_in_force_already_is_not_activated_again(
    control: MemoryLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.yaml"
    for text, said, count in (
        (TEXT, "shop 1 is on its way into force", 1),
        (TEXT, "shop 1 is in force already; nothing was written", 1),
        (f"# another comment{TEXT}", "shop 1 is in force already", 1),
        (TEXT.replace("version: 1", "version: 2"), "shop 2 is on its way into force", 2),
    ):
        file.write_text(text, encoding="utf-8")
        activate(file)
        assert said in capsys.readouterr().out
        assert written(control) == count
    file.write_text(TEXT.replace("version: 1", "version: 2").replace("1000", "900"), "utf-8")
    with pytest.raises(CommandFailed, match=r"shop 2 was activated at .*raise `version:`"):
        activate(file)
    assert written(control) == 2


def test_a_name_and_version_mean_one_rulebook_for_ever(control: MemoryLog, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    second = TEXT.replace("version: 1", "version: 2")
    for text in (TEXT, second, TEXT):  # back to the first
        file.write_text(text, encoding="utf-8")
        activate(file)
    file.write_text(second.replace("1000", "900"), encoding="utf-8")
    said = r"shop 2 was activated at 2023-11-14T22:13:20Z with another text.* raise `version:`"
    with pytest.raises(CommandFailed, match=said):
        activate(file)
    assert written(control) == 3


EXAMPLE = """examples:
  - name: who spends much is gold
    story:
      - {at: 2026-01-05, purchase: {amount: 999}, expect: {tier: gold}}
"""


def test_a_preview_says_that_examples_would_stop_an_activation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def found(_text: str, _sample: int) -> tuple[Tally, Book | None]:
        return Tally(), None

    monkeypatch.setattr(previewing, "_preview", found)
    file = tmp_path / "shop.yaml"
    file.write_text(TEXT + EXAMPLE, encoding="utf-8")
    with pytest.raises(CommandFailed, match=r"activation would be refused: 1 of 1 examples"):
        previewing.preview(file)
    assert f"{file}:15: who spends much is gold, on 2026-01-05: " in capsys.readouterr().err
    previewing.preview(file, untested=True)
    assert not capsys.readouterr().err
    file.write_text(TEXT + EXAMPLE.replace("999", "1000"), encoding="utf-8")
    previewing.preview(file)


def test_a_rulebook_that_its_own_examples_contradict_is_not_activated(
    control: MemoryLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(TEXT + EXAMPLE, encoding="utf-8")
    with pytest.raises(CommandFailed, match=r"nothing was activated: 1 of 1 examples.*--untested"):
        activate(file)
    assert f"{file}:15: who spends much is gold, on 2026-01-05: " in capsys.readouterr().err
    assert written(control) == 0
    activate(file, untested=True)
    assert written(control) == 1
    file.write_text(
        TEXT.replace("version: 1", "version: 2") + EXAMPLE.replace("999", "1000"), "utf-8"
    )
    activate(file)
    assert written(control) == 2


def test_what_ingress_would_refuse_is_not_called_activated(
    control: MemoryLog, tmp_path: Path
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(TEXT, encoding="utf-8")
    said = "nothing was activated.* reason: .*at most 128 characters.*Correct that"
    with pytest.raises(CommandFailed, match=said):
        activate(file, "so " * 43)
    assert written(control) == 0


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as some number."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert who() == "uid 54321"

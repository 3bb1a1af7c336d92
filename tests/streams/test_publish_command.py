"""`tierstream publish` and `play`: what they say of a file, with a deployment in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from models.errors import TierstreamError
from streams.cli import app
from streams.commands import data
from streams.jobs.publish import BadLine, Mapped, SourceEvent, read
from streams.log.memory import MemoryLog
from streams.log.producer import MemoryProducer
from streams.topics import Catalogue

SALE = {
    "event": "purchase",
    "event_id": "e1",
    "customer_id": "C-1",
    "occurred_at": "2011-06-01T12:00:00Z",
    "source": "shop",
    "schema_version": 1,
    "order_id": "o1",
    "net_amount_minor": 100,
    "currency": "GBP",
}
LINE = json.dumps(SALE) + "\n"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """The log of a deployment of one partition, which the commands reach."""
    log = MemoryLog(lambda: 0)

    async def ends(topics: Sequence[str]) -> dict[tuple[str, int], int]:
        return {(topic, 0): (await log.bounds(topic, 0)).end for topic in topics}

    @asynccontextmanager
    async def reach(_settings: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(
            catalogue=Catalogue("", 1, 400, 30, 7),
            positions=SimpleNamespace(ends=ends),
            producer=MemoryProducer(log),
        )

    monkeypatch.setattr(data, "reach", reach)
    monkeypatch.setattr(data, "settings", lambda: None)
    return log


def arrived(log: MemoryLog) -> int:
    return asyncio.run(log.bounds("customer.purchase.v1", 0)).end


def test_what_was_sent_is_counted(tmp_path: Path, log: MemoryLog) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(LINE * 2, encoding="utf-8")
    shown = CliRunner().invoke(app, ["publish", str(file)])
    assert shown.exit_code == 0
    assert "2 events published." in shown.stdout
    assert arrived(log) == 2


@pytest.mark.parametrize(
    ("command", "message", "sent"),
    [
        ("publish", "2 good lines at first, then 1, and these were sent", 1),
        ("play", "2 good lines at first, then 1. Nothing was sent", 0),
    ],
)
def test_a_file_that_changes_between_its_two_readings_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: MemoryLog,
    command: str,
    message: str,
    sent: int,
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(LINE * 2, encoding="utf-8")

    def reading(path: Path, mapped: Mapped | None = None) -> Iterator[SourceEvent | BadLine]:
        yield from read(path, mapped)
        file.write_text(LINE, encoding="utf-8")

    monkeypatch.setattr(data, "read", reading)
    shown = CliRunner().invoke(app, [command, str(file)])
    assert isinstance(shown.exception, TierstreamError)
    assert message in str(shown.exception)
    assert arrived(log) == sent


@pytest.mark.usefixtures("log")
def test_fields_without_effect_are_told_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    values = ",".join(str(value) for value in SALE.values())
    rows = [f"{','.join(SALE)},chan,[note]", f"{values},web,", f"{values},web,gift"]
    file.write_text("\n".join(rows), encoding="utf-8")
    columns = [f"--column={name}={name}" for name in (*SALE, "[note]")]
    shown = CliRunner().invoke(app, ["publish", str(file), *columns, "--column=chanel=chan"])
    assert shown.exit_code == 0
    assert shown.stderr.count("warning") == 2
    assert "sales.csv: warning: the field 'chanel' has no effect (2 of 2 good" in shown.stderr
    assert "sales.csv: warning: the field '[note]' has no effect (1 of 2 good" in shown.stderr


@pytest.mark.usefixtures("log")
def test_only_so_many_fields_without_effect_are_told(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(SALE | {f"x{n}": n for n in range(23)}), encoding="utf-8")
    shown = CliRunner().invoke(app, ["publish", str(file)])
    assert shown.stderr.count("has no effect") == 20
    assert "nor have 3 other fields" in shown.stderr

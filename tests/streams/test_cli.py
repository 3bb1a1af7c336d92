"""The command line without services: what it offers, what it says when something is wrong."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from models.calendar import calendar
from models.decisions import Cause, Rank, RulebookRef, TierChanged, encode
from models.errors import TierstreamError
from rules.language.schema import schema
from streams.cli import app
from streams.commands import common
from streams.commands.telling import decoded, told

ROOT = Path(__file__).parents[2]
RETAIL = ROOT / "rules" / "catalog" / "retail.yaml"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr(common.out, "width", 200)
    return CliRunner()


@pytest.mark.parametrize(
    "command",
    [
        "worker",
        "topics create",
        "topics check",
        "publish",
        "play",
        "watch",
        "customer",
        "explain",
        "rules check",
        "rules test",
        "rules diff",
        "rules preview",
        "rules facts",
        "rules schema",
        "rules activate",
        "rules history",
        "clock status",
        "clock advance",
        "clock release",
        "replay",
        "doctor",
    ],
)
def test_every_command_explains_itself(runner: CliRunner, command: str) -> None:
    shown = runner.invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert f"{command} [OPTIONS]" in re.sub(r"\x1b\[[0-9;]*m", "", shown.output)


def test_a_rulebook_in_order_is_summed_up(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["rules", "check", str(RETAIL)])
    assert shown.exit_code == 0
    assert "is in order: retail 1; tiers standard, silver, gold, platinum" in shown.output


def test_every_fact_is_listed_with_its_unit(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["rules", "facts"])
    assert "spend(days=…, period=…" in shown.output
    assert "money" in shown.output
    assert "profile.income" in shown.output
    assert "score.<name>" in shown.output
    assert "month, quarter, half, year, last_month" in shown.output


def test_the_schema_is_json(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["rules", "schema"])
    assert shown.exit_code == 0
    assert json.loads(shown.output) == schema()


def test_examples_that_come_true_are_counted(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["rules", "test", str(RETAIL)])
    assert shown.exit_code == 0
    assert "examples of" in shown.output
    assert "came true" in shown.output


def test_what_differs_stands_side_by_side(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    text = RETAIL.read_text("utf-8").replace("value: 750,", "value: 800,")
    file.write_text(text, encoding="utf-8")
    shown = runner.invoke(app, ["rules", "diff", str(RETAIL), str(file)])
    assert shown.exit_code == 0
    (line,) = [line for line in shown.output.splitlines() if "silver_year" in line]
    assert line.index("750 GBP") < line.index("800 GBP")
    same = runner.invoke(app, ["rules", "diff", str(RETAIL), str(RETAIL)])
    assert "nothing differs" in same.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["publish", "x.csv", "--column", "order_id"], "write FIELD="),
        (["publish", "x.csv", "--zone", "Mars"], "unknown time zone 'Mars'"),
        (["publish", "nothing.jsonl"], "does not exist"),
        (["clock", "advance", "--to", "tomorrow"], "is no instant"),
        (["explain", "anna", "--at", "2026-01-05"], "is no instant"),
        (["rules", "test", "nothing.yaml"], "nothing.yaml does not exist; check the path"),
        (["rules", "check", "rules"], "rules cannot be read: Is a directory; check the path"),
        (["replay"], "--verify"),
        (["explain", "\udcff"], "'\\udcff' is not UTF-8 from character 1 on"),
        (["rules", "activate", "x.yaml", "--reason", "f\udcfcr"], "is not UTF-8 from character 2"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    runner: CliRunner, arguments: list[str], message: str
) -> None:
    shown = runner.invoke(app, arguments)
    assert shown.exit_code == 1
    assert isinstance(shown.exception, TierstreamError)
    assert message in str(shown.exception)


def test_a_change_is_told_in_one_line() -> None:
    change = TierChanged(
        id="0" * 32,
        customer_id="17850",
        revision=2,
        sequence=2,
        previous_id="1" * 32,
        occurred_at="2011-03-04T15:00:00Z",
        cause=Cause(kind="event", type="purchase", id="536365", occurred_at="2011-03-04T12:00:00Z"),
        rulebook=RulebookRef("retail", 1, "sha256:0"),
        from_="silver",
        to="gold",
        rank=Rank(1, 2, 3),
        labels={},
        direction="up",
        reason="qualified",
        qualified_tier="gold",
        matched_tiers=("silver", "gold"),
        held_since=None,
        tier_since="2011-03-04T12:00:00Z",
        evidence=[
            {
                "rule": "tiers.gold.qualify",
                "holds": True,
                "fact": "spend",
                "args": {"days": 365},
                "value_minor": 230410,
                "op": ">=",
                "bound_minor": 200000,
                "currency": "GBP",
            }
        ],
    )
    line = told(decoded("segment.tier-changed.v1", encode(change)), calendar("Asia/Tokyo")).plain
    assert "2011-03-05  17850" in line  # the day in the rulebook's zone
    assert "silver → gold" in line
    assert "qualified; spend(days=365) GBP 2,304.10 >= GBP 2,000.00" in line
    assert line.endswith("(purchase 536365)")
    left = msgspec.structs.replace(change, to=None, direction="none", reason="erased")
    assert "silver → gone " in told(left, calendar("UTC")).plain

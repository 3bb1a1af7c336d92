"""The command line without services: what it offers, what it says when something is wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

import msgspec
import pytest
from typer.testing import CliRunner

from models.calendar import calendar
from models.decisions import Cause, Rank, RulebookRef, TierChanged, encode
from models.errors import TierstreamError
from streams.app import EXIT_HALT
from streams.cli import app
from streams.commands import common
from streams.commands.telling import decoded, told

ROOT = Path(__file__).parents[2]
RETAIL = ROOT / "rules" / "catalog" / "retail.yaml"
REDEEMABLE = """rulebook: shop
version: 1
zone: UTC
currency: EUR
parameters:
  many: {value: 500, unit: score, why: "two good orders"}
tiers:
  ladder:
    - {name: basic}
    - {name: gold, qualify: score.points >= many}
"""


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


def test_a_bad_rulebook_ends_with_its_findings(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(RETAIL.read_text("utf-8").replace("spend(", "spent("), encoding="utf-8")
    done = _run("rules", "check", str(file))
    assert done.returncode == 1
    assert "book.yaml" in done.stderr
    assert "spend" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_fact_is_listed_with_its_unit(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["rules", "facts"])
    assert "spend(days=…, period=…" in shown.output
    assert "money" in shown.output
    assert "profile.income" in shown.output
    assert "score.<name>" in shown.output
    assert "month, quarter, half, year, last_month" in shown.output


def test_a_rulebook_is_checked_with_what_the_lint_advises_against(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(REDEEMABLE, encoding="utf-8")
    done = _run("rules", "check", str(file))
    assert done.returncode == 0, done.stderr
    assert "book.yaml:10: the tier `gold` rests on score.points" in done.stderr
    assert "is in order (1 warning): shop 1; tiers basic, gold" in done.stdout


def test_examples_that_come_true_are_counted(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["rules", "test", str(RETAIL)])
    assert shown.exit_code == 0
    assert "examples of" in shown.output
    assert "came true" in shown.output


def test_an_example_that_does_not_come_true_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    text = RETAIL.read_text("utf-8").replace("expect: {tier: gold}}", "expect: {tier: silver}}")
    file.write_text(text, encoding="utf-8")
    done = _run("rules", "test", str(file))
    assert done.returncode == 1
    line = text.splitlines().index("      - {at: 2026-04-26, expect: {tier: silver}}")
    assert f"book.yaml:{line + 1}: a serious complaint" in done.stderr
    assert "tier is gold, not silver" in done.stderr
    assert "2 of 5 examples" in done.stderr


def test_a_rulebook_without_examples_cannot_be_tested(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(RETAIL.read_text("utf-8").partition("\nexamples:")[0] + "\n", encoding="utf-8")
    done = _run("rules", "test", str(file))
    assert done.returncode == 1
    assert "has no examples" in done.stderr


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


def test_bad_lines_are_shown_and_nothing_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps({"event": "purchase"}) + "\nnonsense\n", encoding="utf-8")
    done = _run("publish", str(file), TIERSTREAM_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert done.returncode == 1
    assert "events.jsonl:1: " in done.stderr
    assert "events.jsonl:2: the line is not JSON" in done.stderr
    assert "2 of 2 lines are bad, and nothing was sent" in done.stderr


def test_what_a_pipe_holds_is_refused_and_not_half_read() -> None:
    for command in ("publish", "play"):
        done = _run(command, "/dev/stdin", said="{}\n")
        assert done.returncode == 1
        assert "/dev/stdin is a pipe; publish and play read a file twice" in done.stderr


def test_a_broker_that_is_away_is_named_with_what_to_do() -> None:
    done = _run("topics", "check", TIERSTREAM_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert done.returncode == 1
    assert "127.0.0.1:1 does not answer" in done.stderr
    assert "TIERSTREAM_KAFKA_BOOTSTRAP" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "given",
    [
        {"TIERSTREAM_KAFKA_SECURITY_PROTOCOL": "SSL"},
        {"TIERSTREAM_KAFKA_SASL_USERNAME": "shop"},
    ],
)
def test_a_broker_may_be_away_because_it_speaks_another_protocol(given: dict[str, Any]) -> None:
    done = _run("topics", "check", TIERSTREAM_KAFKA_BOOTSTRAP="127.0.0.1:1", **given)
    spoken = given.get("TIERSTREAM_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    said = f"; TIERSTREAM_KAFKA_SECURITY_PROTOCOL={spoken} must be what it speaks there\n"
    assert done.stderr.endswith(said)


def test_a_rulebook_that_is_no_text_is_named_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_bytes("rulebook: shop\n# Käse\n".encode("latin1"))
    done = _run("rules", "check", str(file))
    assert done.returncode == 1
    assert "book.yaml:2: is not UTF-8: " in done.stderr
    assert "Save it as UTF-8" in done.stderr


def test_a_misspelt_variable_is_named() -> None:
    done = _run("topics", "check", TIERSTREAM_KAFKA_BOOTSTRP="127.0.0.1:1")
    assert done.returncode == 1
    assert "did you mean TIERSTREAM_KAFKA_BOOTSTRAP" in done.stderr


def test_a_worker_with_bad_settings_is_not_worth_a_restart() -> None:
    done = _run("worker", "customers", TIERSTREAM_PARTITIONS="0")
    assert done.returncode == EXIT_HALT
    assert "TIERSTREAM_PARTITIONS='0' is refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_letters_that_the_terminal_lacks_are_replaced(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(REDEEMABLE, encoding="utf-8")
    done = _run("rules", "diff", str(file), str(file), PYTHONIOENCODING="latin1")
    assert done.returncode == 0, done.stderr
    assert "shop 1 ? shop 1" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments", [["rules", "facts"], ["rules", "coverage", "--json"], ["--help"]]
)
def test_a_full_disk_is_said_in_a_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = _run(*arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "error: cannot write: No space left on device; is the disk full?\n"


@pytest.mark.long
@pytest.mark.parametrize("arguments", [["doctor"], ["rules", "facts"]])
def test_a_closed_pipe_ends_a_command_without_a_word(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = _run(*arguments, stdout=closed, TIERSTREAM_REDIS_URL="redis://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (1, "")


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


def _run(
    *arguments: str,
    said: str | None = None,
    stdout: TextIO | int = subprocess.PIPE,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment},
        cwd=ROOT,
        input=said,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )

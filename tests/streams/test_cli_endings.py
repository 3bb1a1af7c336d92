"""What a command begins with, and how it ends where something is wrong: words and status."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import pytest

from streams.app import EXIT_HALT
from streams.cli import main

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

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
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: one of its own takes a second of imports."""

    def ended(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["tierstream", *arguments])
        own = {name: v for name, v in os.environ.items() if not name.startswith("TIERSTREAM_")}
        monkeypatch.setattr(os, "environ", own | environment)
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return subprocess.CompletedProcess(sys.argv, end.value.code, *capsys.readouterr())

    return ended


def test_a_bad_rulebook_ends_with_its_findings(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(RETAIL.read_text("utf-8").replace("spend(", "spent("), encoding="utf-8")
    done = run("rules", "check", str(file))
    assert done.returncode == 1
    assert "book.yaml" in done.stderr
    assert "spend" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_finding_in_line_100_has_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text("\n" * 99 + "verison: 1\n", encoding="utf-8")
    assert "book.yaml:100: unknown key `verison`" in run("rules", "check", str(file)).stderr


def test_brackets_in_a_path_are_no_markup(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "[a]" / "b[" / "c].yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(RETAIL.read_bytes())
    for command, said in (("check", f"{file} is in order"), ("test", f"of {file} came true")):
        done = run("rules", command, str(file))
        assert (done.returncode, done.stderr) == (0, "")
        assert said in done.stdout


def test_a_rulebook_is_checked_with_what_the_lint_advises_against(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(REDEEMABLE, encoding="utf-8")
    done = run("rules", "check", str(file))
    assert done.returncode == 0, done.stderr
    assert "book.yaml:10: the tier `gold` rests on score.points" in done.stderr
    assert "is in order (1 warning): shop 1; tiers basic, gold" in done.stdout


def test_an_example_that_does_not_come_true_is_said_with_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    text = RETAIL.read_text("utf-8").replace("expect: {tier: gold}}", "expect: {tier: silver}}")
    file.write_text(text, encoding="utf-8")
    done = run("rules", "test", str(file))
    assert done.returncode == 1
    line = text.splitlines().index("      - {at: 2026-04-26, expect: {tier: silver}}")
    assert f"book.yaml:{line + 1}: a serious complaint" in done.stderr
    assert "tier is gold, not silver" in done.stderr
    assert "2 of 5 examples" in done.stderr


def test_a_rulebook_without_examples_cannot_be_tested(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(RETAIL.read_text("utf-8").partition("\nexamples:")[0] + "\n", encoding="utf-8")
    done = run("rules", "test", str(file))
    assert done.returncode == 1
    assert "has no examples" in done.stderr


def test_bad_lines_are_shown_and_nothing_is_sent(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps({"event": "purchase"}) + "\nnonsense\n", encoding="utf-8")
    done = run("publish", str(file), TIERSTREAM_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert done.returncode == 1
    assert "events.jsonl:1: " in done.stderr
    assert "events.jsonl:2: the line is not JSON" in done.stderr
    assert "2 of 2 lines are bad, and nothing was sent" in done.stderr


def test_what_a_pipe_holds_is_refused_and_not_half_read(run: Run) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader):
        for command in ("publish", "play"):
            done = run(command, f"/dev/fd/{reader}")
            assert done.returncode == 1
            assert f"/dev/fd/{reader} is a pipe; publish and play read a file twice" in done.stderr


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
def test_a_broker_may_be_away_because_it_speaks_another_protocol(
    run: Run, given: dict[str, Any]
) -> None:
    done = run("topics", "check", TIERSTREAM_KAFKA_BOOTSTRAP="127.0.0.1:1", **given)
    spoken = given.get("TIERSTREAM_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    said = f"; TIERSTREAM_KAFKA_SECURITY_PROTOCOL={spoken} must be what it speaks there\n"
    assert done.stderr.endswith(said)


def test_a_rulebook_that_is_no_text_is_named_with_the_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_bytes("rulebook: shop\n# Käse\n".encode("latin1"))
    done = run("rules", "check", str(file))
    assert done.returncode == 1
    assert "book.yaml:2: is not UTF-8: " in done.stderr
    assert "Save it as UTF-8" in done.stderr


def test_a_misspelt_variable_is_named(run: Run) -> None:
    done = run("topics", "check", TIERSTREAM_KAFKA_BOOTSTRP="127.0.0.1:1")
    assert done.returncode == 1
    assert "did you mean TIERSTREAM_KAFKA_BOOTSTRAP" in done.stderr


def test_a_worker_with_bad_settings_is_not_worth_a_restart(run: Run) -> None:
    done = run("worker", "customers", TIERSTREAM_PARTITIONS="0")
    assert done.returncode == EXIT_HALT
    assert "TIERSTREAM_PARTITIONS='0' is refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_letters_that_the_terminal_lacks_are_replaced(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(REDEEMABLE, encoding="utf-8")
    done = _run("rules", "diff", str(file), str(file), PYTHONIOENCODING="latin1")
    assert done.returncode == 0, done.stderr
    assert "shop 1 ? shop 1" in done.stdout


@pytest.mark.parametrize(("given", "kept"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_a_fit_calculates_in_one_thread(
    run: Run, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], kept: str
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    run("churn", "fit", "--help", **given)
    assert os.environ["OPENBLAS_NUM_THREADS"] == kept


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


def _run(
    *arguments: str,
    stdout: TextIO | int = subprocess.PIPE,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment},
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )

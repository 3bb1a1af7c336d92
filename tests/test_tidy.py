"""The house rules that no other tool checks, as failing tests."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "rules", "streams", "deploy", "tests")
TOP_LEVEL = {"pyproject.toml", "README.md", *PACKAGES}
LINES_MAX = 320

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TEXTS = sorted(
    path
    for folder in (*PACKAGES, ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
    and path != Path(__file__)
    and "__pycache__" not in path.parts
    and "data" not in path.parts
)

UNFINISHED = re.compile(r"\b(TODO|FIXME|HACK)\b")
ELSEWHERE = re.compile(r"/work/|\.\./shared|/root/|/home/\w+/")
SWALLOWED = re.compile(r"except (Base)?Exception\b[^\n]*:\s*\n\s*pass\b")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_top_level_is_fixed() -> None:
    seen = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    seen -= {path for path in seen if path.endswith(".egg-info") or path == "__pycache__"}
    assert seen == TOP_LEVEL


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_source_file(path: Path) -> None:
    """Short enough to have one subject, says what it is, and hides no error."""
    text = path.read_text()
    lines = text.count("\n")
    assert lines <= LINES_MAX, f"{lines} lines: split it by subject"
    assert ast.get_docstring(ast.parse(text)), "the module needs a docstring"
    assert not SWALLOWED.search(text), "handle the error, or let it pass"


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_a_text_is_finished_and_speaks_of_the_product_alone(path: Path) -> None:
    text = path.read_text(errors="replace")
    for banned in (UNFINISHED, ELSEWHERE):
        found = banned.search(text)
        assert found is None, f"no place for {found}"


def test_every_module_is_used() -> None:
    """A module that nothing imports, runs or names is dead."""
    text_of = {path: path.read_text(errors="replace") for path in [*TEXTS, ROOT / "pyproject.toml"]}
    unused = []
    for path in SOURCES:
        if path.stem in {"__init__", "__main__", "conftest"} or path.stem.startswith("test_"):
            continue
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        package, _, stem = dotted.rpartition(".")
        named = re.compile(
            rf"{re.escape(dotted)}\b|{re.escape(path.name)}\b"
            rf"|from {re.escape(package)} import [^\n]*\b{stem}\b"
            rf"|from {re.escape(package)} import \([^)]*\b{stem}\b"
        )
        others = (text for other, text in text_of.items() if other != path and stem in text)
        if not any(named.search(text) for text in others):  # each way has the stem in it
            unused.append(dotted)
    assert not unused

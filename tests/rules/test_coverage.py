"""Coverage counts only what an example really reaches, and says what is missing."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rules import catalog
from rules.examples import coverage as covering
from rules.examples.coverage import Coverage, Showing, Shown, coverage
from streams.cli import app

CLIMBS = "a year of steady orders climbs the ladder, and stopping comes down again"


def _cover(monkeypatch: pytest.MonkeyPatch, *showings: Showing) -> Coverage:
    rows = Shown(dimensions={"row": showings}, policies={})
    monkeypatch.setattr(catalog, "NAMES", ("retail",))
    monkeypatch.setattr(covering, "shown", lambda: rows)
    return coverage()


def _showing(thing: str, *, book: str = "retail", example: str = CLIMBS) -> Showing:
    return Showing(book=book, things=(thing,), example=example)


@pytest.mark.parametrize("thing", ["tier", "dimension.buyer_habit", "dimension.value_level"])
def test_what_an_example_reaches_is_shown(monkeypatch: pytest.MonkeyPatch, thing: str) -> None:
    found = _cover(monkeypatch, _showing(thing))
    assert found.unshown == {}
    assert (found.dimensions_shown, found.dimensions_total) == (1, 1)


@pytest.mark.parametrize(
    ("showing", "lack"),
    [
        (_showing("tier", book="wholesale"), "there is no rulebook wholesale"),
        (_showing("tier", example="a dream"), "retail has no example 'a dream'"),
        (_showing("dimension.satisfaction"), "does not reach dimension.satisfaction"),
        (_showing("dimension.buyer"), "does not reach dimension.buyer"),
        (_showing("policy.buyer_habit"), "does not reach policy.buyer_habit"),
        (_showing("lifecycle"), "does not reach lifecycle"),
    ],
)
def test_a_row_that_is_not_shown_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, showing: Showing, lack: str
) -> None:
    found = _cover(monkeypatch, _showing("tier"), showing)
    assert lack in found.unshown["row"]
    assert (found.dimensions_shown, found.dimensions_total) == (0, 1)


def test_an_example_that_does_not_come_true_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = catalog.text("retail").replace(
        "{at: 2026-12-20, expect: {tier: platinum", "{at: 2026-12-20, expect: {tier: silver"
    )
    monkeypatch.setattr(catalog, "text", lambda _: text)
    found = _cover(monkeypatch, _showing("tier"))
    assert found.unshown == {"row": f"retail: {CLIMBS!r} does not come true"}
    assert "retail: tier=platinum" in found.categories_unreached


def test_a_category_that_no_example_reaches_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = "absurd_returns: {value: 0.99, unit: share, why: nearly all}"
    text = catalog.text("retail").replace("\ndimensions:", f"  {bound}\n\ndimensions:", 1)
    heavy = "      - {name: heavy,"
    text = text.replace(heavy, f"      - {{name: absurd, from: absurd_returns}}\n{heavy}")
    monkeypatch.setattr(catalog, "text", lambda _: text)
    found = _cover(monkeypatch, _showing("tier"))
    assert found.categories_unreached == ("retail: returns=absurd",)
    assert found.counts()["categories_unreached"] == 1


def test_the_command_ends_with_one_line_of_figures() -> None:
    shown = CliRunner().invoke(app, ["rules", "coverage", "--json"])
    assert shown.exit_code == 0
    assert json.loads(shown.output.splitlines()[-1]) == coverage().counts()

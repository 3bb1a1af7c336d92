"""The catalogue shows all that the articles ask for, each row by what an example reaches."""

from __future__ import annotations

import pytest

from rules import catalog
from rules.book import Book
from rules.eras import compiled
from rules.examples.coverage import Coverage, Showing, Shown, coverage, shown
from tests.rules.domain_rows import DIMENSIONS, POLICIES


@pytest.fixture(scope="module")
def covered() -> Coverage:
    return coverage()


@pytest.fixture(scope="module")
def books() -> dict[str, Book]:
    return {name: compiled(catalog.text(name)) for name in catalog.NAMES}


@pytest.fixture(scope="module")
def rows() -> Shown:
    return shown()


def test_the_table_has_the_rows_of_the_articles(rows: Shown) -> None:
    assert set(rows.dimensions) == set(DIMENSIONS)
    assert set(rows.policies) == set(POLICIES)


@pytest.mark.parametrize("row", [*DIMENSIONS, *POLICIES])
def test_a_row_is_shown(covered: Coverage, row: str) -> None:
    assert covered.unshown.get(row) is None


@pytest.mark.parametrize("row", DIMENSIONS)
def test_a_row_has_the_classes_of_the_articles(
    books: dict[str, Book], rows: Shown, row: str
) -> None:
    showings = rows.dimensions[row]
    labels = {label for each in showings for label in _labels(books[each.book], each)}
    missing = [word for word in DIMENSIONS[row] if not any(word in label for label in labels)]
    assert missing == []


def _labels(book: Book, showing: Showing) -> list[str]:
    """Return the Chinese labels of all classes that a row is shown by."""
    if "tier" in showing.things:
        return [tier.label["zh"] for tier in book.tiers]
    names = {thing.removeprefix("dimension.") for thing in showing.things}
    found = [dimension for dimension in book.dimensions if dimension.name in names]
    return [category.label["zh"] for each in found for category in each.categories]


def test_nothing_in_the_catalogue_is_beyond_its_examples(covered: Coverage) -> None:
    assert covered.categories_unreached == ()
    assert covered.actions_unreached == ()

"""Transaction logs as people have them: what is understood, and what is said of the rest."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from models.calendar import Calendar, day_number
from models.errors import TierstreamError
from streams.jobs.churn.cells import AmbiguousDates, amounts, days
from streams.jobs.churn.table import BadTable, Columns, TransactionLog, read

COLUMNS = Columns("customer", "time", "amount")


def log(
    folder: Path, text: str, columns: Columns = COLUMNS, *, skip_bad: bool = False
) -> TransactionLog:
    file = folder / "sales.csv"
    file.write_text(text, encoding="utf-8")
    return read(file, columns, skip_bad=skip_bad)


@pytest.mark.parametrize(
    "written",
    [
        "2010-12-01",
        "2010-12-01 08:26:00",
        "2010-12-01T23:26:00.123-05:00",
        "20101201",
        "2010/12/1",
        "1 Dec 2010",
        "01-Dec-2010 08:26",
        "December 1, 2010",
        "1291191960",
        "1291191960123",
    ],
)
def test_a_date_that_cannot_be_mistaken(written: str) -> None:
    assert days([written]) == [day_number(date(2010, 12, 1))]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["12/1/2010 8:26", "12/13/2010 9:00"], [date(2010, 12, 1), date(2010, 12, 13)]),
        (["1/12/10", "13/12/10"], [date(2010, 12, 1), date(2010, 12, 13)]),
        (["01.12.2010", "13.12.2010"], [date(2010, 12, 1), date(2010, 12, 13)]),
    ],
)
def test_day_and_month_are_told_apart_by_the_column(
    column: list[str], expected: list[date]
) -> None:
    assert days(column) == [day_number(each) for each in expected]


@pytest.mark.parametrize("column", [["3/4/2011", "5/6/2011"], ["13/4/2011", "4/13/2011"]])
def test_dates_that_can_be_read_in_two_ways_are_not_guessed(column: list[str]) -> None:
    with pytest.raises(AmbiguousDates, match=r"day/month or month/day.*--date-format"):
        days(column)
    found = days(column[:1], "%d/%m/%Y")
    assert found == [day_number(date(2011, 4, int(column[0].partition("/")[0])))]


@pytest.mark.parametrize("text", ["", "yesterday", "2010-02-30", "32/1/2010", "12", "C536379"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert days([text, "13/01/2010"])[0] is None


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["12.50", "-3", "0"], [12.5, -3.0, 0.0]),
        (["1,234.50", "12"], [1234.5, 12.0]),
        (["1.234,50", "1.000", "7,5"], [1234.5, 1000.0, 7.5]),
        (["$12.50", "£ 3", "EUR 4.20", "5 kr", "¥600"], [12.5, 3.0, 4.2, 5.0, 600.0]),
        (["(12.50)", "12.50-", "−4", "-$5"], [-12.5, -12.5, -4.0, -5.0]),
        (["", "n/a", "C536379", "1.2.3"], [None, None, None, None]),
    ],
)
def test_amounts(column: list[str], expected: list[float | None]) -> None:
    assert amounts(column) == expected


def test_purchases_of_a_day_are_one_and_returns_are_none(tmp_path: Path) -> None:
    found = log(
        tmp_path,
        "customer,time,amount\n"
        "ann,2011-01-01 09:00,5\nann,2011-01-01 17:00,2.5\nann,2011-01-04,1\n"
        "bob,2011-01-02,3\nbob,2011-01-03,-3\n,2011-01-05,9\n\n",
    )
    assert found.purchases.customer.tolist() == [0, 0, 1]
    assert [Calendar.date(d).day for d in found.purchases.day.tolist()] == [1, 4, 2]
    assert found.purchases.amount.tolist() == [7.5, 1.0, 3.0]
    assert (found.returns, found.without_customer, found.bad) == (1, 1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "customer;time;amount\nann;01.12.2010;1.234,50\nann;13.12.2010;2,00\n",
        "customer\ttime\tamount\nann\t2010-12-01\t1,234.50\nann\t2010-12-13\t2\n",
        'note,Customer , TIME,amount\n"a, ""b""\nc",ann,12/1/2010,"1,234.50"\n,ann,12/13/2010,2\n',
        "customer  time  amount\n ann  20101201  1234.50\n ann  20101213  2.00\n",
    ],
)
def test_delimiters_quotes_and_header_are_found_out(tmp_path: Path, text: str) -> None:
    found = log(tmp_path, text)
    assert [Calendar.date(d).day for d in found.purchases.day.tolist()] == [1, 13]
    assert found.purchases.amount.tolist() == [1234.5, 2.0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_encoding_and_compression_are_found_out(
    tmp_path: Path,
    encoding: str,
    packed: bool,  # noqa: FBT001
) -> None:
    data = "customer,time,amount\nJosé,2011-01-01,£5\n".encode(encoding)
    file = tmp_path / "sales"
    file.write_bytes(gzip.compress(data) if packed else data)
    assert read(file, COLUMNS).purchases.amount.tolist() == [5.0]


def test_columns_by_number_products_and_segments(tmp_path: Path) -> None:
    rows = "7 20110101 2 1.5 uk\n7 20110109 1 4 fr\n8 20110102 -1 4 uk\n8 20110103 1 1 uk\n"
    found = log(tmp_path, rows, Columns("1", "2", "3*4", "5"))
    assert found.purchases.amount.tolist() == [3.0, 4.0, 1.0]
    assert {name: who.tolist() for name, who in found.segments.items()} == {
        "uk": [False, True],
        "fr": [True, False],
    }, "the newest row of a customer says where she belongs"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("client,time,amount\n", "no column 'customer'. It has client, time, amount. Name the"),
        ("custmer,time,amount\n", "Did you mean 'custmer'"),
        ("", "It has no header"),
        ("customer,time,amount\nann,soon,5\n", r"sales.csv:2: column time: 'soon' is no date"),
        ("customer,time,amount\nann,2011-01-01,free\n", r":2: column amount: 'free' is no amount"),
        ("customer,time,amount\nann,2011-01-01\n", r"sales.csv:2: the row has only 2 cells"),
        ("customer,time,amount\nann,2011-01-01,-5\n", "holds no purchase.*right columns"),
        ("customer,time,amount\n" + "ann,soon\n" * 9, "and 4 more\nCorrect them.*--skip-bad"),
    ],
)
def test_errors_say_where_and_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadTable, match=message):
        log(tmp_path, text)


def test_bad_rows_can_be_left_out(tmp_path: Path) -> None:
    text = "customer,time,amount\nann,soon,5\nann,2011-01-01\nann,2011-01-01,5\n"
    found = log(tmp_path, text, skip_bad=True)
    assert (len(found.purchases.day), found.bad) == (1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "zip archive or an Excel workbook.*save it as CSV"),
        (gzip.compress(b"customer,time,amount\n" * 9, mtime=0)[:-9], "cannot be read to its end"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "sales"
    file.write_bytes(content)
    with pytest.raises(TierstreamError, match=message):
        read(file, COLUMNS)


def test_a_file_or_an_encoding_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(TierstreamError, match="is no file; check the path"):
        read(tmp_path / "nothing.csv", COLUMNS)
    (tmp_path / "some.csv").write_text("customer,time,amount\n", encoding="utf-8")
    with pytest.raises(TierstreamError, match="'klingon' is no encoding"):
        read(tmp_path / "some.csv", COLUMNS, encoding="klingon")

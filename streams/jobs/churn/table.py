"""A transaction log as people have it: a table in a text file, one row for each order or line.

Delimiter, encoding and compression are recognised, dates and amounts read by the column (`cells`).
Amounts below zero are returns, all others purchases, also those for nothing. Rows without a
customer cannot be used, and are counted. Anything else that cannot be read is an error that names
line and column.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from models.churn_history import Flags, Floats, Ints, Purchases
from models.errors import TierstreamError
from streams.jobs.churn.cells import amounts, days
from streams.jobs.churn.textfile import opened

_DELIMITERS = (",", ";", "\t", "|")
_BAD_SHOWN_MAX = 5
_PROGRESS_ROWS = 20_000


class BadTable(TierstreamError):
    """A file that is no transaction log; the message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column is called, or its number from 1 where the file has no header.

    `amount` may be a product of two columns, such as `Quantity*UnitPrice`. `segment`: a column
    that divides the customers; of a customer the last value counts.
    """

    customer: str
    time: str
    amount: str
    segment: str | None = None


class TransactionLog(NamedTuple):
    """The purchases of a file. Customers are indices; `segments`: by name, who belongs."""

    purchases: Purchases
    segments: dict[str, Flags]
    returns: int
    without_customer: int
    bad: int


@dataclass(slots=True)
class _Column:
    """The distinct texts of a column with the line where each was first seen."""

    name: str
    known: dict[str, int] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def add(self, text: str, line: int) -> None:
        index = self.known.setdefault(text, len(self.lines))
        if index == len(self.lines):
            self.lines.append(line)
        self.rows.append(index)

    def values(self, read: Sequence[float | None], bad: list[tuple[int, str]], what: str) -> Floats:
        """Return the value of every row, NaN where there is none; those are added to `bad`."""
        for (text, index), value in zip(self.known.items(), read, strict=True):
            if value is None:
                bad.append((self.lines[index], f"column {self.name}: {text!r} is {what}"))
        return np.array([np.nan if v is None else v for v in read], np.float64)[self.rows]


def read(
    path: Path,
    columns: Columns,
    *,
    date_format: str | None = None,
    encoding: str | None = None,
    skip_bad: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> TransactionLog:
    """Read a transaction log; `progress` is told the number of rows so far.

    Raises:
        BadTable: a column cannot be found, or a cell cannot be read.
        AmbiguousDates: see `cells.days`.
        Unreadable: see `textfile.opened`.
    """
    with opened(path, encoding) as lines:
        table = _Table(path, lines, columns)
        table.scan(progress)
    return table.log(date_format, skip_bad=skip_bad)


class _Table:
    """The cells of the columns that are asked for, and what was wrong with their rows."""

    def __init__(self, path: Path, lines: IO[str], columns: Columns) -> None:
        self._path = path
        head = lines.readline()
        # Where nothing else divides the header, runs of spaces do.
        delimiter = max(_DELIMITERS, key=head.count)
        delimiter = delimiter if delimiter in head else " "
        self._rows = csv.reader(chain([head], lines), delimiter=delimiter, skipinitialspace=True)
        names = [name.strip() for name in next(self._rows, [])]
        factors = [columns.amount] if columns.amount in names else columns.amount.split("*")
        self._customer = _Column(columns.customer)
        self._time = _Column(columns.time)
        self._factors = [_Column(name.strip()) for name in factors]
        self._segment = None if columns.segment is None else _Column(columns.segment)
        optional = [] if self._segment is None else [self._segment]
        self._columns = [self._customer, self._time, *self._factors, *optional]
        asked = [column.name for column in self._columns]
        self._headless: list[list[str]] = []
        if all(name.isdigit() for name in asked) and not set(asked) <= set(names):
            self._headless = [names]
            names = [str(number) for number in range(1, len(names) + 1)]
        self._places = [_place(path, names, name) for name in asked]
        self._bad: list[tuple[int, str]] = []
        self._without_customer = 0

    def scan(self, progress: Callable[[int], None]) -> None:
        """Go through all rows."""
        try:
            for count, cells in enumerate(chain(self._headless, self._rows), 1):
                self._take(cells, self._rows.line_num)
                if count % _PROGRESS_ROWS == 0:
                    progress(count)
        except csv.Error as error:
            raise BadTable(
                f"{self._path}:{self._rows.line_num}: {error}; is a quote left open, or is it no "
                "text file?"
            ) from error

    def _take(self, cells: list[str], line: int) -> None:
        if not any(cells):
            return
        if len(cells) <= max(self._places):
            self._bad.append((line, f"the row has only {len(cells)} cells"))
            return
        texts = [cells[place].strip() for place in self._places]
        if not texts[0]:
            self._without_customer += 1
            return
        for column, text in zip(self._columns, texts, strict=True):
            column.add(text, line)

    def log(self, date_format: str | None, *, skip_bad: bool) -> TransactionLog:
        """Return the purchases of the rows that were scanned."""
        short = len(self._bad)
        day = self._time.values(
            days(list(self._time.known), date_format), self._bad, "no date; say --date-format"
        )
        amount = np.ones(len(day))
        for factor in self._factors:
            amount = amount * factor.values(amounts(list(factor.known)), self._bad, "no amount")
        if not skip_bad:
            self._complain()
        good = ~np.isnan(day) & ~np.isnan(amount)
        bought = good & (amount >= 0.0)
        if not bought.any():
            raise BadTable(
                f"{self._path} holds no purchase: no row has a customer and an amount that is not "
                "negative. Are the right columns named?"
            )
        customer = np.array(self._customer.rows, np.int64)
        return TransactionLog(
            Purchases.of(customer[bought], day[bought].astype(np.int64), amount[bought]),
            self._members(customer, day, good),
            returns=int((good & (amount < 0.0)).sum()),
            without_customer=self._without_customer,
            bad=short + int((~good).sum()),
        )

    def _members(self, customer: Ints, day: Floats, good: Flags) -> dict[str, Flags]:
        if self._segment is None:
            return {}
        order = np.flatnonzero(good)[np.argsort(day[good], kind="stable")]
        newest = np.full(len(self._customer.known), -1)
        newest[customer[order]] = np.array(self._segment.rows)[order]
        return {name or "none": newest == index for name, index in self._segment.known.items()}

    def _complain(self) -> None:
        if not self._bad:
            return
        self._bad.sort()
        shown = [f"{self._path}:{line}: {what}" for line, what in self._bad[:_BAD_SHOWN_MAX]]
        if len(self._bad) > len(shown):
            shown.append(f"and {len(self._bad) - len(shown):,} more")
        advice = "Correct them, or leave such rows out with --skip-bad"
        raise BadTable("\n".join([*shown, advice]))


def _place(path: Path, names: Sequence[str], wanted: str) -> int:
    """Return where a column is; capitals and spaces around names do not matter."""
    if wanted in names:
        return names.index(wanted)
    folded = [name.casefold() for name in names]
    if folded.count(wanted.casefold()) == 1:
        return folded.index(wanted.casefold())
    near = difflib.get_close_matches(wanted.casefold(), folded, n=1)
    hint = f" Did you mean {names[folded.index(near[0])]!r}?" if near else ""
    raise BadTable(
        f"{path} has no column {wanted!r}.{hint} It has {', '.join(names) or 'no header'}. "
        "Name the columns as in the header, or by their number from 1 where there is none"
    )

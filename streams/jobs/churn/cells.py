"""Reading dates and amounts as people's programs write them.

Both are read by the column, not by the cell: 03/04/2011 says which of its numbers is the month only
together with the 17/04/2011 of another row, and 1.250 is a price or a thousand depending on the
other prices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from models.calendar import DAY_S, day_number
from models.errors import TierstreamError

_ISO_LENGTH = 10
_YEAR_DIGITS = 4
_CENTURY = 2000
_MONTHS = 12
_NUMBERS = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?:\D.*)?")
_EPOCH = re.compile(r"(\d{9,10})(\d{3})?(?:\.\d+)?")  # seconds, or thousandths of a second
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d %b %y")  # 1 Dec 2010
_NAMED_PARTS = 3

_COMMA_DECIMAL = re.compile(r"\d(,\d{1,2}|\.\d{3},\d+|,\d{4,})$")
_CURRENCY = re.compile(r"^[^\W\d_]{2,4}\b\.?|\b[^\W\d_]{2,4}\.?$")  # EUR, Rs., kr
_SIGN = re.compile(r"^\(.*\)$|^\D*[-−]|[-−]$")
_BESIDE_DIGITS = re.compile(r"[^\w.,]|_")


class AmbiguousDates(TierstreamError):
    """Every date of a column can be read in two ways."""


def days(texts: Sequence[str], date_format: str | None = None) -> list[int | None]:
    """Return the day numbers of a column of times; None for what is none.

    A day is the one that is written, whatever zone or time follows it. Understood are ISO 8601,
    20101231, 31/12/2010, 12/31/10 (with . and - too), 31 Dec 2010, and seconds or milliseconds
    since 1970; any time may follow. `date_format` (strftime) takes the place of all of these.

    Raises:
        AmbiguousDates: day and month cannot be told apart anywhere in the column.
    """
    if date_format is not None:
        return [_formatted(text, (date_format,)) for text in texts]
    month_first: bool | None = None
    found: list[int | None] = []
    for text in texts:
        numbers = _NUMBERS.fullmatch(text)
        if numbers is None or len(numbers[1]) == _YEAR_DIGITS:
            found.append(_unmistakable(text))
            continue
        if month_first is None:
            month_first = _is_month_first(texts)
        day, month = (2, 1) if month_first else (1, 2)
        year = int(numbers[3]) + (_CENTURY if len(numbers[3]) < _YEAR_DIGITS else 0)
        found.append(_day(year, int(numbers[month]), int(numbers[day])))
    return found


def amounts(texts: Sequence[str]) -> list[float | None]:
    """Return a column of amounts; None for what is none.

    Currency signs and spaces do not matter; (12.50), -12.50 and 12.50- are negative; whether comma
    or point comes before the decimals is found out from the whole column.
    """
    plain = [_BESIDE_DIGITS.sub("", _CURRENCY.sub("", text.strip())) for text in texts]
    comma = any(_COMMA_DECIMAL.search(number) for number in plain)
    return [
        _amount(number, comma=comma, negative=_SIGN.search(text.strip()) is not None)
        for text, number in zip(texts, plain, strict=True)
    ]


def _unmistakable(text: str) -> int | None:
    try:
        head = text[:_ISO_LENGTH]
        return day_number(date.fromisoformat(head if "-" in head else head[:8]))
    except ValueError:
        pass
    numbers = _NUMBERS.fullmatch(text)
    if numbers is not None:
        return _day(int(numbers[1]), int(numbers[2]), int(numbers[3]))
    seconds = _EPOCH.fullmatch(text)
    if seconds is not None:
        return int(seconds[1]) // DAY_S
    words = text.replace(",", " ").replace("-", " ").split()
    return _formatted(" ".join(words[:_NAMED_PARTS]), _NAMED)


def _is_month_first(texts: Sequence[str]) -> bool:
    matches = [m for text in texts if (m := _NUMBERS.fullmatch(text)) and len(m[1]) < _YEAR_DIGITS]
    day_leads = any(int(each[1]) > _MONTHS for each in matches)
    month_leads = any(int(each[2]) > _MONTHS for each in matches)
    if day_leads == month_leads:
        example = matches[0][0]
        raise AmbiguousDates(
            f"{example!r} can be read as day/month or month/day, and no other date of the column "
            "tells which; say it with --date-format, such as '%d/%m/%Y'"
        )
    return month_leads


def _day(year: int, month: int, day: int) -> int | None:
    try:
        return day_number(date(year, month, day))
    except ValueError:
        return None


def _formatted(text: str, formats: Iterable[str]) -> int | None:
    for each in formats:
        try:
            return day_number(datetime.strptime(text, each).replace(tzinfo=UTC).date())
        except ValueError:
            continue
    return None


def _amount(number: str, *, comma: bool, negative: bool) -> float | None:
    thousands, point = (".", ",") if comma else (",", ".")
    plain = number.replace(thousands, "").replace(point, ".")
    if not re.fullmatch(r"\d+\.?\d*|\.\d+", plain):
        return None
    return -float(plain) if negative else float(plain)

"""Days of a time zone. Everything inside Tierstream is whole seconds since 1970 (UTC).

A day is the number of local days since 1970-01-01, so windows are integer arithmetic. The offset of
a zone is looked up once per day (UTC) and remembered, which makes `day` about ten times cheaper
than going through `datetime`. On a day on which clocks change it is looked up once per minute, for
not all change on the hour: Newfoundland's did at 00:01.
"""

from __future__ import annotations

import errno
from calendar import isleap
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, reset_tzpath

reset_tzpath(())  # the package's zones alone: two hosts' own may differ, and with them the bytes

DAY_S = 86_400
PERIOD_MONTHS = {"month": 1, "quarter": 3, "half": 6, "year": 12}
_MINUTE_S = 60
_DAY_MIN = 1_440
_DAYS_MAX = 10_000  # days remembered, of each kind: 27 years, about 1 MB
_EPOCH = date(1970, 1, 1)
_NO_ZONES = ("localtime", "posixrules", "posix/", "right/")
"""Files beside the zones: what this machine is set to, and times that count leap seconds."""
_NO_HANDLES = (errno.EMFILE, errno.ENFILE)
_MINUTES = tuple(f"T{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60))
_SECONDS = tuple(f"{second:02d}Z" for second in range(60))


class Span(NamedTuple):
    """Some days in a row, both ends included. None: without that end."""

    first: int | None
    last: int | None


class Calendar:
    """Converts between instants (seconds, UTC) and local day numbers of one zone."""

    __slots__ = ("_offsets", "_starts", "_zone", "name")

    def __init__(self, name: str) -> None:
        try:
            self._zone = ZoneInfo("" if name.startswith(_NO_ZONES) else name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _NO_HANDLES:
                raise  # of this process, not of the name
            message = f"unknown time zone {name!r}; use a name such as 'Europe/London' or 'UTC'"
            raise ValueError(message) from error
        self.name = name
        self._offsets: dict[int, int] = {}
        self._starts: dict[int, int] = {}

    def day(self, at: int) -> int:
        """Return the local day number of instant `at`."""
        offset = self._offsets.get(at // DAY_S)
        if offset is None:
            offset = self._offset(at)
        return (at + offset) // DAY_S

    def start(self, day: int) -> int:
        """Return the instant at which local day `day` begins."""
        start = self._starts.get(day)
        if start is None:
            if len(self._starts) >= _DAYS_MAX:
                self._starts.clear()
            start = self._starts[day] = self._start(day)
        return start

    def _start(self, day: int) -> int:
        midnight = datetime.combine(self.date(day), datetime.min.time(), self._zone)
        start = int(midnight.timestamp())
        # Where the clocks jump over midnight, the day begins at the jump.
        while self.day(start) < day:
            start += _MINUTE_S
        return start

    @staticmethod
    def date(day: int) -> date:
        """Return the calendar date of a day number."""
        return _EPOCH + timedelta(days=day)

    def _offset(self, at: int) -> int:
        """Return the offset at an instant; remember it where it is that of the whole day."""
        day = at // DAY_S
        offset = _ahead_s(self._zone, day * _DAY_MIN)
        if offset != _ahead_s(self._zone, (day + 1) * _DAY_MIN - 1):
            return _ahead_s(self._zone, at // _MINUTE_S)
        if len(self._offsets) >= _DAYS_MAX:
            self._offsets.clear()
        self._offsets[day] = offset
        return offset


@lru_cache(maxsize=1_024)
def _ahead_s(zone: ZoneInfo, minute: int) -> int:
    """Return by how much a zone's clocks are ahead of UTC in a minute since 1970."""
    offset = datetime.fromtimestamp(minute * _MINUTE_S, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


@lru_cache(maxsize=64)
def calendar(name: str) -> Calendar:
    """Return the shared calendar of a zone; its remembered offsets are a pure cache."""
    return Calendar(name)


def day_number(when: date) -> int:
    """Return the day number of a calendar date."""
    return (when - _EPOCH).days


@lru_cache(maxsize=4_096)
def period_of(name: str, day: int) -> tuple[int, int]:
    """Return the first and last day of the calendar period of `PERIOD_MONTHS` that holds a day.

    >>> [str(Calendar.date(day)) for day in period_of("quarter", day_number(date(2026, 5, 9)))]
    ['2026-04-01', '2026-06-30']
    """
    months = PERIOD_MONTHS[name]
    when = Calendar.date(day)
    first = date(when.year, (when.month - 1) // months * months + 1, 1)
    years, month = divmod(first.month - 1 + months, 12)
    return day_number(first), day_number(date(first.year + years, month + 1, 1)) - 1


def year_from(start: int, day: int) -> tuple[int, int]:
    """Return the first and last day of the year that holds a day, counted from day `start`."""
    year = Calendar.date(day).year
    first = anniversary(start, year)
    if first > day:
        return anniversary(start, year - 1), first - 1
    return first, anniversary(start, year + 1) - 1


def anniversary(day: int, year: int) -> int:
    """Return the day number of a day's anniversary in `year`; 29 February's may be the 28th."""
    when = Calendar.date(day)
    if (when.month, when.day) == (2, 29) and not isleap(year):
        return day_number(date(year, 2, 28))
    return day_number(date(year, when.month, when.day))


def rfc3339(at: int) -> str:
    """Write an instant as RFC 3339 in UTC. From tables, for `strftime` takes ten times as long.

    >>> rfc3339(1_772_366_400)
    '2026-03-01T12:00:00Z'
    """
    day, second = divmod(at, DAY_S)
    return iso_date(day) + _MINUTES[second // 60] + _SECONDS[second % 60]


@lru_cache(maxsize=4_096)
def iso_date(day: int) -> str:
    """Write the date of a day number as ISO 8601.

    >>> iso_date(20_513)
    '2026-03-01'
    """
    return Calendar.date(day).isoformat()

"""Days of a zone: as the standard library says, also where clocks are changed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import calendar as calendar_module
from models.calendar import (
    DAY_S,
    PERIOD_MONTHS,
    Calendar,
    anniversary,
    calendar,
    day_number,
    period_of,
    rfc3339,
    year_from,
)

# Summer time at one o'clock, at midnight and a minute later (St John's, till 2011), half hours, and
# a skipped day (Apia, December 2011).
ZONES = ("UTC", "Europe/London", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Shanghai",
         "Pacific/Apia", "America/New_York", "Africa/Cairo", "America/St_Johns")  # fmt: skip
instants = st.integers(0, 4_102_444_800)


@given(st.sampled_from(ZONES), instants)
def test_an_instant_is_on_its_local_day(zone: str, at: int) -> None:
    local = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone))
    assert calendar(zone).day(at) == day_number(local.date())
    assert Calendar.date(calendar(zone).day(at)) == local.date()


@given(st.sampled_from(ZONES), instants)
def test_a_day_starts_at_its_first_instant(zone: str, at: int) -> None:
    days = calendar(zone)
    start = days.start(days.day(at))
    assert start <= at
    assert days.day(start) == days.day(at)
    assert days.day(start - 1) < days.day(start)
    assert days.day(start) != days.day(start - 1)


def test_clocks_that_change_a_minute_after_midnight() -> None:
    days, midnight = Calendar("America/St_Johns"), 1_289_097_000  # 7 November 2010, 02:30 UTC
    before = days.day(midnight - 1)
    assert [days.day(midnight + s) - before for s in (0, 59, 60, 899, 3_599, 3_600)] == [
        *(1, 1, 0, 0, 0, 1)
    ]


def test_a_year_that_was_looked_at_takes_little_memory() -> None:
    days = Calendar("Europe/London")
    tracemalloc.start()
    for at in range(1_700_000_000, 1_700_000_000 + 366 * DAY_S, 900):
        days.day(at)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 500_000


def test_a_day_that_begins_at_one_in_the_morning() -> None:
    days = calendar("America/Sao_Paulo")
    start = days.start(day_number(date(2018, 11, 4)))
    assert rfc3339(start) == "2018-11-04T03:00:00Z"


@given(st.dates(date(1970, 1, 1), date(2099, 12, 31)))
def test_a_day_number_counts_days(when: date) -> None:
    assert Calendar.date(day_number(when)) == when
    assert day_number(when + timedelta(days=1)) == day_number(when) + 1


@pytest.mark.parametrize(
    "name",
    ["Mars", "localtime", "right/UTC", "../etc", "", "Europe", "America/Argentina", "x" * 300],
)
def test_an_unknown_zone_says_what_a_zone_is_called(name: str) -> None:
    with pytest.raises(ValueError, match="use a name such as 'Europe/London'"):
        Calendar(name)


def test_a_zone_that_this_process_cannot_open_is_not_called_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_name: str) -> ZoneInfo:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(calendar_module, "ZoneInfo", full)
    with pytest.raises(OSError, match="too many open files"):
        Calendar("Europe/London")


def test_instants_are_written_in_utc() -> None:
    assert rfc3339(1_700_000_000) == "2023-11-14T22:13:20Z"


@given(st.sampled_from(sorted(PERIOD_MONTHS)), st.dates(date(1980, 1, 1), date(2090, 12, 31)))
def test_a_period_holds_its_day_and_as_many_months_as_its_name_says(name: str, day: date) -> None:
    first, last = (Calendar.date(end) for end in period_of(name, day_number(day)))
    after = Calendar.date(day_number(last) + 1)
    assert first <= day <= last
    assert first.day == after.day == 1
    months = (after.year - first.year) * 12 + after.month - first.month
    assert months == PERIOD_MONTHS[name]
    assert (first.month - 1) % months == 0


@given(st.dates(date(1980, 1, 1), date(2020, 12, 31)), st.integers(0, 40_000))
def test_a_year_from_a_date_holds_its_day(start: date, later: int) -> None:
    day = day_number(start) + later % 12_000
    first, last = year_from(day_number(start), day)
    assert first <= day <= last
    assert last - first in {364, 365}
    assert year_from(day_number(start), last + 1)[0] == last + 1
    assert anniversary(day_number(start), Calendar.date(first).year) == first


def test_zones_are_the_packages_whatever_the_host_has(tmp_path: Path) -> None:
    zones = tmp_path / "Europe"
    zones.mkdir()
    tokyo = resources.files("tzdata.zoneinfo.Asia").joinpath("Tokyo")
    (zones / "London").write_bytes(tokyo.read_bytes())  # a host with other data
    program = "from models.calendar import calendar; print(calendar('Europe/London').start(20_000))"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONTZPATH": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ran.stdout) == calendar("Europe/London").start(20_000)

"""The URL of Redis: how it is read, and that no part of its password is ever told."""

from __future__ import annotations

import traceback

import pytest

from streams.errors import Halt
from streams.settings import Redis, Settings
from streams.store.resp import Address


def test_a_url_says_where_and_who() -> None:
    address = Address.parse("rediss://app:S3cret%2Fx%23%3F%40%25@db:6380/2")
    assert address == Address("db", 6_380, 2, tls=True, credentials=("app", "S3cret/x#?@%"))
    assert Address.parse("redis://db") == Address("db", 6_379, 0, tls=False, credentials=())


@pytest.mark.parametrize(
    "url",
    [
        "redis://app:S3cret/x@db:6379/0",
        "redis://app:12345/S3cret@db:6379/0",
        "redis://:S3cret?x@db",
        "redis://:12345?S3cret@db",
        "redis://app:S3cr[et@db:6379",
        "redis://app:12345#S3cret@db:6379",
        "redis://app:S3cret@db:port",
        "redis://app:S3cret@db:6379/zero",
        "redis://app:S3cret@",
        "http://app:S3cret@db",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_a_part_of_its_password(url: str) -> None:
    with pytest.raises(Halt, match=r"/ # \? @ % are written %2F %23 %3F %40 %25") as caught:
        Address.parse(url)
    said = "".join(traceback.format_exception_only(caught.value))
    assert not any(part in said for part in ("S3cr", "12345", "x@db"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_settings_do_not_show_it() -> None:
    shown = repr(Settings(redis=Redis(url="redis://app:S3cret@db")))
    assert "S3cret" not in shown

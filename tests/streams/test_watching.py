"""`tierstream watch`: a record that is no change is named, and the next one is told."""

from __future__ import annotations

import pytest

from models.calendar import calendar
from streams.commands.data import _tell
from streams.log.feed import Item
from streams.log.port import Record
from streams.topics import TIER_CHANGED


@pytest.mark.parametrize("value", [b"nonsense", b"{}", b'{"id":"\xff"}'])
def test_what_is_no_change_is_named_and_passed_over(
    capsys: pytest.CaptureFixture[str], value: bytes
) -> None:
    item = Item(f"shop.{TIER_CHANGED}", 3, Record(7, 0, b"C-1", value))
    _tell(item, TIER_CHANGED, value, calendar("UTC"))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"shop.{TIER_CHANGED}, partition 3, offset 7: no change that")

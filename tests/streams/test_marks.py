"""Source marks: what they tell, and that there are never more of them than fit a record."""

from __future__ import annotations

import pytest

from models.errors import Reason
from streams.log.port import BATCH_BYTES_MAX, Record
from streams.marks import MARK_HEADER, PLACES_BYTES_MAX, Marks, TooManyPlaces
from streams.store import keys
from tests.streams.place import Place, purchase

COUNT = 4_000


def place_of(number: int) -> bytes:
    """The longest name of a place."""
    return b"t" * 249 + b"#" + b"i" * 22 + b"/%010d" % number


FITTING = PLACES_BYTES_MAX // len(place_of(0) + b'"",')


def marked(place: bytes, offset: int = 1) -> Record:
    return Record(0, 0, b"anna", b"{}", ((MARK_HEADER, b"%b:%d" % (place, offset)),))


def test_marks_are_remembered_as_long_as_their_names_fit_a_record() -> None:
    marks = Marks({place_of(number): 1 for number in range(FITTING - 1)})
    assert not marks.repeated(marked(place_of(FITTING)))
    with pytest.raises(TooManyPlaces, match=f"marks of {FITTING:,} source partitions"):
        marks.repeated(marked(place_of(FITTING + 1)))
    assert marks.repeated(marked(place_of(0)))
    assert not marks.repeated(marked(place_of(0), 2))
    assert len(marks.fields()[keys.SOURCES]) < BATCH_BYTES_MAX


async def test_a_mark_too_many_is_set_aside_and_the_others_go_on() -> None:
    place = Place()
    partition = await place.taken()
    for first in range(0, COUNT, 1_000):
        numbers = range(first, first + 1_000)
        marks = (((MARK_HEADER, place_of(number) + b":1"),) for number in numbers)
        place.append(*(purchase(1)._replace(headers=headers) for headers in marks))
        await place.feed(partition)
    assert set(place.told.letters) == {Reason.REFUSED}
    assert len(place.told.letters) == COUNT - FITTING
    again = place.partition()
    await place.feed(again)
    assert again.marks == partition.marks

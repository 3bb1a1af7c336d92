"""A customer's state: what was seen, and its packed form."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import customer
from models.customer import (
    SEEN_BYTES,
    SEEN_MAX,
    Conclusions,
    CustomerState,
    Facts,
    Feed,
    Root,
    is_seen,
    pack,
    remember,
    remember_all,
    seen_key,
    unpack,
)
from models.errors import BadState
from models.ids import event_hash

keys = st.builds(
    lambda at, name: seen_key(at, event_hash("shop", name)), st.integers(0, 9), st.text(max_size=3)
)


@given(st.lists(keys, max_size=40, unique=True), keys)
def test_what_was_remembered_is_seen_and_nothing_else(known: list[bytes], other: bytes) -> None:
    state = CustomerState()
    for key in known:
        remember(state, key, 0)
    assert all(is_seen(state, key) for key in known)
    assert is_seen(state, other) == (other in known)
    assert state.seen == b"".join(sorted(known))
    assert state.floor == b""


def test_a_match_across_two_entries_is_none() -> None:
    state = CustomerState()
    first, second = bytes(range(12)), bytes(range(12, 24))
    remember(state, first, 0)
    remember(state, second, 0)
    assert not is_seen(state, (first + second)[5 : 5 + SEEN_BYTES])


@given(st.lists(st.integers(0, 1_000), max_size=60), st.integers(0, 1_000))
def test_old_events_are_forgotten_without_a_floor(instants: list[int], oldest: int) -> None:
    state = CustomerState()
    for index, at in enumerate(instants):
        remember(state, seen_key(at, index.to_bytes(8, "big")), 0)
    remember(state, seen_key(1_001, bytes(8)), oldest)
    assert len(state.seen) == SEEN_BYTES * (1 + sum(at >= oldest for at in instants))
    assert state.floor == b""


def test_beyond_the_limit_the_oldest_raise_the_floor() -> None:
    state = CustomerState()
    entries = [seen_key(at, bytes(8)) for at in range(SEEN_MAX + 3)]
    for key in reversed(entries):
        remember(state, key, 0)
    assert len(state.seen) == SEEN_MAX * SEEN_BYTES
    assert state.floor == entries[2]
    assert not is_seen(state, entries[2])
    assert is_seen(state, entries[3])


@given(st.lists(keys, unique=True), st.lists(keys, unique=True))
def test_two_memories_together_are_that_of_one_customer(
    one: list[bytes], other: list[bytes]
) -> None:
    """Also where it is full: what it no longer knows is at or below the floor."""
    mine, others, whole = CustomerState(), CustomerState(), CustomerState()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(customer, "SEEN_MAX", 3)
        for state, known in ((mine, one), (others, other), (whole, {*one, *other})):
            for key in known:
                remember(state, key, 0)
        remember_all(mine, others)
    assert (mine.seen, mine.floor) == (whole.seen, whole.floor)


def full_state() -> CustomerState:
    return CustomerState(
        era=3,
        due=1_800_000_000,
        seen=bytes(SEEN_BYTES),
        facts=Facts(
            currency="EUR", days=[20_000], net_minor=[500], orders=[1],
            series={"refund": ([20_000], [5])}, profile={"city": (5, "York"), "tags": (6, ["a"])},
        ),
        concluded=Conclusions(tier=1, categories=[0, None], feeds={0: Feed(2, bytes(16))}),
        root=Root("purchase", "e1", 1_700_000_000),
    )  # fmt: skip


def test_packing_is_lossless() -> None:
    assert unpack(pack(full_state())) == full_state()
    assert pack(unpack(pack(full_state()))) == pack(full_state())


@pytest.mark.parametrize("kept", range(8))
def test_a_state_from_before_a_field_was_added_is_readable(kept: int) -> None:
    fields = msgspec.msgpack.decode(pack(full_state()))
    older = unpack(msgspec.msgpack.encode(fields[:kept]))
    assert msgspec.msgpack.decode(pack(older))[:kept] == fields[:kept]
    assert pack(older) == pack(
        CustomerState(*[getattr(full_state(), n) for n in CustomerState.__struct_fields__[:kept]])
    )


def test_facts_and_conclusions_from_before_a_field_was_added_are_readable() -> None:
    fields = msgspec.msgpack.decode(pack(full_state()))
    fields[4], fields[5] = fields[4][:5], fields[5][:2]
    older = unpack(msgspec.msgpack.encode(fields))
    assert older.facts == Facts(currency="EUR")
    assert older.concluded == Conclusions(tier=1)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x93\xa1x", b"\x92\xa1x\x01"])
def test_what_is_no_state_says_so(data: bytes) -> None:
    with pytest.raises(BadState, match="was it written by a newer version"):
        unpack(data)

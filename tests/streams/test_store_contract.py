"""The in-memory store keeps the contract; a server that is no Redis is told with the mend."""

import asyncio

import pytest

from streams.errors import Halt, Unavailable
from streams.store.memory import MemoryStore
from streams.store.port import EMPTY
from streams.store.resp import Connection
from tests.contracts.store import ME, P, StoreContract, check_scan_beyond_a_restart, step


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestMemoryStore(StoreContract):
    """The shared suite, in memory."""


async def test_a_snapshot_brings_an_older_view_back(store: MemoryStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}, {b"c": 5}))
    older, view = store.snapshot(P), await store.view(P, [b"x"])
    for applied in (1, 2):
        assert await store.apply(P, ME, applied, step(applied + 1, {b"x": b"2"}, {b"c": None}))
    for _ in range(2):
        store.restore(P, older)
        assert await store.view(P, [b"x"]) == view
        assert await store.due(P, 5, 1) == [b"c"]
        assert await store.apply(P, ME, 1, step(9, {b"x": b"3"}, {b"c": None}))


async def test_lost_parts_show_in_the_counts(store: MemoryStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1", b"y": b"2"}, {b"c": 5, b"d": 6}))
    store.lose_fields(P, [b"x", b"unknown"])
    store.lose_dues(P, [b"d"])
    view = await store.view(P, [b"x", b"y"])
    assert view.values == [None, b"2"]
    assert (view.fields, view.meta.fields) == (1, 2)
    assert (view.dues, view.meta.dues) == (1, 2)


async def test_losing_everything_loses_the_owner(store: MemoryStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}))
    store.lose(P)
    assert await store.view(P, [b"x"]) == (EMPTY, 0, 0, [None])
    assert not await store.apply(P, ME, 1, step(2))


async def test_a_scan_goes_on_where_the_server_orders_its_fields_anew(store: MemoryStore) -> None:
    async def restart() -> None:
        store.restart()

    await check_scan_beyond_a_restart(store, restart)


@pytest.mark.parametrize(
    ("hangs_up", "said"),
    [(True, "closed the connection"), (False, r"not answer PING within 0.2 s")],
)
async def test_a_server_that_is_no_redis_is_told_with_what_to_look_at(
    hangs_up: bool,  # noqa: FBT001 - a row of the table
    said: str,
) -> None:
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if not hangs_up:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection(f"redis://127.0.0.1:{port}", timeout_s=0.2)
        with pytest.raises(Unavailable, match=rf"{said}.*Redis at all.*`rediss://`.*_REDIS_URL"):
            await connection.call("PING")
        await connection.close()
        await over.wait()


@pytest.mark.parametrize(
    ("url", "refusal", "meaning"),
    [
        (
            ":wrong@{}/0",
            "WRONGPASS invalid username-password pair",
            (Halt, "answered and refused AUTH .*Correct user, password or database"),
        ),
        (
            ":none@{}/0",
            "ERR AUTH <password> called without any password configured",
            (Halt, "answered and refused AUTH"),
        ),
        ("{}/99", "ERR DB index is out of range", (Halt, "answered and refused SELECT")),
        ("{}/1", "ERR max number of clients reached", (Unavailable, "max number of clients")),
    ],
)
async def test_a_refused_greeting_is_told_from_no_answer(
    url: str, refusal: str, meaning: tuple[type[Exception], str]
) -> None:
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(f"-{refusal}\r\n".encode())
        await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection(f"redis://{url.format(f'127.0.0.1:{port}')}", 1)
        kind, said = meaning
        with pytest.raises(kind, match=said):
            await connection.call("PING")
        await connection.close()
        await over.wait()

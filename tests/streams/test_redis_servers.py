"""What servers of other versions than the tests' own say, and understand."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import hiredis
import pytest

from streams.errors import Halt, Unavailable
from streams.store.redis import RedisStore, StoreFacts
from streams.store.resp import ReplyFailed

BEFORE_7 = b"-ERR Error running script (call to f_c0e4): @user_script:21: "
SINCE_7 = b" script: c0e4, on @user_script:21.\r\n"
READ_ONLY = b"-READONLY You can't write against a read only replica."
WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"


@asynccontextmanager
async def serving(
    *replies: bytes,
) -> AsyncIterator[tuple[RedisStore, list[list[bytes]]]]:
    """A store whose server gives these replies in turn; and the commands that it was given."""
    left, commands = deque(replies), list[list[bytes]]()
    serving = set[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        parser = hiredis.Reader()
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    commands.append(command)
                    writer.write(left.popleft())
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = RedisStore(f"redis://127.0.0.1:{port}", "app")
    async with server:
        yield store, commands
        await store.close()
        await asyncio.gather(*filter(None, serving))


async def test_dues_are_asked_for_in_a_way_that_every_version_understands() -> None:
    async with serving(b"*1\r\n$3\r\nc-1\r\n") as (store, commands):
        assert await store.due(0, 60, 10) == [b"c-1"]
    ((name, _, *rest),) = commands
    assert (name, rest) == (b"ZRANGEBYSCORE", [b"-inf", b"60", b"LIMIT", b"0", b"10"])


async def test_facts_are_asked_for_in_a_way_that_every_version_understands() -> None:
    info = b"redis_version:5.0.7\r\nmaxmemory_policy:noeviction\r\naof_enabled:0\r\nrole:master\r\n"
    async with serving(b"$%d\r\n%b\r\n" % (len(info), info)) as (store, commands):
        assert await store.check() == StoreFacts("redis 5.0.7", "noeviction", appendonly=False)
    assert commands == [[b"INFO"]]


@pytest.mark.parametrize(
    "said",
    [BEFORE_7 + b"@user_script: 21: " + READ_ONLY + b"\r\n", READ_ONLY + SINCE_7],
    ids=["before 7.0", "since 7.0"],
)
async def test_a_replica_is_left_whatever_version_it_has(said: bytes) -> None:
    async with serving(said) as (store, _):
        with pytest.raises(Unavailable, match="READONLY"):
            await store.claim(0, "me")
        assert store._connection._link is None


@pytest.mark.parametrize(
    "said",
    [BEFORE_7 + WRONG_TYPE + b"\r\n", b"-" + WRONG_TYPE + SINCE_7],
    ids=["before 7.0", "since 7.0"],
)
async def test_a_key_of_another_kind_asks_for_a_person_whatever_version_says_so(
    said: bytes,
) -> None:
    async with serving(said) as (store, _):
        with pytest.raises(Halt, match="no other program uses the same key prefix"):
            await store.claim(0, "me")


def failed(said: str) -> str:
    return ReplyFailed("EVALSHA", hiredis.ReplyError(said)).code


def test_an_error_s_code_is_its_first_word_but_for_what_a_script_met() -> None:
    assert failed("NOSCRIPT No matching script.") == "NOSCRIPT"
    assert failed("ERR unknown command 'X: -READONLY y'") == "ERR"
    full = "@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'."
    assert failed(f"ERR Error running script (call to f_c0e4): @user_script:1: {full}") == "OOM"
    lua = "@user_script:1: attempt to index a nil value"
    assert failed(f"ERR Error running script (call to f_c0e4): {lua}") == "ERR"

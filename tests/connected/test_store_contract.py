"""The store on a real server keeps the contract; what only a real server can do to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.valkey import Valkey
from streams.errors import Halt, Unavailable
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import EMPTY, Store
from streams.store.redis import RedisStore
from streams.store.resp import Connection
from tests.contracts.store import (
    ME,
    OTHER,
    P,
    StoreContract,
    check_scan_beyond_a_restart,
    scan_all,
    step,
)


@pytest.fixture
async def store(valkey: str, app_name: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(valkey, app_name)
    yield store
    await store.close()


@pytest.fixture
async def server(valkey: str) -> AsyncIterator[Connection]:
    """A second connection to the shared server, to do things behind the store's back."""
    connection = Connection(valkey, timeout_s=5.0)
    yield connection
    await connection.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Valkey]:
    """A server that this test may break."""
    with Valkey.start(tmp_path, persist=False) as valkey:
        yield valkey


class TestRedisStore(StoreContract):
    """The shared suite, on a server."""


async def test_scripts_that_the_server_forgot_are_sent_again(
    store: RedisStore, server: Connection
) -> None:
    for applied in range(3):
        await server.call("SCRIPT", "FLUSH")
        assert (await store.claim(P, ME)).applied == applied
        await server.call("SCRIPT", "FLUSH")
        assert await store.apply(P, ME, applied, step(applied + 1, {b"x": b"%d" % applied}))
        await server.call("SCRIPT", "FLUSH")
        assert (await store.view(P, [b"x"])).values == [b"%d" % applied]
    await server.call("SCRIPT", "FLUSH")
    assert await store.wipe(P, ME, ME)


async def test_lost_parts_show_in_the_counts(
    store: RedisStore, server: Connection, app_name: str
) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1", b"y": b"2"}, {b"c": 5, b"d": 6}))
    await server.call("HDEL", keys.hash_key(app_name, P), b"x")
    await server.call("ZREM", keys.due_key(app_name, P), b"c")
    view = await store.view(P, [b"x", b"y"])
    assert view.values == [None, b"2"]
    assert (view.fields, view.meta.fields) == (1, 2)
    assert (view.dues, view.meta.dues) == (1, 2)
    await server.call("HDEL", keys.hash_key(app_name, P), keys.META)
    assert await store.view(P, []) == (EMPTY, 1, 1, [])


async def test_a_step_that_breaks_off_leaves_no_meta(
    store: RedisStore, server: Connection, app_name: str
) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}))
    await server.call("SET", keys.due_key(app_name, P), "not an index")
    with pytest.raises(Halt, match="WRONGTYPE"):
        await store.apply(P, ME, 1, step(2, {b"x": b"2"}, {b"c": 5}))
    assert await server.call("HGET", keys.hash_key(app_name, P), b"x") == b"2"
    assert await store.claim(P, OTHER) == EMPTY
    assert await store.wipe(P, OTHER, OTHER)
    assert await store.view(P, [b"x"]) == (EMPTY._replace(owner=OTHER), 0, 0, [None])


async def test_meta_that_cannot_be_read_counts_as_lost(
    store: RedisStore, server: Connection, app_name: str
) -> None:
    for damaged in (b"", b"nonsense", b"a b c d e f", ME.encode() + b" 7 8"):
        await server.call("HSET", keys.hash_key(app_name, P), keys.META, damaged)
        assert (await store.view(P, [])).meta == EMPTY
        assert await store.claim(P, OTHER) == EMPTY
        assert await store.claim(P, ME) == EMPTY._replace(owner=OTHER)
        assert await store.wipe(P, ME, ME)


async def test_keys_of_another_kind_are_named(
    store: RedisStore, server: Connection, app_name: str
) -> None:
    await server.call("SET", keys.hash_key(app_name, P), b"somebody else's")
    with pytest.raises(Halt, match=r"WRONGTYPE.*key prefix"):
        await store.claim(P, ME)


async def test_calls_of_many_partitions_share_the_connection(store: RedisStore) -> None:
    async def work(partition: int) -> None:
        await store.claim(partition, ME)
        for applied in range(20):
            fields = {b"x": b"%d/%d" % (partition, applied)}
            assert await store.apply(partition, ME, applied, step(applied + 1, fields))
            assert (await store.view(partition, [b"x"])).values == list(fields.values())

    await asyncio.gather(*(work(partition) for partition in range(32)))


async def test_a_caller_that_gives_up_does_not_shift_replies(store: RedisStore) -> None:
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1" * 100_000, b"y": b"2"}))
    for _ in range(20):
        given_up = asyncio.create_task(store.view(P, [b"x"] * 50))
        await asyncio.sleep(0)
        given_up.cancel()
        assert (await store.view(P, [b"y"])).values == [b"2"]


async def test_a_restarted_server_is_found_again_empty(own_server: Valkey) -> None:
    store = RedisStore(own_server.url, "app")
    await store.claim(P, ME)
    assert await store.apply(P, ME, 0, step(1, {b"x": b"1"}))
    own_server.kill()
    with pytest.raises(Unavailable):
        await store.view(P, [b"x"])
    with pytest.raises(Unavailable, match="TIERSTREAM_REDIS_URL"):
        await store.view(P, [b"x"])
    own_server.restart()
    assert await store.view(P, [b"x"]) == (EMPTY, 0, 0, [None])
    await store.close()


async def test_a_scan_goes_on_where_a_restart_orders_the_fields_anew(tmp_path: Path) -> None:
    with Valkey.start(tmp_path) as server:
        store = RedisStore(server.url, "app")

        async def restart() -> None:
            server.kill()
            server.restart()
            await store.close()  # the next call opens a connection

        assert (await store.check()).appendonly
        await check_scan_beyond_a_restart(store, restart)
        await store.close()


async def test_a_server_that_became_a_replica_is_asked_for_anew(
    own_server: Valkey, valkey: str
) -> None:
    store, server = RedisStore(own_server.url, "app"), Connection(own_server.url, timeout_s=5.0)
    await store.claim(P, ME)
    link = store._connection._link
    await server.call("REPLICAOF", "127.0.0.1", urlsplit(valkey).port or 0)
    with pytest.raises(Unavailable, match="READONLY"):
        await store.claim(P, ME)
    assert link is not None
    assert not link.is_open
    with pytest.raises(Unavailable, match=r"replica of 127.0.0.1.*must lead to the primary"):
        await store.check()
    await server.call("REPLICAOF", "NO", "ONE")
    await store.claim(P, ME)
    await server.close()
    await store.close()


async def test_a_frozen_server_is_unavailable_in_bounded_time(own_server: Valkey) -> None:
    store = RedisStore(own_server.url, "app", timeout_s=0.3)
    await store.claim(P, ME)
    own_server.pause()
    outcomes = await asyncio.gather(
        store.apply(P, ME, 0, step(1)), store.view(P, []), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    own_server.resume()
    assert (await store.view(P, [])).meta.owner == ME
    await store.close()


async def test_a_server_that_evicts_is_refused(own_server: Valkey) -> None:
    store = RedisStore(own_server.url, "app")
    facts = await store.check()
    assert facts.server.startswith(("valkey ", "redis "))
    assert (facts.maxmemory_policy, facts.appendonly) == ("noeviction", False)
    server = Connection(own_server.url, timeout_s=5.0)
    await server.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(Halt, match=r"allkeys-lru.*set `maxmemory-policy noeviction`"):
        await store.check()
    await server.close()
    await store.close()


async def test_a_full_server_refuses_a_step_whole(own_server: Valkey) -> None:
    store = RedisStore(own_server.url, "app")
    server = Connection(own_server.url, timeout_s=5.0)
    await store.claim(P, ME)
    await server.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(Unavailable, match="OOM"):
        await store.apply(P, ME, 0, step(1, {b"x": b"1"}, {b"c": 5}))
    assert await store.view(P, [b"x"]) == (EMPTY._replace(owner=ME), 0, 0, [None])
    await server.close()
    await store.close()


async def test_passwords_and_databases_come_from_the_url(own_server: Valkey) -> None:
    server = Connection(own_server.url, timeout_s=5.0)
    await server.call("CONFIG", "SET", "requirepass", "s3cret/word")
    await server.close()
    place = f"127.0.0.1:{own_server.port}"
    for url in (f"redis://{place}/0", f"redis://:wrong@{place}/0"):
        store = RedisStore(url, "app")
        with pytest.raises(Halt, match=r"[Uu]ser(,| and) password"):
            await store.claim(P, ME)
        await store.close()
    store = RedisStore(f"redis://:s3cret%2Fword@{place}/2", "app")
    await store.claim(P, ME)
    other = RedisStore(f"redis://default:s3cret%2Fword@{place}/0", "app")
    assert (await other.view(P, [])).meta == EMPTY
    await store.close()
    await other.close()


@pytest.mark.parametrize("url", ["localhost:6379", "http://x", "redis://", "redis://h:x/0"])
def test_a_url_of_another_form_is_explained(url: str) -> None:
    with pytest.raises(Halt, match="TIERSTREAM_REDIS_URL"):
        RedisStore(url, "app")


_NAMES = st.sampled_from([b"a", b"b", b"c", b"d"])
_STEPS = st.builds(
    step,
    applied=st.integers(0, 3),
    fields=st.dictionaries(_NAMES, st.binary(max_size=3)),
    dues=st.dictionaries(_NAMES, st.none() | st.integers(-5, 5)),
    origin=st.sampled_from(["", "o"]),
)
_OWNERS = st.sampled_from([ME, OTHER])
_CALLS = st.one_of(
    st.tuples(st.just("claim"), _OWNERS),
    st.tuples(st.just("wipe"), _OWNERS, _OWNERS),
    st.tuples(st.just("apply"), _OWNERS, st.integers(0, 3), _STEPS),
    st.tuples(st.just("view"), st.lists(_NAMES, max_size=5)),
    st.tuples(st.just("due"), st.integers(-5, 5), st.integers(1, 4)),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_CALLS, max_size=25))
def test_memory_and_server_agree(
    valkey: str, app_name: str, calls: list[tuple[object, ...]]
) -> None:
    async def outcomes(store: Store) -> list[object]:
        await store.claim(P, ME)
        await store.wipe(P, ME, ME)
        found: list[object] = []
        for name, *arguments in calls:
            found.append(await getattr(store, str(name))(P, *arguments))
        return [*found, await scan_all(store)]

    async def compare() -> None:
        redis = RedisStore(valkey, app_name)
        assert await outcomes(redis) == await outcomes(MemoryStore())
        await redis.close()

    asyncio.run(compare())

"""The state store on Redis or Valkey: every method is one command or one script, in one round trip.

Scripts keep condition and write together; the server runs each as one step. Their files say what
they take and return. A server that forgot a script (restart, SCRIPT FLUSH) gets it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from streams.errors import Halt, Unavailable
from streams.store import keys
from streams.store.port import EMPTY, Cursor, Meta, Step, View
from streams.store.resp import Argument, Connection, Reply, ReplyFailed

_META = re.compile(rb"(\S*) (\d+) (\d+) (\d+) (\d+) (\S*)")


class _Script:
    """A Lua script and the digest by which the server knows it."""

    def __init__(self, name: str) -> None:
        self.text = Path(__file__).with_name(f"{name}.lua").read_bytes()
        self.digest = sha1(self.text, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What an operator should know of the server."""

    server: str  # "valkey 9.1.2"
    maxmemory_policy: str
    appendonly: bool  # False: a restart of the server means a rebuild of every view


class RedisStore:
    """The view of all partitions of `app`, on the server at `url`."""

    def __init__(self, url: str, app: str, *, timeout_s: float = 5.0) -> None:
        """Connect at the first call. Raises Halt where `url` cannot be read."""
        self._app = app
        self._connection = Connection(url, timeout_s)
        self._claim = _Script("claim")
        self._wipe = _Script("wipe")
        self._apply = _Script("apply")
        self._view = _Script("view")
        self._scan = _Script("scan")

    async def check(self) -> StoreFacts:
        """Return facts of the server.

        Raises:
            Halt: it may evict keys, and a view that loses single fields under memory pressure would
                have to be rebuilt again and again.
            Unavailable: it cannot be reached, or is a replica.
        """
        # No section named: `everything` is nothing to servers before Redis 6.
        text = (await self._connection.call("INFO")).decode()
        info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        policy = info["maxmemory_policy"]
        if policy != "noeviction":
            raise Halt(
                f"Redis evicts keys when its memory is full (maxmemory-policy {policy}). "
                "Customer states must not vanish: set `maxmemory-policy noeviction` "
                "(redis.conf, or CONFIG SET maxmemory-policy noeviction) and start again."
            )
        if info["role"] != "master":
            raise Unavailable(
                f"Redis is a replica of {info['master_host']}:{info['master_port']} and takes no "
                "writes. TIERSTREAM_REDIS_URL must lead to the primary."
            )
        name = info.get("server_name", "redis")
        version = info.get(f"{name}_version", info["redis_version"])
        return StoreFacts(f"{name} {version}", policy, info["aof_enabled"] == "1")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def claim(self, partition: int, owner: str) -> Meta:
        """Make `owner` the owner, in one step; return meta as it was."""
        meta = await self._run(self._claim, partition, keys.META, owner)
        return _parse_meta(meta)

    async def wipe(self, partition: int, owner: str, heir: str) -> bool:
        """Forget everything of the partition, now `heir`'s; False where `owner` does not own it."""
        return bool(await self._run(self._wipe, partition, keys.META, owner, heir))

    async def apply(self, partition: int, owner: str, applied: int, step: Step) -> bool:
        """Write `step` if the owner is `owner` and `applied` is what meta says."""
        fields: list[Argument] = []
        for pair in step.fields.items():
            fields += pair
        moved: list[Argument] = []
        removed: list[Argument] = []
        for customer, due in step.dues.items():
            if due is None:
                removed.append(customer)
            else:
                moved += (due, customer)
        done = await self._run(
            self._apply,
            partition,
            keys.META,
            f"{owner} {applied} ",
            f"{owner} {step.applied} {step.applied_at} ",
            step.origin,
            len(fields),
            len(moved),
            *fields,
            *moved,
            *removed,
        )
        return bool(done)

    async def view(self, partition: int, names: Sequence[bytes]) -> View:
        """Read meta, counts and the fields `names` in one step."""
        meta, fields, dues, values = await self._run(self._view, partition, keys.META, *names)
        return View(_parse_meta(meta), fields - (meta is not None), dues, values)

    async def due(self, partition: int, until: int, limit: int) -> list[bytes]:
        """Return at most `limit` customers whose due entry is <= `until`, earliest first."""
        key = keys.due_key(self._app, partition)
        # Not ZRANGE ... BYSCORE, which does the same: servers before Redis 6.2 do not know it.
        customers: list[bytes] = await self._connection.call(
            "ZRANGEBYSCORE", key, "-inf", until, "LIMIT", 0, limit
        )
        return customers

    async def scan(
        self, partition: int, cursor: Cursor, count: int
    ) -> tuple[Cursor, list[tuple[bytes, bytes]]]:
        """Go through the fields in pages of about `count`; `START` starts and ends a pass."""
        following, flat = await self._run(self._scan, partition, cursor, count)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return following.decode(), [pair for pair in pairs if pair[0] != keys.META]

    async def _run(self, script: _Script, partition: int, *arguments: Argument) -> Reply:
        """Run a script on a partition's two keys."""
        call = self._connection.call
        on = (keys.hash_key(self._app, partition), keys.due_key(self._app, partition))
        try:
            return await call("EVALSHA", script.digest, 2, *on, *arguments)
        except ReplyFailed as error:
            if error.code != "NOSCRIPT":
                raise
        return await call("EVAL", script.text, 2, *on, *arguments)


def _parse_meta(text: bytes | None) -> Meta:
    """Read meta as the scripts write it; what cannot be read counts as lost."""
    found = _META.fullmatch(text or b"")
    if found is None:
        return EMPTY
    owner, applied, applied_at, fields, dues, origin = found.groups()
    return Meta(
        owner.decode(), int(applied), int(applied_at), int(fields), int(dues), origin.decode()
    )

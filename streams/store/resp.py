"""One connection to a Redis or Valkey server, shared by all partitions of a worker.

Why not a client library: the hot path is two calls a batch, each with hundreds of arguments, and
there the client's own work is what a worker pays for. Reading and writing 500 states cost redis-py
2.4 µs of CPU a state, this connection 1.0 µs; both with hiredis, which does the parsing here too.

Calls are answered in order, so any number of them may be under way (as many as there are
partitions). The server is one thread: more connections would not make it faster.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast
from urllib.parse import SplitResult, unquote, urlsplit

import hiredis

from streams.errors import Halt, Unavailable

Argument: TypeAlias = bytes | str | int
Reply: TypeAlias = Any
"""What the command says: None, int, bytes, or a list of replies. Callers know their command."""

_PORT = 6379
_ELSEWHERE = frozenset({"READONLY", "MASTERDOWN"})
"""From a server that is a replica now; its name or address may lead to the primary by now."""
_PERMANENT = frozenset({"NOAUTH", "NOPERM", "WRONGPASS", "WRONGTYPE"})
_REBUFFS = frozenset({"ERR", "NOAUTH", "NOPERM", "WRONGPASS"})
_IN_SCRIPT = re.compile(r"ERR .*@user_script: ?\d+: -?([A-Z]+) ")
"""What a script met, as servers before Redis 7.0 tell it: behind a code of their own."""
_CROWDED = "max number of clients"  # says a server that lets nobody in for now, in place of a reply
_LOOK_AT = (
    "Does it run, is it Redis at all, and does it expect TLS (`rediss://`)? TIERSTREAM_REDIS_URL "
    "says where it is expected, and how."
)


class ReplyFailed(Unavailable):
    """The server answered with an error; `code` is what kind, such as `READONLY`."""

    def __init__(self, command: Argument, error: hiredis.ReplyError) -> None:
        super().__init__(f"Redis refused {command!s}: {error}")
        in_script = _IN_SCRIPT.match(str(error))
        self.code = in_script[1] if in_script else str(error).partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and how to introduce ourselves."""

    host: str
    port: int
    database: int
    tls: bool
    credentials: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read `redis://[user][:password@]host[:port][/database]`, or `rediss://` for TLS.

        Raises Halt where the URL has another form.
        """
        try:
            return cls._of(urlsplit(url))
        except ValueError:
            # Without its cause: that cites the URL, and what is wrong may be within the password.
            raise Halt(
                "The Redis URL is not of the form redis://[user:password@]host[:port][/database], "
                "or rediss:// for TLS. Correct TIERSTREAM_REDIS_URL: in user and password / # ? @ "
                "% are written %2F %23 %3F %40 %25."
            ) from None

    @classmethod
    def _of(cls, parts: SplitResult) -> Address:
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError
        if parts.query or parts.fragment:  # nothing is read there: it is a part of the password
            raise ValueError
        return cls(
            host=parts.hostname,
            port=parts.port or _PORT,
            database=int(parts.path.strip("/") or 0),
            tls=parts.scheme == "rediss",
            credentials=tuple(unquote(part) for part in (parts.username, parts.password) if part),
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _Link(asyncio.Protocol):
    """An open socket: requests go out at once, replies come back in order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, arguments: tuple[Argument, ...]) -> asyncio.Future[Reply]:
        assert self._transport is not None
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        packed = hiredis.pack_command(arguments)  # type: ignore[arg-type]  # typed as a 1-tuple
        self._transport.write(packed)
        return future

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            waiting = self._waiting.popleft()
            if not waiting.done():  # its caller may have given up
                waiting.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                why = exc or "without a word"
                message = f"Redis closed the connection ({why}). {_LOOK_AT}"
                waiting.set_exception(Unavailable(message))


class Connection:
    """Calls to one server; opened by the first call, and again after a failure."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Raise Halt where `url` cannot be read; `timeout_s` bounds every call."""
        self._address = Address.parse(url)
        self._timeout_s = timeout_s
        self._link: _Link | None = None
        self._opening = asyncio.Lock()

    async def call(self, *arguments: Argument) -> Reply:
        """Send one command and return its reply.

        Raises:
            Unavailable: not reached, too slow, closed; or `ReplyFailed`: the reply is an error.
            Halt: the server will go on refusing us: credentials, or keys of another program.
        """
        link = self._link
        try:
            async with asyncio.timeout(self._timeout_s):
                if link is None or not link.is_open:
                    link = await self._open()
                reply = await link.send(arguments)
        except TimeoutError as error:
            # Whatever else waits on this connection waits behind the call that took too long.
            self._drop(link)
            raise Unavailable(
                f"Redis at {self._address} did not answer {arguments[0]!s} "
                f"within {self._timeout_s:g} s. {_LOOK_AT}"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"Redis at {self._address} cannot be reached ({error}). Is it running? "
                "TIERSTREAM_REDIS_URL says where it is expected."
            ) from error
        if isinstance(reply, hiredis.ReplyError):
            failure = self._failure(arguments[0], reply)
            if isinstance(failure, ReplyFailed) and failure.code in _ELSEWHERE:
                self._drop(link)
            raise failure
        return reply

    async def close(self) -> None:
        """Close the connection; calls under way fail with Unavailable."""
        self._drop(self._link)

    def _failure(self, command: Argument, error: hiredis.ReplyError) -> Halt | ReplyFailed:
        failed = ReplyFailed(command, error)
        if failed.code not in _PERMANENT:
            return failed
        return Halt(
            f"{failed}. Check user and password in TIERSTREAM_REDIS_URL, what that user may do, "
            "and that no other program uses the same key prefix."
        )

    def _rebuff(self, command: Argument, error: hiredis.ReplyError) -> Halt | ReplyFailed:
        """Return what a refused greeting means: our settings are wrong, or it is too busy."""
        failed = ReplyFailed(command, error)
        if failed.code not in _REBUFFS or _CROWDED in str(error):
            return failed
        return Halt(
            f"Redis at {self._address} answered and refused {command!s} ({error}). Correct user, "
            "password or database in TIERSTREAM_REDIS_URL."
        )

    def _drop(self, link: _Link | None) -> None:
        if link is not None:
            link.abort()
        if self._link is link:
            self._link = None

    async def _open(self) -> _Link:
        async with self._opening:
            if self._link is not None and self._link.is_open:
                return self._link  # another caller was faster
            address = self._address
            tls = ssl.create_default_context() if address.tls else None
            loop = asyncio.get_running_loop()
            _, link = await loop.create_connection(_Link, address.host, address.port, ssl=tls)
            try:
                await self._greet(link)
            except BaseException:
                link.abort()
                raise
            self._link = link
            return link

    async def _greet(self, link: _Link) -> None:
        greetings: list[tuple[Argument, ...]] = []
        if self._address.credentials:
            greetings.append(("AUTH", *self._address.credentials))
        if self._address.database:
            greetings.append(("SELECT", self._address.database))
        for greeting in greetings:
            reply = await link.send(greeting)
            if isinstance(reply, hiredis.ReplyError):
                raise self._rebuff(greeting[0], reply)

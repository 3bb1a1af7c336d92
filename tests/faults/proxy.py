"""Cables between workers and services: TCP connections that can be cut, slowed or dropped.

A cable is one port on 127.0.0.1 that leads to a service. What happens to it is what networks do: a
lost packet is sent again, so bytes that are held back arrive after all once the way is free, or the
connection dies with them. All cables run in a thread and an event loop of their own, so that
nothing else that the run does makes them slower.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self, TypeVar

from deploy.local.processes import free_port

_HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536
_CALL_S_MAX = 10.0
_T = TypeVar("_T")


class Way(Enum):
    """A direction, as the worker sees it."""

    OUT = auto()  # from the worker to the service
    BACK = auto()


class _Lane:
    """One direction of a cable, shared by all of its connections."""

    def __init__(self) -> None:
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.delay_s = 0.0
        self.bytes_per_s = float("inf")
        self._one_by_one = asyncio.Lock()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until it ends. The writer's buffer is bounded, and so is ours."""
        while chunk := await reader.read(_CHUNK_BYTES):
            if self.delay_s:
                async with self._one_by_one:
                    await asyncio.sleep(len(chunk) / self.bytes_per_s)
                await asyncio.sleep(self.delay_s)
            await self.is_free.wait()
            writer.write(chunk)
            await writer.drain()


class Cable:
    """A way to a service at `target`, a port; it may be changed, which new connections follow."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, target: int) -> None:
        """Lay nothing yet; use `Cables.lay`."""
        self.port = port
        self._target = target
        self._loop = loop
        self._lanes = {way: _Lane() for way in Way}
        self._answers = True
        self._connections: dict[asyncio.Task[None], asyncio.Task[None] | None] = {}

    def cut(self, *ways: Way) -> None:
        """Let nothing through, both ways or those given; connections stay open."""

        def cut() -> None:
            for way in ways or Way:
                self._lanes[way].is_free.clear()

        self._do(cut)

    def strand(self) -> None:
        """Leave connections half open: the service's end is gone, ours accepts and is not heard.

        New connections fare no better, until `mend`; those that are stranded stay so.
        """

        def stranded() -> None:
            self._answers = False
            for carrying in self._connections.values():
                if carrying is not None:
                    carrying.cancel()

        self._do(stranded)

    def slow(self, delay_s: float, bytes_per_s: float) -> None:
        """Delay each way by so much, and let so many bytes a second through in all."""

        def slowed() -> None:
            for lane in self._lanes.values():
                lane.delay_s, lane.bytes_per_s = delay_s, bytes_per_s

        self._do(slowed)

    def lead_to(self, target: int) -> None:
        """Lead to another service, as a failover does: what is connected is closed."""

        def led() -> None:
            self._target = target
            for connection in self._connections:
                connection.cancel()

        self._do(led)

    def mend(self) -> None:
        """Let everything through again, at full speed."""

        def mended() -> None:
            self._answers = True
            for lane in self._lanes.values():
                lane.delay_s, lane.bytes_per_s = 0.0, float("inf")
                lane.is_free.set()

        self._do(mended)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Look after one connection until it ends."""
        connection = asyncio.current_task()
        assert connection is not None
        self._connections[connection] = None
        try:
            if self._answers:
                carrying = self._connections[connection] = asyncio.create_task(
                    self._carried(reader, writer)
                )
                await asyncio.wait([carrying])
                if not carrying.cancelled():
                    return
            with suppress(OSError):
                while await reader.read(_CHUNK_BYTES):
                    pass  # swallowed
        except asyncio.CancelledError:
            return  # led elsewhere, or the cables are taken up
        finally:
            if (carrying_still := self._connections.pop(connection)) is not None:
                carrying_still.cancel()
            writer.transport.abort()

    async def _carried(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            service = await asyncio.open_connection(_HOST, self._target)
        except OSError:
            return  # nobody listens: the worker sees its connection closed
        lanes = (
            asyncio.create_task(self._lanes[Way.OUT].carry(reader, service[1])),
            asyncio.create_task(self._lanes[Way.BACK].carry(service[0], writer)),
        )
        try:
            # Nobody here closes one way only: what ends on one side is over.
            ended, _ = await asyncio.wait(lanes, return_when=asyncio.FIRST_COMPLETED)
            for lane in ended:
                lane.exception()  # a connection that was reset: closed, like one that ended
        finally:
            for lane in lanes:
                lane.cancel()
            service[1].transport.abort()

    def _do(self, change: Callable[[], None]) -> None:
        """Change the cable in the thread that runs it."""

        async def changed() -> None:
            change()

        _called(self._loop, changed())


class Cables:
    """All cables of a run; they are taken up with the `with` block."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cables", daemon=True)
        self._servers: list[asyncio.Server] = []

    def lay(self, target: int, port: int | None = None) -> Cable:
        """Open a cable to the port `target`, at `port` or at a free one."""
        return _called(self._loop, self._laid(target, free_port() if port is None else port))

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every connection, and the thread."""
        _called(self._loop, self._taken_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _laid(self, target: int, port: int) -> Cable:
        cable = Cable(self._loop, port, target)
        self._servers.append(await asyncio.start_server(cable.serve, _HOST, port))
        return cable

    async def _taken_up(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)


def _called(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(_CALL_S_MAX)

"""Cables: what arrives while one is cut, stranded, slow, or led elsewhere, and what does not."""

import asyncio
import socketserver
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from time import monotonic, sleep

import pytest

from deploy.local.processes import free_port
from tests.faults.proxy import Cable, Cables, Way

SOON_S = 5.0
SILENCE_S = 0.15

Start = Callable[[bytes], "Echo"]
Call = Callable[[Cable], Awaitable["Caller"]]


class Echo(socketserver.ThreadingTCPServer):
    """A service that answers each piece with its own name before it, and notes what it heard."""

    daemon_threads = True

    def __init__(self, name: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.name = name
        self.port: int = self.server_address[1]
        self.heard = bytearray()
        self.ended = threading.Event()


class Answering(socketserver.BaseRequestHandler):
    """One connection of an echo."""

    def handle(self) -> None:
        assert isinstance(self.server, Echo)
        with suppress(ConnectionError):
            while piece := self.request.recv(1_000_000):
                self.server.heard += piece
                self.request.sendall(self.server.name + piece)
        self.server.ended.set()


@dataclass
class Caller:
    """A connection over a cable."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, piece: bytes) -> None:
        self.writer.write(piece)
        await self.writer.drain()

    async def hears(self, answer: bytes) -> None:
        async with asyncio.timeout(SOON_S):
            assert await self.reader.readexactly(len(answer)) == answer

    async def hears_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SILENCE_S):
                await self.reader.read(1)

    def stop(self) -> None:
        self.writer.transport.abort()

    async def is_closed(self) -> None:
        async with asyncio.timeout(SOON_S):
            try:
                assert await self.reader.read() == b""
            except ConnectionError:
                return


@pytest.fixture
def cables() -> Iterator[Cables]:
    with Cables() as laid:
        yield laid


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    """Open connections over cables."""
    async with AsyncExitStack() as owned:

        async def called(cable: Cable) -> Caller:
            caller = Caller(*await asyncio.open_connection("127.0.0.1", cable.port))
            owned.callback(caller.stop)
            return caller

        yield called


@pytest.fixture
def service() -> Iterator[Start]:
    """Start services by their names."""
    with ExitStack() as owned:

        def started(name: bytes) -> Echo:
            echo = owned.enter_context(Echo(name))
            threading.Thread(target=echo.serve_forever, args=(0.01,)).start()
            owned.callback(echo.shutdown)
            return echo

        yield started


async def heard(echo: Echo, what: bytes) -> None:
    def waited() -> None:
        deadline_s = monotonic() + SOON_S
        while bytes(echo.heard) != what and monotonic() < deadline_s:
            sleep(0.01)

    await asyncio.to_thread(waited)
    assert bytes(echo.heard) == what


@pytest.mark.parametrize(
    ("ways", "arrives"), [((), b""), ((Way.OUT,), b""), ((Way.BACK,), b"hello")]
)
async def test_what_a_cut_holds_back_arrives_when_it_is_mended(
    cables: Cables, call: Call, service: Start, ways: tuple[Way, ...], arrives: bytes
) -> None:
    echo = service(b"<")
    cable = cables.lay(echo.port)
    caller = await call(cable)
    await caller.says(b"a")
    await caller.hears(b"<a")
    echo.heard.clear()
    cable.cut(*ways)
    await caller.says(b"hello")
    await caller.hears_nothing()
    await heard(echo, arrives)
    cable.mend()
    await caller.hears(b"<hello")


async def test_a_stranded_connection_is_half_open_for_ever(
    cables: Cables, call: Call, service: Start
) -> None:
    echo = service(b"<")
    cable = cables.lay(echo.port)
    caller = await call(cable)
    await caller.says(b"a")
    await caller.hears(b"<a")
    cable.strand()
    assert await asyncio.to_thread(echo.ended.wait, SOON_S)
    later = await call(cable)
    for stranded in (caller, later):
        await stranded.says(b"anybody?")
        await stranded.hears_nothing()
    cable.mend()
    await caller.hears_nothing()
    fresh = await call(cable)
    await fresh.says(b"b")
    await fresh.hears(b"<b")
    assert bytes(echo.heard) == b"ab"


async def test_a_failover_closes_what_is_open_and_leads_elsewhere(
    cables: Cables, call: Call, service: Start
) -> None:
    old, new = service(b"old "), service(b"new ")
    cable = cables.lay(old.port)
    caller = await call(cable)
    await caller.says(b"a")
    await caller.hears(b"old a")
    cable.lead_to(new.port)
    await caller.is_closed()
    again = await call(cable)
    await again.says(b"a")
    await again.hears(b"new a")


async def test_a_slow_cable_delays_both_ways_and_limits_the_rate(
    cables: Cables, call: Call, service: Start
) -> None:
    echo = service(b"")
    cable = cables.lay(echo.port)
    cable.slow(delay_s=0.05, bytes_per_s=1_000_000)
    caller = await call(cable)
    began = monotonic()
    await caller.says(b"x" * 100_000)
    await caller.hears(b"x" * 100_000)
    assert monotonic() - began > 0.2  # twice the delay, and a tenth of a second for the bytes
    cable.mend()
    began = monotonic()
    await caller.says(b"x" * 100_000)
    await caller.hears(b"x" * 100_000)
    assert monotonic() - began < 0.2


async def test_where_nobody_listens_the_connection_ends(cables: Cables, call: Call) -> None:
    caller = await call(cables.lay(free_port()))
    await caller.is_closed()


async def test_cables_that_are_taken_up_end_their_connections(call: Call, service: Start) -> None:
    echo = service(b"<")
    with Cables() as cables:
        caller = await call(cables.lay(echo.port))
        await caller.says(b"a")
        await caller.hears(b"<a")
    await caller.is_closed()

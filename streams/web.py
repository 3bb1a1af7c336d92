"""What operators ask a worker: `/metrics`, `/livez` (is it running?), `/readyz` (is it working?).

Loopback by default: it says where partitions stand, and asks nobody who they are.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from streams.errors import Halt
from streams.metrics import CONTENT_TYPE, Metrics
from streams.settings import Web

Missing = Callable[[], Awaitable[list[str]]]
"""What is missing before the worker can do its work, one line each."""


@asynccontextmanager
async def serving(
    settings: Web, port: int, metrics: Metrics, missing: Missing
) -> AsyncIterator[str]:
    """Serve during the block; yields the address. Raises Halt where it cannot be bound."""
    application = web.Application()
    application.add_routes(_routes(metrics, missing))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, port)
        try:
            await site.start()
        except OSError as error:
            raise Halt(
                f"port {port} of {settings.host} cannot be bound ({error.strerror}): {_mend(error)}"
            ) from error
        yield f"http://{settings.host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _mend(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            "another worker of this role runs there; set TIERSTREAM_WEB_PORT to a free port (0 "
            "takes any)"
        )
    return (
        "set TIERSTREAM_WEB_HOST to an address of this machine, or TIERSTREAM_WEB_PORT to a port "
        "that this user may take (0 takes any)"
    )


def _routes(metrics: Metrics, missing: Missing) -> list[web.RouteDef]:
    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_: web.Request) -> web.Response:
        lines = await missing()
        if not lines:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="".join(f"{line}\n" for line in lines))

    return [
        web.get("/metrics", exposition),
        web.get("/livez", livez),
        web.get("/readyz", readyz),
    ]

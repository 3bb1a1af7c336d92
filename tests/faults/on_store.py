"""Faults of the store: killed, wiped, set back in time, replaced by a lagging replica, and full."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from redis import Redis

from deploy.local.errors import ServiceFailed
from deploy.local.valkey import Valkey
from tests.faults.row import CALM_S
from tests.faults.scene import Scene
from tests.faults.workers import RunFailed

_LINKED_S_MAX = 30.0
_LOOK_EVERY_S = 0.05
_UNLIMITED = resource.RLIM_INFINITY


async def flush_store(scene: Scene, times: int) -> None:
    """FLUSHALL."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        scene.flush()
        await scene.resume()


async def kill_store(scene: Scene, times: int) -> None:
    """Kill -9 of Valkey, restarted with its append-only file."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        scene.valkey.kill()
        await asyncio.sleep(scene.fault_s())
        await _restarted(scene.valkey)
        await scene.resume()


async def empty_store(scene: Scene, times: int) -> None:
    """Kill -9 of Valkey, restarted with nothing."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        scene.valkey.kill()
        shutil.rmtree(scene.valkey.files)
        await asyncio.to_thread(scene.valkey.restart)
        await scene.resume()


async def set_back_store(scene: Scene, times: int) -> None:
    """Kill -9 of Valkey, restarted from its file cut at any byte that was written meanwhile."""
    for _ in range(times):
        with _commands(scene.valkey) as redis:
            redis.config_set("auto-aof-rewrite-percentage", 0)  # one file that only grows
        await scene.under_way(CALM_S)
        sizes = {file: file.stat().st_size for file in scene.valkey.files.iterdir()}
        await asyncio.sleep(scene.fault_s())
        scene.valkey.kill()
        for file, size in sizes.items():
            if (grown := file.stat().st_size) > size:
                os.truncate(file, scene.chance.randrange(size, grown))
        await _restarted(scene.valkey)
        await scene.resume()


async def fail_over_store(scene: Scene, times: int) -> None:
    """The store is lost, and a replica takes its place that was cut off for some seconds."""
    replica = await asyncio.to_thread(Valkey.start, scene.folder / "replica")
    with replica:
        serving, other = scene.valkey, replica
        for _ in range(times):
            await _failed_over(scene, serving, other, scene.fault_s())
            serving, other = other, serving
        if serving is replica:
            await _failed_over(scene, serving, other, 0.0)


async def fill_memory(scene: Scene, times: int) -> None:
    """The store's memory is full: it answers reads, and refuses every write."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        with _commands(scene.valkey) as redis:
            redis.config_set("maxmemory", 1)
            await asyncio.sleep(scene.fault_s())
            redis.config_set("maxmemory", 0)
        await scene.resume()


async def fill_disk(scene: Scene, times: int) -> None:
    """The store's disk is full: its file cannot grow, so it refuses every write.

    A limit on the size of its files stands for the disk: the write fails part of the way, too. Only
    Linux can set one for a process that runs.
    """
    for _ in range(times):
        await scene.under_way(CALM_S)
        size = max(file.stat().st_size for file in scene.valkey.files.iterdir())
        room = scene.chance.randrange(100_000)
        resource.prlimit(scene.valkey.pid, resource.RLIMIT_FSIZE, (size + room, _UNLIMITED))
        await asyncio.sleep(scene.fault_s(least_s=2.0))
        resource.prlimit(scene.valkey.pid, resource.RLIMIT_FSIZE, (_UNLIMITED, _UNLIMITED))
        await scene.resume()


async def _failed_over(scene: Scene, serving: Valkey, other: Valkey, lag_s: float) -> None:
    """Make `other` a replica of `serving`, cut it off, and let it take over."""
    line = scene.wiring.cables.lay(serving.port)
    with _commands(serving) as primary, _commands(other) as replica:
        primary.config_set("repl-diskless-sync-delay", 0)
        replica.replicaof("127.0.0.1", line.port)
        deadline_s = monotonic() + _LINKED_S_MAX
        while replica.info("replication")["master_link_status"] != "up":
            if monotonic() > deadline_s:
                raise RunFailed("the replica does not get the store's data")
            await asyncio.sleep(_LOOK_EVERY_S)
        await scene.under_way(CALM_S)
        line.cut()
        await asyncio.sleep(lag_s)
        serving.kill()
        replica.replicaof("NO", "ONE")
    scene.wiring.fail_over(other.port)
    await scene.resume()
    await _restarted(serving)


async def _restarted(server: Valkey) -> None:
    """Start a killed server again; without its file, as operators do, where it refuses that.

    A disk that was full may have left half a write in it, which is found only now.
    """
    try:
        await asyncio.to_thread(server.restart)
    except ServiceFailed:
        shutil.rmtree(server.files)
        await asyncio.to_thread(server.restart)


@contextmanager
def _commands(server: Valkey) -> Iterator[Redis]:
    with Redis.from_url(server.url) as redis:
        yield redis

"""`python -m tests.faults.worker STEP N`: a customers worker that dies right after its N-th STEP.

It is the production worker; around the calls that the protocol makes of its surroundings stands a
counter. It dies by SIGKILL, as a crash would end it: nothing is closed, nothing is flushed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

from streams.app import run_worker
from streams.engine import Engine
from streams.log.kafka import KafkaLog
from streams.log.kafka_writer import KafkaWriter
from streams.log.port import Append
from streams.settings import Role, load
from streams.store.port import Step as Write
from streams.store.port import View
from streams.store.redis import RedisStore
from tests.faults.steps import Step

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Doom:
    """Counts one step, and ends the process at the right time."""

    def __init__(self, step: Step, times: int) -> None:
        self._step = step
        self._left = times

    def reached(self, step: Step) -> None:
        """Take note that a step is done; does not return from the last one."""
        if step is self._step:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def after(self, step: Step, call: Callable[_P, Awaitable[_R]]) -> Callable[_P, Awaitable[_R]]:
        """Return the call, followed by taking note of the step."""

        async def called(*arguments: _P.args, **options: _P.kwargs) -> _R:
            result = await call(*arguments, **options)
            self.reached(step)
            return result

        return called


def main(arguments: Sequence[str]) -> None:
    """Run the worker until it dies, or is told to stop."""
    step, times = arguments
    doom = Doom(Step(step), int(times))
    with ExitStack() as patches:
        for owner, name, call in (*_plain(doom), *_batches(doom), *_writes(doom)):
            patches.enter_context(patch.object(owner, name, call))
        run_worker(Role.CUSTOMERS, load())


def _plain(doom: Doom) -> list[tuple[type, str, Any]]:
    return [
        (Engine, "confirmed", doom.after(Step.MEMBERSHIP, Engine.confirmed)),
        (KafkaLog, "fence", doom.after(Step.FENCED, KafkaLog.fence)),
        (RedisStore, "claim", doom.after(Step.CLAIMED, RedisStore.claim)),
        (KafkaLog, "bounds", doom.after(Step.BOUNDS, KafkaLog.bounds)),
        (RedisStore, "wipe", doom.after(Step.WIPED, RedisStore.wipe)),
    ]


def _batches(doom: Doom) -> list[tuple[type, str, Any]]:
    transact = doom.after(Step.COMMITTED, KafkaWriter.transact)

    async def computed(writer: KafkaWriter, appends: Sequence[Append]) -> tuple[int, ...]:
        doom.reached(Step.COMPUTED)
        return await transact(writer, appends)

    return [
        (KafkaWriter, "transact", computed),
        (KafkaWriter, "_send", doom.after(Step.SENT, KafkaWriter._send)),
    ]


def _writes(doom: Doom) -> list[tuple[type, str, Any]]:
    """Tell writes that restore from those of a batch: an owner reads once all is restored."""
    apply, view = RedisStore.apply, doom.after(Step.VIEWED, RedisStore.view)
    restored: set[str] = set()

    async def viewed(store: RedisStore, partition: int, names: Sequence[bytes]) -> View:
        seen = await view(store, partition, names)
        restored.add(seen.meta.owner)
        return seen

    async def applied(
        store: RedisStore, partition: int, owner: str, applied: int, step: Write
    ) -> bool:
        done = await apply(store, partition, owner, applied, step)
        doom.reached(Step.APPLIED if owner in restored else Step.RESTORED)
        return done

    return [(RedisStore, "apply", applied), (RedisStore, "view", viewed)]


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m tests.faults.worker STEP N SIGNAL [PID]`: a worker that strikes after its N-th STEP.

It is the production worker; around the calls that it makes of its surroundings stands a counter. By
SIGKILL it dies as a crash would end it: nothing is closed, nothing is flushed; by SIGSTOP it stands
still. With a process id it is another process, a broker say, that is hit at just that moment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any, ParamSpec, TypeAlias, TypeVar
from unittest.mock import patch

from aiokafka import AIOKafkaProducer

from streams.app import run_worker
from streams.engine import Engine
from streams.engine.transport import BatchThread
from streams.log.kafka import KafkaLog
from streams.log.kafka_writer import KafkaWriter
from streams.log.port import Append
from streams.log.producer import KafkaProducer
from streams.settings import Role, load
from streams.source_places import SourcePlaces
from streams.store.port import Step as Write
from streams.store.port import View
from streams.store.redis import RedisStore
from tests.faults.steps import IngressStep, Step

AnyStep: TypeAlias = Step | IngressStep
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Doom:
    """Counts one step, and sends a signal at the right time."""

    def __init__(self, step: AnyStep, times: int, number: int, pid: int) -> None:
        self._step = step
        self._left = times
        self._number = number
        self._pid = pid

    def reached(self, step: AnyStep) -> None:
        """Take note that a step is done; does not return from the last one if that is the end."""
        if step is self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(self._pid, self._number)

    def after(
        self, step: AnyStep, call: Callable[_P, Awaitable[_R]]
    ) -> Callable[_P, Awaitable[_R]]:
        """Return the call, followed by taking note of the step."""

        async def called(*arguments: _P.args, **options: _P.kwargs) -> _R:
            result = await call(*arguments, **options)
            self.reached(step)
            return result

        return called


def main(arguments: Sequence[str]) -> None:
    """Run the worker until it dies, or is told to stop."""
    name, times, number, *target = arguments
    step = IngressStep(name) if name in set(IngressStep) else Step(name)
    pid = int(target[0]) if target else os.getpid()
    doom = Doom(step, int(times), int(number), pid)
    calls = (*_plain(doom), *_batches(doom), *_writes(doom), *_ingress(doom))
    with ExitStack() as patches:
        for owner, method, call in calls:
            patches.enter_context(patch.object(owner, method, call))
        run_worker(Role.INGRESS if isinstance(step, IngressStep) else Role.CUSTOMERS, load())


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

    async def computed(
        writer: KafkaWriter,
        appends: Sequence[Append],
        *,
        first: int | None = None,
    ) -> tuple[int, ...]:
        doom.reached(Step.COMPUTED)
        return await transact(writer, appends, first=first)

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


def _ingress(doom: Doom) -> list[tuple[type, str, Any]]:
    deliver = doom.after(IngressStep.DELIVERED, KafkaProducer.deliver)

    async def converted(producer: KafkaProducer, appends: Sequence[Append]) -> None:
        doom.reached(IngressStep.CONVERTED)
        await deliver(producer, appends)

    return [
        (SourcePlaces, "mark", doom.after(IngressStep.IDENTIFIED, SourcePlaces.mark)),
        (KafkaProducer, "deliver", converted),
        (
            AIOKafkaProducer,
            "send_batch",
            doom.after(IngressStep.BEGUN, AIOKafkaProducer.send_batch),
        ),
        (
            BatchThread,
            "commit_finished",
            doom.after(IngressStep.POSITIONED, BatchThread.commit_finished),
        ),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])

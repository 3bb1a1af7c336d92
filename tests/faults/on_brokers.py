"""Faults of brokers: one killed, all killed, and one that stands still around a commit."""

from __future__ import annotations

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.faults.row import CALM_S, CUSTOMERS, happened
from tests.faults.scene import PARTITIONS, Scene
from tests.faults.steps import Step
from tests.faults.workers import RunFailed

_TRANSACTION = 1  # the kind of coordinator
_AROUND_COMMIT = (Step.COMPUTED, Step.SENT, Step.COMMITTED)


async def kill_broker(scene: Scene, times: int) -> None:
    """Kill -9 of a broker, restarted; where there are three, the others go on without it."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        broker = scene.chance.choice(scene.kafka.brokers)
        scene.kafka.kill(broker)
        if len(scene.kafka.brokers) > 1:
            await scene.resume()
        await asyncio.sleep(scene.fault_s())
        await asyncio.to_thread(scene.kafka.restart, broker)
        await scene.resume()


async def kill_brokers(scene: Scene, times: int) -> None:
    """Kill -9 of all brokers at once, restarted."""
    for _ in range(times):
        await scene.under_way(CALM_S)
        for broker in scene.kafka.brokers:
            scene.kafka.kill(broker)
        await asyncio.sleep(scene.fault_s())
        await asyncio.to_thread(scene.kafka.restart, *scene.kafka.brokers)
        await scene.resume()


async def stall_coordinator(scene: Scene, times: int) -> None:
    """SIGSTOP of a transaction's coordinator just before or after the commit is asked for."""
    worker = scene.workers[CUSTOMERS]
    for number in range(times):
        broker = await _coordinator(scene, scene.chance.randrange(PARTITIONS))
        step = _AROUND_COMMIT[number % len(_AROUND_COMMIT)]
        worker.kill()
        pid = scene.kafka.pids[broker]
        worker.start_freezing(step, scene.chance.randint(1, 3 * PARTITIONS), pid)

        def stalled(broker: int = broker) -> bool:
            return scene.kafka.is_paused(broker)

        await happened(worker, f"the step {step}", stalled)
        await asyncio.sleep(scene.fault_s())
        scene.kafka.resume(broker)
        await scene.resume()


async def _coordinator(scene: Scene, partition: int) -> int:
    """Return the broker that coordinates the transactions of a partition."""
    admin = AIOKafkaAdminClient(**scene.reached.client)
    try:
        await admin.start()
        found: int = await admin.find_coordinator(f"{scene.settings.app}-{partition}", _TRANSACTION)
    except KafkaError as error:
        raise RunFailed(f"the coordinator of transactions is not known: {error}") from error
    finally:
        await admin.close()
    return found - 1

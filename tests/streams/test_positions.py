"""A consumer group's positions: a coordinator that is not ready is no group without positions."""

from __future__ import annotations

import asyncio
from collections import deque
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.api import Request
from aiokafka.protocol.commit import OffsetFetchRequest

from streams.engine.member import Engine
from streams.engine.transport import Positions
from streams.errors import Halt, Unavailable
from streams.log import positions
from streams.log.positions import KafkaPositions, Position
from streams.log.topic_ids import topic_id
from streams.settings import Settings
from streams.ticker import SLACK_S

LOADING, NOT_MINE, NOT_ALLOWED = 14, 16, 30


class Brokers:
    """An administrator whose coordinator gives these answers in turn: an error, or positions."""

    def __init__(self, *answers: int | dict[str, list[tuple[int, int, str, int]]]) -> None:
        self.answers = deque(answers)
        self.found = 0

    async def find_coordinator(self, _group: str) -> int:
        """Not found at once, as on a new cluster."""
        self.found += 1
        if self.found == 1:
            message = "no coordinator yet"
            raise GroupCoordinatorNotAvailableError(message)
        return 1

    async def _send_request(self, request: OffsetFetchRequest, broker: int) -> SimpleNamespace:
        assert request.API_KEY == 9
        assert broker == 1
        answer = self.answers.popleft()
        if isinstance(answer, int):
            return SimpleNamespace(error_code=answer, topics=[])
        return SimpleNamespace(error_code=0, topics=list(answer.items()))

    async def close(self) -> None:
        """Nothing to give back."""


def asked(monkeypatch: pytest.MonkeyPatch, brokers: Brokers) -> KafkaPositions:
    monkeypatch.setattr(positions, "_COORDINATOR_WAIT_S", 0.0)
    asking = KafkaPositions("nowhere:9092")
    asking._admin = cast(Any, brokers)
    return asking


async def test_a_coordinator_that_is_not_ready_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"purchases": [(0, 7, "1700000000", 0), (1, -1, "", 0)], "feedback": [(0, 3, "", 0)]}
    brokers = Brokers(LOADING, NOT_MINE, there)
    found = await asked(monkeypatch, brokers).committed("ingress")
    assert found == {
        ("purchases", 0): Position(7, "1700000000"),
        ("feedback", 0): Position(3, ""),
    }
    assert (len(brokers.answers), brokers.found) == (0, 4)


@pytest.mark.parametrize("answer", [NOT_ALLOWED, {"purchases": [(0, -1, "", NOT_ALLOWED)]}])
async def test_what_the_coordinator_refuses_is_not_taken_for_no_positions(
    monkeypatch: pytest.MonkeyPatch, answer: int | dict[str, list[tuple[int, int, str, int]]]
) -> None:
    with pytest.raises(Unavailable, match=r"positions of group ingress.*GroupAuthorization"):
        await asked(monkeypatch, Brokers(answer)).committed("ingress")


class Client:
    """A consumer or administrator that notes how it is made, and gives no answer."""

    made: ClassVar[list[Client]] = []

    def __init__(self, **options: object) -> None:
        self.options = options
        self.made.append(self)

    async def start(self) -> None:
        message = "no broker"
        raise OSError(message)

    async def stop(self) -> None:
        """Nothing to give back."""

    async def close(self) -> None:
        """Nothing to give back."""


async def test_a_source_that_grows_is_noticed_within_the_clocks_slack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By who asks for its end, and by the member who has to read it."""
    monkeypatch.setattr(Client, "made", [])
    monkeypatch.setattr(positions, "AIOKafkaConsumer", Client)
    monkeypatch.setattr(positions, "AIOKafkaAdminClient", Client)
    asking = KafkaPositions("nowhere:9092")
    with pytest.raises(Unavailable):
        await asking.ends(["purchases"])
    with pytest.raises(Unavailable):
        await asking.identity("purchases")
    member = Engine("ingress", [], cast(Any, None), Positions.COMMITTED, Settings())
    ages = [cast(int, client.options["metadata_max_age_ms"]) for client in Client.made]
    ages.append(member._app.conf.consumer_metadata_max_age_ms)
    assert len(ages) == 3
    assert max(ages) <= SLACK_S * 1_000 / 2


class Slow(Client):
    """Starts when it is let; nothing can be asked of it before."""

    let: ClassVar[asyncio.Event]

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.is_started = self.is_closed = False
        self._client = self

    async def start(self) -> None:
        await self.let.wait()
        self.is_started = True

    async def stop(self) -> None:
        self.is_closed = True

    close = stop

    async def _wait_on_metadata(self, _topic: str) -> set[int]:
        return {0}

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        assert self.is_started
        return dict.fromkeys(partitions, 7)

    async def describe_cluster(self) -> dict[str, list[int]]:
        assert self.is_started
        return {"brokers": [1]}


@pytest.mark.parametrize("question", ["ends", "cluster"])
async def test_who_gives_up_the_first_question_leaves_no_client_that_never_started(
    monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setattr(Client, "made", [])
    monkeypatch.setattr(Slow, "let", asyncio.Event(), raising=False)
    monkeypatch.setattr(positions, "AIOKafkaConsumer", Slow)
    monkeypatch.setattr(positions, "AIOKafkaAdminClient", Slow)
    monkeypatch.setattr(positions, "_release", lambda _: "newest")
    asking = KafkaPositions("nowhere:9092")

    async def ask() -> object:
        return await (asking.ends(["purchases"]) if question == "ends" else asking.cluster())

    first = asyncio.create_task(ask())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    Slow.let.set()
    assert await ask() in ({("purchases", 0): 7}, (1, "newest"))
    given_up, kept = cast(list[Slow], Client.made)
    assert (given_up.is_closed, kept.is_closed) == (True, False)
    await asking.close()
    assert kept.is_closed


class Spoken:
    """An administrator, and its connected client, of brokers that speak up to these versions."""

    def __init__(self, *, fetch: int, metadata: int) -> None:
        self._versions = {1: (0, fetch), 3: (0, metadata)}
        self._client = SimpleNamespace(_conns={(1, 0): self})

    async def _send_request(self, request: Request[Any]) -> object:
        request.prepare(self._versions)
        raise ConnectionResetError

    async def describe_cluster(self) -> dict[str, list[int]]:
        return {"brokers": [1]}

    async def close(self) -> None:
        """Nothing to give back."""


async def test_brokers_that_are_too_old_ask_for_a_person() -> None:
    kafka_3_0, asking = cast(Any, Spoken(fetch=12, metadata=11)), KafkaPositions("nowhere:9092")
    asking._admin = kafka_3_0
    for question in (topic_id(kafka_3_0, "purchases"), asking.identity("purchases")):
        with pytest.raises(Halt, match=r"older than 3\.1.*Upgrade the brokers"):
            await question
    with pytest.raises(Halt, match=r"older than 3\.1"):
        await asking.cluster()


async def test_brokers_that_are_new_enough_are_told_by_release_and_asked() -> None:
    kafka_3_1, asking = cast(Any, Spoken(fetch=13, metadata=12)), KafkaPositions("nowhere:9092")
    asking._admin = kafka_3_1
    assert await asking.cluster() == (1, "Kafka 3.1 or newer")
    with pytest.raises(Unavailable):
        await asking.identity("purchases")

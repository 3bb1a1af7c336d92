"""What the commands share: settings, clients, a place to print, and how a command fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from rich.console import Console

from models.errors import TierstreamError
from streams import topics
from streams.log.kafka import KafkaLog
from streams.log.positions import KafkaPositions
from streams.log.producer import KafkaProducer
from streams.settings import Settings, load
from streams.store.redis import RedisStore

_T = TypeVar("_T")

_WIDE = 10_000

# Without emoji: `book.yaml:100:` is a place, and no picture.
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
if not out.is_terminal:
    out.width = _WIDE  # a pipe or a file has no edge at which a table would have to be cut


class CommandFailed(TierstreamError):
    """A command could not do what was asked; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The deployment that the settings name, and clients that connect when they are first used."""

    settings: Settings
    catalogue: topics.Catalogue
    log: KafkaLog
    positions: KafkaPositions
    producer: KafkaProducer
    store: RedisStore

    @property
    def client(self) -> dict[str, Any]:
        """The options of every Kafka client."""
        return self.settings.kafka.client_options()


@asynccontextmanager
async def reach(settings: Settings, *, checked: bool = True) -> AsyncIterator[Reach]:
    """Open the clients, and close those that were used.

    `checked`: first make sure that the log is there and has as many partitions as the settings say.
    With another count, whatever goes through the partitions would leave customers out.

    Raises:
        CommandFailed: the log is missing, or has another number of partitions.
        Unavailable: the broker does not answer.
    """
    if checked and (finding := await topics.check_log(settings)) is not None:
        raise CommandFailed(str(finding))
    client, bootstrap = settings.kafka.client_options(), settings.kafka.bootstrap
    reached = Reach(
        settings,
        topics.Catalogue.of(settings),
        KafkaLog(bootstrap, client=client),
        KafkaPositions(bootstrap, client=client),
        KafkaProducer(bootstrap, client=client),
        RedisStore(settings.redis.url, settings.app),
    )
    try:
        yield reached
    finally:
        await reached.producer.close()
        await reached.positions.close()
        await reached.log.close()
        await reached.store.close()


def settings() -> Settings:
    """Read the settings; raises BadSettings with every finding."""
    return load()


def quieten() -> None:
    """Keep Kafka's client from talking between what a command says; what matters is raised."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's work to its end."""
    quieten()
    return asyncio.run(work)


def readable(text: str | None) -> str | None:
    """Return a text that was given as an argument; raises CommandFailed where it is not UTF-8."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise CommandFailed(
            f"{text!r} is not UTF-8 from character {error.start + 1} on: is the terminal set to "
            "another encoding?"
        ) from None
    return text


def instant(text: str) -> int:
    """Return a written instant in seconds since 1970. Raises CommandFailed."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandFailed(
            f"{text!r} is no instant; write it like 2026-08-02T16:00:00Z, with an offset"
        )
    return int(at.timestamp())

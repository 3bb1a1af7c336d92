"""Control events that commands write: by whom, why, and as ingress will take them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from getpass import getuser
from typing import Annotated, Any

import msgspec
import typer

from models.calendar import rfc3339
from models.errors import BadEvent
from models.wire import TOPICS, accept
from streams.clock import SystemClock, random_name
from streams.commands.common import CommandFailed, Reach, readable
from streams.log.port import Append, Entry
from streams.topics import CONTROL

Reason = Annotated[
    str | None, typer.Option(help="Why; recorded with an activation.", callback=readable)
]


def who() -> str:
    """Return the login name of whoever runs this; the user's number where that has no name."""
    try:
        return getuser()
    except (KeyError, OSError):  # as in a container that runs as any number
        return f"uid {os.getuid()}"


async def command(reached: Reach, value: bytes) -> None:
    """Write a record into the control topic, from where ingress takes it.

    Raises:
        Unavailable: it may have been written, or not.
    """
    control = reached.catalogue.name(CONTROL)
    await reached.producer.deliver([Append(control, 0, [Entry(None, value)])])


def control_event(event: str, by: str, reason: str | None, fields: Mapping[str, Any]) -> bytes:
    """Return an event of the control topic that happens now.

    Raises:
        CommandFailed: ingress would refuse it, and nobody would be told.
    """
    said = {
        "event": event,
        "event_id": random_name(),
        "occurred_at": rfc3339(SystemClock().now()),
        "source": "tierstream",
        "schema_version": 1,
        "by": by,
        **fields,
    }
    value = msgspec.json.encode(said if reason is None else said | {"reason": reason})
    try:
        accept(TOPICS[CONTROL], None, value, (), offset=0)
    except BadEvent as error:
        raise CommandFailed(
            f"nothing was activated, for ingress would refuse it: {error}. Correct that, and run "
            "the command again"
        ) from error
    return value

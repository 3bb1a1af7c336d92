"""Which settings do not go together, and what to do about each pair."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rules.eras import LATENESS_DAYS

if TYPE_CHECKING:
    from streams.settings import Kafka, Settings

PREFIX = "TIERSTREAM_"
PORT_MAX = 65_535
CANCEL_S = 2.0  # what a worker that stops gives a batch beyond its time-out
HEARTBEATS_PER_SESSION_MIN = 3
_KAFKA_PORT = 9_092
_TRANSACTION_S_MAX = 900.0  # transaction.max.timeout.ms of a broker that was told nothing else
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?", re.ASCII)


def broken_relations(settings: Settings) -> Iterator[str]:
    """Say which values do not go together, and what to do about each pair."""
    group, batch, kafka = settings.group, settings.batch, settings.kafka
    if group.heartbeat_interval_s * HEARTBEATS_PER_SESSION_MIN >= group.session_timeout_s:
        yield (
            f"{variable_of('group', 'heartbeat_interval_s')}={group.heartbeat_interval_s:g} must "
            f"be below a third of {variable_of('group', 'session_timeout_s')}="
            f"{group.session_timeout_s:g}, so that one lost heartbeat costs nothing: "
            f"lower it to {group.session_timeout_s / 4:g}"
        )
    yield from _in_order(
        ("batch", "timeout_s", batch.timeout_s),
        ("batch", "transaction_timeout_s", batch.transaction_timeout_s),
        "the broker would abort a transaction that is still being written",
    )
    yield from _in_order(
        ("batch", "timeout_s", batch.timeout_s),
        ("group", "rebalance_timeout_s", group.rebalance_timeout_s),
        "a rebalance waits for the batch under way",
    )
    yield from _in_order(
        ("batch", "timeout_s", batch.timeout_s),
        ("worker", "stall_limit_s", settings.worker.stall_limit_s),
        "one slow batch would end the worker",
    )
    yield from _in_order(
        ("group", "session_timeout_s", group.session_timeout_s),
        ("kafka", "request_timeout_s", kafka.request_timeout_s),
        "joining a group takes up to a session",
    )
    if batch.timeout_s + CANCEL_S >= settings.worker.stop_deadline_s:
        yield (
            f"{variable_of('worker', 'stop_deadline_s')}={settings.worker.stop_deadline_s:g} must "
            f"be more than {CANCEL_S:g} s above {variable_of('batch', 'timeout_s')}="
            f"{batch.timeout_s:g}, otherwise a worker that is told to stop ends within a batch: "
            "raise the first or lower the second"
        )
    if batch.transaction_timeout_s > _TRANSACTION_S_MAX:
        yield (
            f"{variable_of('batch', 'transaction_timeout_s')}={batch.transaction_timeout_s:g} must "
            f"be at most {_TRANSACTION_S_MAX:g}: brokers refuse more (transaction.max.timeout.ms), "
            "and what a dead worker left open holds up readers for so long; lower it"
        )
    days = settings.topic.log_retention_days
    if days <= LATENESS_DAYS:
        yield (
            f"{variable_of('topic', 'log_retention_days')}={days} must be above "
            f"{LATENESS_DAYS}, the days that an event may be late, otherwise what still "
            "counts is lost with the log: raise it; 400 keep a year that can be replayed"
        )
    for broker in kafka.bootstrap.split(","):
        found = _BROKER.fullmatch(broker.strip())
        if found is None or not 0 < int(found[2] or _KAFKA_PORT) <= PORT_MAX:
            yield (
                f"{variable_of('kafka', 'bootstrap')}={kafka.bootstrap} must be host:port, several "
                f"comma separated, which {broker!r} is not: correct it, as in broker-1:9092"
            )
    yield from _unusable(kafka)
    if kafka.uses_sasl and (kafka.sasl_username is None or kafka.sasl_password is None):
        yield (
            f"{variable_of('kafka', 'security_protocol')}={kafka.security_protocol} needs "
            f"{variable_of('kafka', 'sasl_username')} and {variable_of('kafka', 'sasl_password')}: "
            "set both"
        )


def _in_order(
    lower: tuple[str, str, float], upper: tuple[str, str, float], why: str
) -> Iterator[str]:
    if lower[2] >= upper[2]:
        yield (
            f"{variable_of(*lower[:2])}={lower[2]:g} must be below {variable_of(*upper[:2])}="
            f"{upper[2]:g}, otherwise {why}: lower the first or raise the second"
        )


def _unusable(kafka: Kafka) -> Iterator[str]:
    try:
        kafka.ssl_context()
    except OSError as error:
        files = {n: getattr(kafka, n) for n in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")}
        given = {name: file for name, file in files.items() if file is not None}
        wrong = {n: file for n, file in given.items() if not os.access(file, os.R_OK)} or given
        said = ", ".join(f"{variable_of('kafka', name)}={file}" for name, file in wrong.items())
        yield f"{said} cannot be used ({error.strerror}): name PEM files that this process may read"


def variable_of(*path: str) -> str:
    """Return the name of a setting's variable; `path`: its group, if it is in one, and its name."""
    return PREFIX + "_".join(path).upper()

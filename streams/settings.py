"""Every setting, in one frozen tree, and the only reader of the environment.

A variable is `TIERSTREAM_`, the group, `_`, the name: `TIERSTREAM_KAFKA_BOOTSTRAP`,
`TIERSTREAM_GROUP_INSTANCE_ID`. Units are in the names. `load` checks each value, the relations
between values, and that no variable is misspelled, and reports everything it finds at once.
"""

from __future__ import annotations

import difflib
import os
import ssl
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import TierstreamError
from streams.relations import PORT_MAX, PREFIX, broken_relations, variable_of

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")]
TopicPrefix = Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9.-]{0,99})?$")]
Port = Annotated[int, Field(ge=0, le=PORT_MAX)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]

_LINK = "_SERVICE_HOST"  # ends a variable that Kubernetes sets for each service, among others


class BadSettings(TierstreamError):
    """Settings that cannot work; the message names each variable, what is wrong, and the mend."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(_Group):
    """The broker, and how to prove who we are to it."""

    bootstrap: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    request_timeout_s: Seconds = 20.0

    @property
    def uses_sasl(self) -> bool:
        """Whether the broker asks for a user name and a password."""
        return self.security_protocol.startswith("SASL")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context of an encrypted connection; None where it is not encrypted.

        Raises OSError where one of the files cannot be read.
        """
        if not self.security_protocol.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context

    def client_options(self) -> dict[str, Any]:
        """Return the keyword arguments with which every aiokafka client is made."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
            "ssl_context": self.ssl_context(),
            "request_timeout_ms": int(self.request_timeout_s * 1_000),
        }
        if self.uses_sasl and self.sasl_password is not None:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password.get_secret_value(),
            }
        return options


class Redis(_Group):
    """The state store; credentials and encryption (`rediss://`) are part of the URL."""

    url: Annotated[str, Field(repr=False)] = "redis://127.0.0.1:6379/0"

    @property
    def address(self) -> str:
        """The URL without its credentials, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class Topic(_Group):
    """What topics are called and how they are made."""

    prefix: TopicPrefix = ""
    replication: Annotated[int, Field(ge=1, le=9)] | None = None  # None: 3, or as many as brokers
    log_retention_days: Annotated[int, Field(ge=1)] = 400
    output_retention_days: Annotated[int, Field(ge=1)] = 30
    delete_retention_days: Annotated[int, Field(ge=1)] = 7


class Group(_Group):
    """Membership of the consumer group.

    An instance id makes it static: a restart within the session time-out takes its partitions back
    at once.
    """

    instance_id: Name | None = None
    session_timeout_s: Seconds = 8.0
    heartbeat_interval_s: Seconds = 2.0
    rebalance_timeout_s: Seconds = 30.0
    commit_interval_ms: Annotated[int, Field(ge=10, le=60_000)] = 100


class Batch(_Group):
    """How much one transaction takes, and how long it may wait and last."""

    records_max: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    linger_ms: Annotated[int, Field(ge=0, le=1_000)] = 10
    timeout_s: Seconds = 10.0
    transaction_timeout_s: Seconds = 30.0
    fetch_wait_ms: Annotated[int, Field(ge=1, le=5_000)] = 100
    fetch_bytes_max: Annotated[int, Field(ge=16_384)] = 1_048_576
    """Of all partitions together: one answer has to pass a slow link before it is given up."""


class Ingress(_Group):
    """When refused input stops ingress: the share of the recent records of a topic."""

    bad_share_max: Annotated[float, Field(gt=0, le=1)] = 0.5


class Worker(_Group):
    """When a worker gives itself up."""

    stall_limit_s: Seconds = 30.0
    stop_deadline_s: Seconds = 15.0


class Web(_Group):
    """Where `/metrics`, `/livez` and `/readyz` are. Port 0 takes a free one and logs it."""

    host: str = "127.0.0.1"
    port: Port | None = None  # None: the role's own


class Log(_Group):
    """What the process writes about itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Role(StrEnum):
    """What a worker process does."""

    INGRESS = "ingress"
    CUSTOMERS = "customers"


class Settings(BaseSettings):
    """All of it. `app` names the deployment: groups, transactions, output ids and Redis keys."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
    )

    app: Name = "tierstream"
    partitions: Annotated[int, Field(ge=1, le=1_000)] = 4
    ticker: Literal["on", "off"] = "on"  # off: whoever plays history writes the ticks
    kafka: Kafka = Kafka()
    redis: Redis = Redis()
    topic: Topic = Topic()
    group: Group = Group()
    batch: Batch = Batch()
    ingress: Ingress = Ingress()
    worker: Worker = Worker()
    web: Web = Web()
    log: Log = Log()

    def consumer_group(self, role: Role) -> str:
        """Return the name of a role's consumer group."""
        return f"{self.app}-{role}"


def load() -> Settings:
    """Read the settings from the environment.

    Raises BadSettings with every finding: a variable that nobody reads, a value out of range, a
    broken relation.
    """
    if findings := [*_misspelled(), *_empty()]:
        raise BadSettings("\n".join(findings))
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadSettings("\n".join(_refused(error))) from error
    if findings := list(broken_relations(settings)):
        raise BadSettings("\n".join(findings))
    return settings


def calculate_in_one_thread() -> None:
    """Keep linear algebra to the thread that asks for it; to be called before numpy is imported.

    Our fits have four parameters. OpenBLAS would begin a thread on every processor for them, which
    wait for each other: ten times the time. A variable that is set already stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def variables() -> Iterator[str]:
    """Name every variable that `load` reads."""
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Group):
            yield from (variable_of(name, inner) for inner in kind.model_fields)
        else:
            yield variable_of(name)


def _empty() -> Iterator[str]:
    """Name the addresses that are empty: to take those of this machine then would be a guess."""
    addresses = variable_of("kafka", "bootstrap"), variable_of("redis", "url")
    for name, value in os.environ.items():
        if name.upper() in addresses and not value:
            yield f"{name} is empty: say where it is, or unset it for the one on this machine"


def _misspelled() -> Iterator[str]:
    known, links = list(variables()), _service_links()
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            if name.startswith(links):
                hint = (
                    "Kubernetes tells so of a service; set `enableServiceLinks: false` in the pod"
                )
            yield f"{name} is no setting of Tierstream: {hint}"


def _service_links() -> tuple[str, ...]:
    """Return with what the variables begin in which Kubernetes tells a pod of services."""
    services = [n.removesuffix(_LINK) for n in os.environ if n.endswith(_LINK)]
    return tuple(f"{name}_{what}" for name in services for what in ("SERVICE_", "PORT"))


def _refused(error: ValidationError) -> Iterator[str]:
    for finding in error.errors():
        name = variable_of(*(str(part) for part in finding["loc"][:2]))
        yield f"{name}={finding['input']!r} is refused: {finding['msg']}"

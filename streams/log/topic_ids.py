"""A topic's identity: the id that the broker draws when a topic is created.

A topic that was deleted and created again has the same name and starts at offset 0; only its id
tells the two apart. The client library reads metadata without ids, so this is Kafka's metadata
request in its version 12 (Kafka 3.1 and newer), spoken with the library's own building blocks.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from io import BytesIO

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from streams.errors import Halt

TOO_OLD = (
    "Kafka is older than 3.1 and does not tell topics' ids, so a log that was made anew would be "
    "taken for the old one. Upgrade the brokers to 3.1 or newer, or point "
    "TIERSTREAM_KAFKA_BOOTSTRAP at such, and start again"
)
_METADATA = 3
_NO_ID = b"\0" * 16


class _Uuid(AbstractType):  # type: ignore[misc]  # the library has no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(len(_NO_ID))


_BROKER = (
    ("node_id", Int32),
    ("host", CompactString("utf-8")),
    ("port", Int32),
    ("rack", CompactString("utf-8")),
    ("tags", TaggedFields),
)
_PARTITION = (
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline_replicas", CompactArray(Int32)),
    ("tags", TaggedFields),
)
_TOPIC = (
    ("error_code", Int16),
    ("name", CompactString("utf-8")),
    ("topic_id", _Uuid),
    ("is_internal", Boolean),
    ("partitions", CompactArray(*_PARTITION)),
    ("authorized_operations", Int32),
    ("tags", TaggedFields),
)


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = _METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        create = with_permissions = False
        return request_struct_class([(_NO_ID, self._topic, {})], create, with_permissions, {})


async def topic_id(admin: AIOKafkaAdminClient, topic: str) -> str:
    """Return the topic's id, 22 characters of URL-safe base64.

    Raises the library's errors: an unknown topic, a lost connection; Halt where the broker is too
    old to tell.
    """
    try:
        response = await admin._send_request(_MetadataRequest(topic))  # noqa: SLF001
    except NotImplementedError as error:  # the library: no version of this request is known to both
        raise Halt(TOO_OLD) from error
    (found,) = response.topics
    error_code, _, identity, *_ = found
    if error_code:
        raise for_code(error_code)(topic)
    return urlsafe_b64encode(identity).decode().rstrip("=")

"""The source topics: which event types each takes, and how older versions of them are raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from models.wire.base import CustomerInput, EraInput
from models.wire.complaint import Complaint
from models.wire.control import (
    CustomerErased,
    CustomersMerged,
    HoldCleared,
    HoldSet,
    OverrideCleared,
    OverrideSet,
    ScoreSet,
)
from models.wire.engagement import Engagement
from models.wire.eras import (
    ChurnModelActivated,
    EngineRaised,
    RatesSet,
    RfmCutsActivated,
    RulebookActivated,
)
from models.wire.feedback import Feedback
from models.wire.profile import Profile
from models.wire.sales import Purchase, Refund

VALUE_BYTES_MAX = 64 * 1024
CONTROL_VALUE_BYTES_MAX = 1_000_000  # a rulebook of 512 KiB with its quotes and line ends escaped

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class TopicTypes:
    """The input events of one source topic."""

    name: str
    """The topic's name, which is also the name of its JSON Schema."""

    title: str

    adapter: TypeAdapter[CustomerInput | EraInput]
    """Reads a JSON object of the current version into the model that its `event` names."""

    types: tuple[str, ...]
    """The values of `event` that the topic takes."""

    value_bytes_max: int = VALUE_BYTES_MAX

    upcasts: Mapping[int, Upcast] = field(default_factory=lambda: MappingProxyType({}))
    """By version: raises an object of that version to the next one, `schema_version` included."""

    def read(self, document: bytes) -> CustomerInput | EraInput:
        """Return the model of a JSON document; raises pydantic's `ValidationError`."""
        # The core validator: `TypeAdapter.validate_json` only adds the cost of its options.
        model: CustomerInput | EraInput = self.adapter.validator.validate_json(document)
        return model


def topic_types(
    name: str,
    title: str,
    *models: type[CustomerInput | EraInput],
    value_bytes_max: int = VALUE_BYTES_MAX,
) -> TopicTypes:
    """Return the event types of a topic, told apart by `event`."""
    union: Any = models[0]
    for model in models[1:]:
        union = union | model
    if len(models) > 1:
        union = Annotated[union, Field(discriminator="event")]
    types = tuple(get_args(model.model_fields["event"].annotation)[0] for model in models)
    return TopicTypes(name, title, TypeAdapter(union), types, value_bytes_max)


_ALL = (
    topic_types("customer.purchase.v1", "Purchases and refunds", Purchase, Refund),
    topic_types("customer.feedback.v1", "Feedback", Feedback),
    topic_types("customer.complaint.v1", "Complaints", Complaint),
    topic_types("customer.profile.v1", "Profile attributes", Profile),
    topic_types("customer.engagement.v1", "Engagement", Engagement),
    topic_types(
        "segment.control.v1",
        "Decisions about customers, and what conclusions are drawn with",
        OverrideSet,
        OverrideCleared,
        HoldSet,
        HoldCleared,
        CustomersMerged,
        CustomerErased,
        ScoreSet,
        RulebookActivated,
        ChurnModelActivated,
        RfmCutsActivated,
        RatesSet,
        EngineRaised,
        value_bytes_max=CONTROL_VALUE_BYTES_MAX,
    ),
)

TOPICS: Mapping[str, TopicTypes] = MappingProxyType({topic.name: topic for topic in _ALL})


def home_of(event_type: str) -> str | None:
    """Return the topic that takes events of a type, if one does."""
    return next((topic.name for topic in _ALL if event_type in topic.types), None)

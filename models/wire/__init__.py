"""The public input: what producers write, and how one record becomes a canonical event.

    customer.purchase.v1     purchase, refund
    customer.feedback.v1     feedback
    customer.complaint.v1    complaint
    customer.profile.v1      profile
    customer.engagement.v1   engagement
    segment.control.v1       overrides, holds, merges, erasure, scores; rulebooks and their like

Values are plain JSON or CloudEvents 1.0 in either mode. Each topic's JSON Schema is generated from
the models here and kept in `models/schemas`; `python -m models.wire` writes it anew and refuses a
change that would turn away an event that is valid today.
"""

from models.wire.accept import Accepted, accept
from models.wire.cloudevents import Headers
from models.wire.topics import TOPICS, TopicTypes

__all__ = ["TOPICS", "Accepted", "Headers", "TopicTypes", "accept"]

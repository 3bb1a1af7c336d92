"""Identities: short hashes of event ids for the state, long hashes for output ids."""

from __future__ import annotations

from hashlib import blake2b

EVENT_HASH_BYTES = 8


def event_hash(source: str, event_id: str) -> bytes:
    """Return the 64-bit identity of an event; `event_id` is unique only within its `source`."""
    return blake2b(f"{source}\0{event_id}".encode(), digest_size=EVENT_HASH_BYTES).digest()


def short_hash(text: str) -> bytes:
    """Return a 64-bit identity of any name (a complaint, a feedback) for the packed state."""
    return blake2b(text.encode(), digest_size=EVENT_HASH_BYTES).digest()


def output_id(app: str, customer: str, revision: int, cause: str) -> bytes:
    """Return an output's 128-bit id: the same change of the same history has the same id.

    `revision` counts a customer's outputs, so two outputs of one cause differ.
    """
    return blake2b(f"{app}\0{customer}\0{revision}\0{cause}".encode(), digest_size=16).digest()


def timer_id(customer: str, kind: str, due: int) -> str:
    """Return the id that an output caused by a timer names as its cause."""
    digest = blake2b(f"{customer}\0{kind}\0{due}".encode(), digest_size=8)
    return f"t-{digest.hexdigest()}"

"""The errors of the core, and the closed set of reasons for which input is refused.

    TierstreamError
    ├── BadEvent            an event cannot be accepted; carries a `Reason`
    ├── BadState            a packed state cannot be read
    └── BadRulebook         a rulebook is refused (raised in `rules`)

A refusal is a value from a closed set because it is also a metric label and a dead letter's header.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What reading bytes raises where they are not what they should be: text that is not UTF-8 is none
of msgspec's own errors."""


class Reason(StrEnum):
    """Why an input record was set aside as a dead letter."""

    NOT_JSON = "NOT_JSON"
    BAD_SCHEMA = "BAD_SCHEMA"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    UNKNOWN_VERSION = "UNKNOWN_VERSION"
    NO_CUSTOMER = "NO_CUSTOMER"
    TOO_LARGE = "TOO_LARGE"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    WRONG_PARTITION = "WRONG_PARTITION"
    TOO_LATE = "TOO_LATE"
    FROM_THE_FUTURE = "FROM_THE_FUTURE"
    RULE_FAILED = "RULE_FAILED"
    REFUSED = "REFUSED"
    ERASED = "ERASED"


class TierstreamError(Exception):
    """Base of every error that this project raises on purpose."""


class BadEvent(TierstreamError):
    """An event that cannot be accepted: `reason` for machines, the message for people."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BadState(TierstreamError):
    """A packed customer state that this version cannot read."""


class BadRulebook(TierstreamError):
    """A rulebook that is refused; the message lists every finding with file, line and hint."""

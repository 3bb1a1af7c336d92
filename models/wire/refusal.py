"""From validation errors to a refusal: one reason for machines, a message that says what to do.

A message names fields and cites at most 60 characters of a value, and no e-mail address: it goes
into a dead letter's header and into logs, and what a producer sent by mistake may be anything.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.errors import BadEvent, Reason
from models.wire.base import SCHEMA_VERSION
from models.wire.fields import UNKNOWN_CURRENCY
from models.wire.topics import TopicTypes, home_of

QUOTED_MAX = 60
FINDINGS_MAX = 3
MINOR_UNITS = "; amounts are whole minor units: 12.50 EUR is 1250"
_PRINTED_BITS_MAX = 1_024
_COMPARED_MAX = 64  # names looked at for a misspelling; comparing is slow
_FRAME_MAX = 16  # bytes that a serializer or an editor may have put before a value
_E_MAIL = re.compile(r"[^@\s]@")  # the address may be cut off behind it

# Which finding decides where there are several: version and customer give sense to the others.
_PRECEDENCE = (
    Reason.NOT_JSON,
    Reason.UNKNOWN_TYPE,
    Reason.UNKNOWN_VERSION,
    Reason.NO_CUSTOMER,
    Reason.UNKNOWN_CURRENCY,
    Reason.BAD_SCHEMA,
)
_NOT_AN_OBJECT = frozenset({"model_type", "model_attributes_type", "dict_type"})
_NOT_A_TYPE = frozenset({"union_tag_invalid", "literal_error"})


class _Finding(NamedTuple):
    reason: Reason
    kind: str
    path: tuple[int | str, ...]
    details: ErrorDetails


def refusal(error: ValidationError, topic: TopicTypes, key: bytes | None) -> BadEvent:
    """Return the refusal that a failed validation amounts to.

    `key` is the record's key: it never stands in for a missing customer, and the message says so.
    """
    findings = [_finding(details, topic) for details in error.errors(include_url=False)]
    findings.sort(key=lambda finding: _PRECEDENCE.index(finding.reason))
    texts = [_text(finding, topic, key) for finding in findings[:FINDINGS_MAX]]
    if len(findings) > FINDINGS_MAX:
        texts.append(f"and {len(findings) - FINDINGS_MAX} more")
    return BadEvent(findings[0].reason, " | ".join(texts))


def quoted(value: object) -> str:
    """Return a value for a message, cut to `QUOTED_MAX` characters."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > _PRINTED_BITS_MAX:
        return "a huge number"  # Python refuses to print it
    if not isinstance(value, str):
        return _cut(repr(value))
    text = value[:QUOTED_MAX]  # repr would copy all of it
    return "an e-mail address" if _E_MAIL.search(text) else _cut(repr(text))


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED_MAX else f"{text[: QUOTED_MAX - 1]}…"


def _finding(details: ErrorDetails, topic: TopicTypes) -> _Finding:
    # In a topic of several types the first step of a location is the type.
    path = details["loc"][1:] if len(topic.types) > 1 else details["loc"]
    return _Finding(_reason(details, path), details["type"], path, details)


def _reason(details: ErrorDetails, path: tuple[int | str, ...]) -> Reason:
    kind, given = details["type"], details["input"]
    if kind == "json_invalid" or (not path and kind in _NOT_AN_OBJECT):
        return Reason.NOT_JSON
    if kind in _NOT_A_TYPE and path in {(), ("event",)}:
        return Reason.UNKNOWN_TYPE
    if kind == "literal_error" and path == ("schema_version",) and type(given) is int:
        return Reason.UNKNOWN_VERSION
    if kind == UNKNOWN_CURRENCY:
        return Reason.UNKNOWN_CURRENCY
    return Reason.NO_CUSTOMER if path == ("customer_id",) else Reason.BAD_SCHEMA


def _text(finding: _Finding, topic: TopicTypes, key: bytes | None) -> str:
    _, kind, path, details = finding
    if kind == "json_invalid":
        return f"the value is not JSON in UTF-8: {_plain(details)}{_unprinted(details['input'])}"
    if finding.reason is Reason.NOT_JSON:
        return "the value is JSON, but not an object: {…} is expected"
    if finding.reason is Reason.UNKNOWN_TYPE:
        return _unknown_type(details, topic)
    if kind == "union_tag_not_found" or (kind == "missing" and path == ("event",)):
        return f"event: missing; {_known_types(topic)}"
    if path == ("schema_version",) and kind == "literal_error":
        return _wrong_version(details["input"], finding.reason)
    if path == ("customer_id",) and kind == "missing" and key:
        stand_in = quoted(key.decode(errors="replace"))
        return f"{_fault(path, details)}; the record's key ({stand_in}) does not stand in for it"
    return _fault(path, details)


def _fault(path: tuple[int | str, ...], details: ErrorDetails) -> str:
    """Return "field: what is wrong; what to do (got …)"."""
    if not path:  # a check across fields names them itself
        return details["msg"]
    where = _cut(".".join(str(step) for step in path if step != "[key]"))
    if details["type"] == "missing":
        return f"{where}: missing, but required{_misspelt(str(path[-1]), details['input'])}"
    return f"{where}: {_plain(details)}{_hint(where, details)} (got {quoted(details['input'])})"


def _unprinted(value: bytes) -> str:
    """Say which bytes nobody sees before the object: a byte order mark, a serializer's frame."""
    before = value[:_FRAME_MAX].partition(b"{")[0].strip()
    if before.isascii() and before.decode().isprintable():
        return ""
    return f"; the bytes {before.hex(' ')} come first: send the object alone"


def _plain(details: ErrorDetails) -> str:
    return details["msg"].removeprefix("Input ").removeprefix("Invalid JSON: ")


def _hint(where: str, details: ErrorDetails) -> str:
    kind = details["type"]
    if kind.startswith("int_") and where.endswith("_minor"):
        return MINOR_UNITS
    if kind == "string_type" and isinstance(details["input"], int | float):
        return "; write it in quotes"
    if kind == "string_pattern_mismatch":
        if where.startswith("patch.custom."):
            return ": lower-case letters, digits and _, at most 64"
        return ": no control characters"
    if where == "patch.custom":
        return "; to delete a custom attribute, write null for its name"
    return ""


def _misspelt(name: str, given: object) -> str:
    if not isinstance(given, dict):
        return ""
    names = [str(key)[:QUOTED_MAX] for key in islice(given, _COMPARED_MAX)]
    close = get_close_matches(name, names, n=1, cutoff=0.8)
    return f"; is {quoted(close[0])} meant to be it?" if close else ""


def _unknown_type(details: ErrorDetails, topic: TopicTypes) -> str:
    tag = details.get("ctx", {}).get("tag", details["input"])
    home = home_of(tag) if isinstance(tag, str) else None
    if home is not None:
        return f"event: {quoted(tag)} belongs on the topic {home}, not on {topic.name}"
    close = get_close_matches(str(tag)[:QUOTED_MAX], topic.types, n=1)
    advice = f"is {close[0]!r} meant?" if close else _known_types(topic)
    return f"event: {quoted(tag)} is not known; {advice}"


def _known_types(topic: TopicTypes) -> str:
    return f"{topic.name} takes {', '.join(topic.types)}"


def _wrong_version(version: object, reason: Reason) -> str:
    if reason is not Reason.UNKNOWN_VERSION:
        return f"schema_version: should be the number {SCHEMA_VERSION} (got {quoted(version)})"
    return (
        f"schema_version: {quoted(version)} is not known; write {SCHEMA_VERSION}, "
        "or upgrade the ingress workers first if it is a newer one"
    )

"""Changes told in one line each: who, from where to where, why, and what made it happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, cast

import msgspec
from rich.text import Text

from models.calendar import Calendar, iso_date
from models.decisions import (
    ActionRequested,
    AnyDecision,
    Cause,
    ChurnRiskChanged,
    SegmentChanged,
    TierChanged,
    TierWarning,
)
from models.money import MINOR_DIGITS
from models.wire.fields import instant
from models.wire.outputs import OUTPUT_TYPES

_CUSTOMER_WIDTH = 10
_BECAUSE_MAX = 2
_GOOD, _BAD, _PLAIN = "green", "red", "cyan"
_DIGITS_USUAL = 2


def decoded(topic: str, value: bytes) -> AnyDecision:
    """Return the change in a record of one of the `OUTPUTS` topics (without prefix)."""
    return cast("AnyDecision", msgspec.json.decode(value, type=OUTPUT_TYPES[topic]))


def told(change: AnyDecision, zone: Calendar) -> Text:
    """Return a change as one line of styled text, with its dates in a zone: the rulebook's."""
    match change:
        case TierChanged():
            what, style = (
                f"{change.from_ or 'new'} → {change.to or 'gone'}",
                _direction_style(change.direction),
            )
            why = "; ".join([change.reason.replace("_", " "), *_grounds(change.evidence)])
        case ChurnRiskChanged():
            what = f"churn risk {change.from_band or 'unknown'} → {change.to_band} ({change.score})"
            style = _GOOD if change.to_band == "low" else _BAD
            why = ", ".join(reason.code.replace("_", " ") for reason in change.reasons)
        case SegmentChanged():
            what = f"{change.dimension}: {change.from_ or 'unknown'} → {change.to or 'unknown'}"
            style, why = _PLAIN, ""
        case TierWarning():
            what = f"{change.tier} at risk: {change.state}"
            style = _BAD if change.state == "set" else _PLAIN
            why = f"until {_date(change.ends_at, zone)}"
        case ActionRequested():
            what, style = f"{change.kind} {change.action}", _PLAIN
            why = "policy" if change.policy else change.trigger
        case _:
            assert_never(change)
    return Text.assemble(
        (_date(change.occurred_at, zone), "dim"),
        f"  {change.customer_id:<{_CUSTOMER_WIDTH}} ",
        (f"{what:<34}", style),
        f" {why or 'by rule'}",
        (f"  ({_cause(change.cause)})", "dim"),
    )


def money(minor: int, currency: str) -> str:
    """Write an amount with its currency: 1234567 GBP is `GBP 12,345.67`."""
    digits = MINOR_DIGITS.get(currency, _DIGITS_USUAL)
    return f"{currency} {minor / 10**digits:,.{digits}f}"


def _date(at: str, zone: Calendar) -> str:
    return iso_date(zone.day(instant(at)))


def _direction_style(direction: str) -> str:
    return {"up": _GOOD, "down": _BAD}.get(direction, _PLAIN)


def _grounds(evidence: list[dict[str, Any]]) -> list[str]:
    return [ground(each) for each in evidence[:_BECAUSE_MAX]]


def ground(each: Mapping[str, Any]) -> str:
    """Return one comparison of an explanation: the fact, its value, and the bound."""
    arguments = ", ".join(f"{name}={value}" for name, value in (each.get("args") or {}).items())
    fact = str(each.get("fact") or each["expression"]) + (f"({arguments})" if arguments else "")
    currency = each.get("currency")
    value, bound = (each.get(name, each.get(f"{name}_minor")) for name in ("value", "bound"))
    if currency is not None:
        value, bound = (
            money(amount, currency) if isinstance(amount, int) else amount
            for amount in (value, bound)
        )
    shown = "unknown" if value is None else value
    return f"{fact} {shown}{'' if each.get('holds') else ', not'} {each.get('op', '')} {bound}"


def _cause(cause: Cause) -> str:
    return f"{cause.type} {cause.id}" if cause.kind == "event" else cause.type.replace("_", " ")

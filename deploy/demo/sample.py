"""The sample year as events: real purchases and returns; feedback that is generated and says so.

See `deploy/data/README.md` for where the invoices come from.
"""

import csv
import gzip
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from streams.jobs.publish import SourceEvent

INVOICES = Path(__file__).parent.parent / "data" / "online_retail_invoices.csv.gz"
ZONE = "Europe/London"
GENERATED = "generated"

_SEED = 20101201
_FEEDBACK_SHARE = 0.12  # of orders
_COMPLAINT_SHARE = 0.02
_RESOLVED_SHARE = 0.8  # of complaints
_SCORES, _SCORE_WEIGHTS = (1, 2, 3, 4, 5), (3, 5, 12, 35, 45)
_SEVERITIES, _SEVERITY_WEIGHTS = ("low", "medium", "high", "critical"), (45, 35, 15, 5)
_TYPES = ("product_quality", "delivery", "service_attitude", "billing", "other")


def sample_events(limit: int | None = None) -> list[SourceEvent]:
    """Return the first `limit` events of the year (all without it) in the order of their time."""
    events = sorted(_events(), key=lambda event: event["at"])
    return [_source_event(event) for event in events[:limit]]


def _events() -> Iterator[dict[str, Any]]:
    zone = ZoneInfo(ZONE)
    chance = random.Random(_SEED)  # noqa: S311 - the same sample in every run, not a secret
    with gzip.open(INVOICES, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["invoice_time"]).replace(tzinfo=zone)
            amount = int(row["amount_minor_gbp"])
            if amount < 0:
                yield _return(row, at, -amount)
            else:
                yield _purchase(row, at, amount)
                yield from _opinions(row, at, chance)


def _purchase(row: dict[str, str], at: datetime, amount: int) -> dict[str, Any]:
    return _event("purchase", row["invoice"], row["customer"], at, "webshop") | {
        "order_id": row["invoice"],
        "net_amount_minor": amount,
        "currency": "GBP",
        "channel": "online",
    }


def _return(row: dict[str, str], at: datetime, amount: int) -> dict[str, Any]:
    # The invoices do not say which order is returned, so the refund counts on its own day.
    return _event("refund", row["invoice"], row["customer"], at, "webshop") | {
        "refund_id": row["invoice"],
        "amount_minor": amount,
        "currency": "GBP",
        "kind": "return",
    }


def _opinions(row: dict[str, str], at: datetime, chance: random.Random) -> Iterator[dict[str, Any]]:
    order, customer = row["invoice"], row["customer"]
    if chance.random() < _FEEDBACK_SHARE:
        said_at = at + timedelta(hours=chance.randint(24, 240))
        (score,) = chance.choices(_SCORES, _SCORE_WEIGHTS)
        yield _event("feedback", f"F{order}", customer, said_at, GENERATED) | {
            "feedback_id": f"F{order}",
            "action": "given",
            "kind": "survey",
            "metric": "csat",
            "score": score,
            "order_id": order,
        }
    if chance.random() < _COMPLAINT_SHARE:
        opened_at = at + timedelta(hours=chance.randint(12, 160))
        (severity,) = chance.choices(_SEVERITIES, _SEVERITY_WEIGHTS)
        case = {
            "complaint_id": f"K{order}",
            "type": chance.choice(_TYPES),
            "severity": severity,
            "order_id": order,
        }
        opened = _event("complaint", f"K{order}-opened", customer, opened_at, GENERATED)
        yield opened | case | {"action": "opened"}
        if chance.random() < _RESOLVED_SHARE:
            resolved_at = opened_at + timedelta(hours=chance.randint(4, 200))
            resolved = _event("complaint", f"K{order}-resolved", customer, resolved_at, GENERATED)
            outcome = chance.choice(("satisfied", "satisfied", "unsatisfied"))
            yield resolved | case | {"action": "resolved", "outcome": outcome}


def _event(kind: str, identity: str, customer: str, at: datetime, source: str) -> dict[str, Any]:
    return {
        "event": kind,
        "event_id": identity,
        "customer_id": customer,
        "occurred_at": at.isoformat(),
        "source": source,
        "schema_version": 1,
        "at": int(at.timestamp()),
    }


_TOPICS = {
    "purchase": "customer.purchase.v1",
    "refund": "customer.purchase.v1",
    "feedback": "customer.feedback.v1",
    "complaint": "customer.complaint.v1",
}


def _source_event(event: dict[str, Any]) -> SourceEvent:
    at = event.pop("at")
    value = json.dumps(event, separators=(",", ":")).encode()
    return SourceEvent(_TOPICS[event["event"]], event["customer_id"].encode(), value, at)

"""One golden example of every control event: what an operator sends, and what the log holds."""

from __future__ import annotations

from models import events
from models.churn import Coins
from models.churn_calibration import Platt
from tests.models.wire_examples import AT, BY, CUSTOMER, ENVELOPE, FACT, NUMBER, Example

CONTROL_EXAMPLES: dict[str, Example] = {
    "override.set": (
        {
            **CUSTOMER,
            **BY,
            "event": "override.set",
            "override_id": "V-1",
            "tier": "vip",
            "mode": "exactly",
            "until": "2026-05-04T20:00:00Z",
        },
        events.OverrideSet(
            **FACT,
            override_id="V-1",
            tier="vip",
            mode="exactly",
            reason="spring",
            by="li.na",
            until=AT,
        ),
    ),
    "override.cleared": (
        {**CUSTOMER, "event": "override.cleared", "override_id": "V-1", "by": "li.na"},
        events.OverrideCleared(**FACT, override_id="V-1", by="li.na"),
    ),
    "hold.set": (
        {**CUSTOMER, **BY, "event": "hold.set", "until": "2026-05-04T20:00:00Z"},
        events.HoldSet(**FACT, until=AT, reason="spring", by="li.na"),
    ),
    "hold.cleared": (
        {**CUSTOMER, "event": "hold.cleared", "by": "li.na"},
        events.HoldCleared(**FACT, by="li.na"),
    ),
    "customers.merged": (
        {
            **CUSTOMER,
            "event": "customers.merged",
            "absorbed": "C-1042",
            "survivor": "C-7",
            "by": "li.na",
        },
        events.CustomersMerged(**FACT, absorbed="C-1042", survivor="C-7", by="li.na"),
    ),
    "customer.erased": (
        {**CUSTOMER, "event": "customer.erased", "basis": "request"},
        events.CustomerErased(**FACT, basis="request"),
    ),
    "score.set": (
        {
            **CUSTOMER,
            "event": "score.set",
            "name": "points",
            "value": 12,
            "model": "loyalty-2",
            "valid_until": "2026-05-04T20:00:00Z",
        },
        events.ScoreSet(**FACT, name="points", value=12.0, model="loyalty-2", valid_until=AT),
    ),
    "rulebook.activated": (
        {
            **ENVELOPE,
            **BY,
            "event": "rulebook.activated",
            "name": "factory",
            "version": 4,
            "text": "rulebook: factory\n",
        },
        events.RulebookActivated(
            number=NUMBER,
            by="li.na",
            reason="spring",
            name="factory",
            version=4,
            text="rulebook: factory\n",
        ),
    ),
    "churn-model.activated": (
        {
            **ENVELOPE,
            **BY,
            "event": "churn-model.activated",
            "version": 7,
            "r": 0.5,
            "alpha_days": 42,
            "a": 0.8,
            "b": 2.5,
            "calibration": {"intercept": -0.4, "slope": 0.9},
            "coins": {
                "low": 0,
                "medium": 0.1,
                "high": 0.2,
                "critical": 0.4,
                "resolved_factor": 0.5,
                "detractor": 0.03,
            },
        },
        events.ChurnModelActivated(
            number=NUMBER,
            by="li.na",
            reason="spring",
            version=7,
            r=0.5,
            alpha_days=42,
            a=0.8,
            b=2.5,
            calibration=Platt(intercept=-0.4, slope=0.9),
            coins=Coins(
                low=0, medium=0.1, high=0.2, critical=0.4, resolved_factor=0.5, detractor=0.03
            ),
        ),
    ),
    "rfm-cuts.activated": (
        {
            **ENVELOPE,
            "by": "fit",
            "event": "rfm-cuts.activated",
            "version": 2,
            "recency": [10, 30, 90, 180],
            "frequency": [1, 2, 4, 9],
            "monetary": [1e3, 1e4, 1e5, 1e6],
        },
        events.RfmCutsActivated(
            number=NUMBER,
            by="fit",
            version=2,
            recency=(10, 30, 90, 180),
            frequency=(1, 2, 4, 9),
            monetary=(1e3, 1e4, 1e5, 1e6),
        ),
    ),
    "rates.set": (
        {
            **ENVELOPE,
            "by": "treasury",
            "event": "rates.set",
            "base": "CNY",
            "date": "2026-05-04",
            "rates": {"EUR": 8.1, "JPY": 0.05},
        },
        events.RatesSet(
            number=NUMBER,
            by="treasury",
            base="CNY",
            date="2026-05-04",
            rates={"EUR": 8.1, "JPY": 0.05},
        ),
    ),
    "engine.raised": (
        {**ENVELOPE, "by": "worker", "event": "engine.raised", "engine": 2, "tzdata": "2026a"},
        events.EngineRaised(number=NUMBER, by="worker", engine=2, tzdata="2026a"),
    ),
}

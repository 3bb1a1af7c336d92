"""One golden example of every input event: what a producer writes, and what the log holds."""

from __future__ import annotations

from typing import Any

from models import events

AT = 1_777_924_800  # 2026-05-04T20:00:00Z
ENVELOPE: dict[str, Any] = {
    "event_id": "E-1",
    "occurred_at": "2026-05-05T04:00:00.999+08:00",
    "source": "webshop",
    "schema_version": 1,
}
CUSTOMER = {**ENVELOPE, "customer_id": "C-1042"}
FACT: dict[str, Any] = {"event_id": "E-1", "source": "webshop", "occurred_at": AT}
NUMBER = 17
BY = {"by": "li.na", "reason": "spring"}

Example = tuple[dict[str, Any], events.CustomerEvent | events.EraEvent]

PURCHASE: dict[str, Any] = {
    **CUSTOMER,
    "event": "purchase",
    "order_id": "O-13",
    "net_amount_minor": 1200,
    "currency": "CNY",
    "margin_minor": -30,
    "channel": "online",
    "store_id": "S-1",
    "coupon": "MAY",
    "action_id": "A-1",
    "lines": [
        {
            "line_id": "1",
            "net_amount_minor": 1200,
            "sku": "K-9",
            "category": "tea",
            "brand": "Own",
            "own_brand": True,
            "custom": False,
            "grade": "premium",
            "quantity": 1.25,
            "unit": "kg",
            "list_amount_minor": 1500,
        }
    ],
}

EXAMPLES: dict[str, Example] = {
    "purchase": (
        PURCHASE,
        events.Purchase(
            **FACT,
            order_id="O-13",
            net_amount_minor=1200,
            currency="CNY",
            margin_minor=-30,
            channel="online",
            store_id="S-1",
            coupon="MAY",
            action_id="A-1",
            lines=(
                events.Line(
                    line_id="1",
                    net_amount_minor=1200,
                    sku="K-9",
                    category="tea",
                    brand="Own",
                    own_brand=True,
                    custom=False,
                    grade="premium",
                    quantity_milli=1250,
                    unit="kg",
                    list_amount_minor=1500,
                ),
            ),
        ),
    ),
    "refund": (
        {
            **CUSTOMER,
            "event": "refund",
            "refund_id": "R-77",
            "order_id": "O-13",
            "purchased_at": "2026-05-04T20:00:00Z",
            "amount_minor": 1200,
            "currency": "CNY",
            "kind": "return",
            "full": True,
            "channel": "offline",
            "reason": "broken",
            "lines": [{"line_id": "1", "net_amount_minor": 1200}],
        },
        events.Refund(
            **FACT,
            refund_id="R-77",
            order_id="O-13",
            purchased_at=AT,
            amount_minor=1200,
            currency="CNY",
            kind="return",
            full=True,
            channel="offline",
            reason="broken",
            lines=(events.Line(line_id="1", net_amount_minor=1200),),
        ),
    ),
    "feedback": (
        {
            **CUSTOMER,
            "event": "feedback",
            "feedback_id": "F-5",
            "action": "amended",
            "kind": "review",
            "metric": "stars",
            "score": 4,
            "topic": "product",
            "public": True,
            "product_id": "K-9",
            "order_id": "O-13",
            "text_ref": "reviews/5",
            "original": {"occurred_at": "2026-05-04T20:00:00Z", "metric": "stars", "score": 2},
        },
        events.Feedback(
            **FACT,
            feedback_id="F-5",
            action="amended",
            kind="review",
            metric="stars",
            score=4,
            polarity="positive",
            topic="product",
            public=True,
            product_id="K-9",
            order_id="O-13",
            text_ref="reviews/5",
            original=events.FeedbackValues(
                occurred_at=AT, metric="stars", score=2, polarity="negative"
            ),
        ),
    ),
    "complaint": (
        {
            **CUSTOMER,
            "event": "complaint",
            "complaint_id": "K-310",
            "action": "amended",
            "type": "product_quality",
            "severity": "low",
            "safety": True,
            "amount_minor": 900,
            "currency": "CNY",
            "order_id": "O-13",
            "product_id": "K-9",
            "text_ref": "tickets/310",
            "original": {"occurred_at": "2026-05-04T20:00:00Z", "type": "other", "legal": True},
        },
        events.Complaint(
            **FACT,
            complaint_id="K-310",
            action="amended",
            type="product_quality",
            severity="critical",
            safety=True,
            amount_minor=900,
            currency="CNY",
            order_id="O-13",
            product_id="K-9",
            text_ref="tickets/310",
            original=events.ComplaintValues(occurred_at=AT, type="other", severity="critical"),
        ),
    ),
    "profile": (
        {
            **CUSTOMER,
            "event": "profile",
            "patch": {
                "joined_at": "2020-01-01T00:00:00+08:00",
                "birth_date": "1960-02-29",
                "income": {"amount_minor": 900000, "currency": "CNY", "period": "month"},
                "annual_revenue": None,
                "employees": 12,
                "interests": ["tea", "hiking"],
                "city": None,
                "consents": {
                    "marketing": {"granted": False},
                    "profiling": {"granted": True, "at": "2026-05-04T19:59:59Z"},
                    "sensitive": None,
                },
                "custom": {"club": "north", "visits": 3, "weight_kg": 71.5, "old": None},
            },
        },
        events.Profile(
            **FACT,
            patch={
                "joined_at": "2020-01-01",
                "birth_date": "1960-02-29",
                "income.amount_minor": 900000,
                "income.currency": "CNY",
                "income.period": "month",
                "annual_revenue.amount_minor": None,
                "annual_revenue.currency": None,
                "employees": 12,
                "interests": ["tea", "hiking"],
                "city": None,
                "consents.marketing.granted": False,
                "consents.marketing.at": AT,
                "consents.profiling.granted": True,
                "consents.profiling.at": AT - 1,
                "consents.sensitive.granted": None,
                "consents.sensitive.at": None,
                "custom.club": "north",
                "custom.visits": 3,
                "custom.weight_kg": 71.5,
                "custom.old": None,
            },
        ),
    ),
    "engagement": (
        {
            **CUSTOMER,
            "event": "engagement",
            "kind": "relation.linked",
            "name": "spring fair",
            "quantity": 2,
            "unit": "hours",
            "channel": "other",
            "other_customer_id": "C-7",
            "relation": "friend",
            "action_id": "A-1",
        },
        events.Engagement(
            **FACT,
            kind="relation.linked",
            name="spring fair",
            quantity_milli=2000,
            unit="hours",
            channel="other",
            other_customer_id="C-7",
            relation="friend",
            action_id="A-1",
        ),
    ),
}

"""Whatever a batch writes fits a record: states at their limits, outputs, eras, dead letters.

A state is bounded by what `fold` keeps, not by a check of its size: the largest one is made here.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from models import events
from models.calendar import DAY_S, calendar
from models.customer import SEEN_BYTES, SEEN_MAX, CustomerState, Facts, Root, pack, remember
from models.events import AMOUNT_MAX
from models.fold import PROFILE_MAX, fold
from models.fold_cases import COMPLAINTS_MAX, FEEDBACK_MAX
from models.fold_series import RETENTION_DAYS, SERIES_MAX
from models.wire.fields import QUANTITY_MAX
from rules.admission import ATTRIBUTE_BYTES_MAX, admit
from rules.eras import FUTURE_S_MAX, LATENESS_DAYS
from rules.language.document import SIZE_MAX
from streams.batch import EVENT_BYTES_MAX, Batch
from streams.ledger import START, Ledger
from streams.log.port import BATCH_BYTES_MAX, Entry, Record
from tests.rules.driving import activation, book

UTC = calendar("UTC")
TODAY = 20_000
NOW = TODAY * DAY_S
WIDE = "\U0001f600"  # a character of four bytes
# The first day that is kept, to the last that an event may be of.
DAYS = range(TODAY - RETENTION_DAYS, TODAY + FUTURE_S_MAX // DAY_S + 1)
OTHERS = 10  # series that count what is beyond `SERIES_MAX`, one for each kind of count
COUNT = 2**16 - 1  # of one kind a day: more than one a minute


def engagement(kind: str, unit: str) -> events.Engagement:
    return events.Engagement(
        event_id="e", source="test", occurred_at=NOW, kind=kind, unit=unit,
        quantity_milli=QUANTITY_MAX * 1_000,
    )  # fmt: skip


def deeds() -> Iterator[events.CustomerEvent]:
    """Yield events that begin every series there can be, the longest names first."""
    for number in range(SERIES_MAX + 1):
        yield engagement(WIDE * 64, f"{number:02}" + WIDE * 126)
    yield engagement("another", "another")
    for currency in ("EUR", "USD"):
        yield events.Purchase(
            event_id="p", source="test", occurred_at=NOW, order_id="o",
            net_amount_minor=AMOUNT_MAX, currency=currency,
        )  # fmt: skip
    yield events.Refund(
        event_id="r", source="test", occurred_at=NOW, refund_id="r", amount_minor=AMOUNT_MAX,
        currency="USD", kind="return", full=True,
    )  # fmt: skip


def cases() -> Iterator[events.CustomerEvent]:
    """Yield more complaints and feedback than are kept one by one."""
    for number in range(COMPLAINTS_MAX + 1):
        for action in ("opened", "resolved"):
            yield events.Complaint(
                event_id="c", source="test", occurred_at=NOW + number, action=action,
                complaint_id=f"k{number}", type="other", severity="critical", outcome="rejected",
            )  # fmt: skip
    for number in range(FEEDBACK_MAX + 1):
        yield events.Feedback(
            event_id="f", source="test", occurred_at=NOW + number, feedback_id=f"f{number}",
            action="given", kind="suggestion", metric="nps", score=10, polarity="positive",
        )  # fmt: skip


def attributes() -> Iterator[events.Profile]:
    """Yield more attributes than are kept, each as large as it may be."""
    for number in range(PROFILE_MAX + 1):
        name = f"custom.a{number:03}".ljust(len("custom.") + 64, "_")
        value = "x" * (ATTRIBUTE_BYTES_MAX - len('""'))
        yield events.Profile(event_id="a", source="test", occurred_at=NOW, patch={name: value})


def fullest() -> CustomerState:
    """Return a state at every limit, with something on each day that is kept."""
    facts = Facts()
    for event in (*deeds(), *cases(), *attributes()):
        assert admit(None, event, b"", None, NOW, TODAY, TODAY) is event
        fold(facts, event, UTC, TODAY, LATENESS_DAYS)
    facts.days, facts.orders = list(DAYS), [COUNT] * len(DAYS)
    facts.net_minor = [AMOUNT_MAX] * len(DAYS)
    for name, (days, values) in facts.series.items():
        largest = max(COUNT, *values)
        days[:], values[:] = DAYS, [largest] * len(DAYS)
        assert largest == COUNT or name[:4] in {"net:", "refu"} or name[:2] == "u:"
    root = Root("rulebook.activated", WIDE * 64, NOW)
    state = CustomerState(era=2**31, due=NOW, facts=facts, root=root)
    for number in range(SEEN_MAX + 1):
        remember(state, number.to_bytes(SEEN_BYTES, "big"), 0)
    return state


def test_the_fullest_state_is_at_every_limit() -> None:
    state = fullest()
    facts = state.facts
    assert len(facts.series) == SERIES_MAX + OTHERS
    assert len(facts.complaints) == COMPLAINTS_MAX
    assert len(facts.feedback) == FEEDBACK_MAX
    assert len(facts.profile) == PROFILE_MAX
    assert len(state.seen) == SEEN_MAX * SEEN_BYTES
    again = engagement("another", "another")
    fold(facts, again, UTC, TODAY, LATENESS_DAYS)
    assert {len(days) for days, _ in facts.series.values()} == {len(DAYS)}  # all of it is kept,
    fold(facts, again, UTC, TODAY + 1, LATENESS_DAYS)
    assert {len(days) for days, _ in facts.series.values()} == {len(DAYS) - 1}  # and no day more


def test_the_fullest_state_fits_a_record() -> None:
    assert len(pack(fullest())) < BATCH_BYTES_MAX


def test_the_largest_events_and_rulebook_lead_to_records_that_fit() -> None:
    """The label of a tier takes all of the largest rulebook, and stands in every output."""
    text = book().replace("en: Basic", "en: " + "B" * (SIZE_MAX - len(book()) - 10))
    largest = events.encode(activation(0, text))
    customer = (WIDE * 128).encode()
    purchase = events.Purchase(
        event_id=WIDE * 64, source=WIDE * 128, occurred_at=NOW, order_id="o", net_amount_minor=1,
        currency="EUR",
    )  # fmt: skip
    values = [
        (None, events.encode(events.Tick(t=NOW))),
        (None, largest),
        (customer, events.encode(purchase)),
        (customer, b"x" * len(largest)),
        (customer, events.encode(purchase) + b" " * EVENT_BYTES_MAX),
    ]
    records = [Record(i, NOW, key, value, ()) for i, (key, value) in enumerate(values)]
    begun = Ledger(msgspec.structs.replace(START, partitions=1))
    result = Batch("test", 0, 1, begun, records, len(records)).compute({})
    entries = [Entry(name, value) for name, value in result.fields.items()]
    entries += [entry for published in result.published.values() for entry in published]
    sizes = sorted(map(_bytes, entries))
    assert SIZE_MAX < sizes[-1] < BATCH_BYTES_MAX
    assert len(result.reasons) == 2


def _bytes(entry: Entry) -> int:
    headers = sum(len(name) + len(value) for name, value in entry.headers)
    return len(entry.key or b"") + len(entry.value or b"") + headers

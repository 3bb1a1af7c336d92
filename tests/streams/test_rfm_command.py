"""`tierstream rfm` without services: on a store in memory, and the control event that it writes."""

from __future__ import annotations

import json

import msgspec
import pytest

from models import events
from models.calendar import DAY_S, calendar
from models.customer import CustomerState, Facts, pack
from models.fold import fold
from models.wire import TOPICS, accept
from rules.eras import EraRecord
from rules.facts.rfm import SEGMENTS
from streams.commands.rfm import _line, _show, activation
from streams.jobs.rfm import Recut, TooFewBuyers, recut
from streams.ledger import START
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step
from tests.rules.driving import book

TODAY = 20_000
UTC = calendar("UTC")
CUTS = events.RfmCutsActivated(
    number=5, by="ann", version=4, recency=(1, 2, 3, 4), frequency=(1, 2, 3, 4),
    monetary=(1, 2, 3, 4),
)  # fmt: skip
ERA = EraRecord(number=5, since=None, cause_type="", cause_by="", book=book(), cuts=CUTS)


async def stored(
    store: MemoryStore, partition: int, now: int | None, buyers: int, era: EraRecord | None = None
) -> None:
    """Put buyers into a partition, the n-th with n + 1 orders of EUR 10, and one who looks on."""
    fields = {
        keys.customer_field(b"%d-%d" % (partition, number)): pack(
            CustomerState(facts=facts_of(number + 1))
        )
        for number in range(buyers)
    }
    fields[keys.customer_field(b"looks-%d" % partition)] = pack(CustomerState())
    position = msgspec.structs.replace(START, now=now, partitions=2)
    fields[keys.POSITION] = msgspec.json.encode(position)
    if era is not None:
        fields[keys.BOOK] = msgspec.json.encode((0,))
        fields[keys.era_field(0)] = msgspec.json.encode(era)
    await store.claim(partition, "me")
    assert await store.apply(partition, "me", 0, Step(1, now or 0, "origin", fields, {}))


def facts_of(orders: int) -> Facts:
    facts = Facts()
    for number in range(orders):
        event = events.Purchase(
            event_id=f"p{number}", source="shop", occurred_at=(TODAY - number) * DAY_S,
            order_id=f"o{number}", net_amount_minor=1_000, currency="EUR",
        )  # fmt: skip
        fold(facts, event, UTC, today=TODAY, lateness_days=30)
    return facts


async def both(*, buyers: int = 10) -> Recut:
    store = MemoryStore()
    await stored(store, 0, (TODAY + 2) * DAY_S, buyers)
    await stored(store, 1, (TODAY + 1) * DAY_S, buyers, ERA)
    counts: list[int] = []
    found = await recut(store, 2, counts.append)
    assert counts[-1] >= 2 * buyers
    return found


async def test_all_partitions_are_cut_together_as_of_the_slowest() -> None:
    found = await both()
    assert (found.day, found.buyers, found.currency) == (TODAY + 1, 20, "EUR")
    assert found.version_in_force == 4
    assert found.cuts.recency == pytest.approx((1, 1, 1, 1))
    assert found.cuts.frequency == pytest.approx((2.8, 4.6, 6.4, 8.2))
    assert found.cuts.monetary == pytest.approx((2_800, 4_600, 6_400, 8_200))
    assert list(found.segments) == list(SEGMENTS)
    assert sum(found.segments.values()) == 20


async def test_what_cannot_be_cut_says_what_is_missing() -> None:
    store = MemoryStore()
    await stored(store, 0, TODAY * DAY_S, 2)
    await stored(store, 1, None, 2)
    with pytest.raises(TooFewBuyers, match=r"clock has not started.*tierstream clock status"):
        await recut(store, 2)
    with pytest.raises(TooFewBuyers, match=r"4 customers have bought.*at least 5; publish"):
        await both(buyers=2)


async def test_an_activation_is_a_control_event_that_is_accepted() -> None:
    found = await both()
    value = activation(found, 5, by="ann", reason="spring")
    _, event, unknown = accept(TOPICS["segment.control.v1"], None, value, (), offset=12)
    assert unknown == ()
    assert event == events.RfmCutsActivated(
        number=12, by="ann", reason="spring", version=5, **found.cuts._asdict()
    )


async def test_figures_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    found = await both()
    _show(found)
    shown = capsys.readouterr().out
    assert "20 buyers as of 2024-10-05" in shown
    assert "46.00" in shown
    assert "Champions" in shown
    line = json.loads(msgspec.json.encode(_line(found, None)))
    assert (line["day"], line["buyers"], line["activated"]) == ("2024-10-05", 20, None)
    assert line["segments"] == found.segments

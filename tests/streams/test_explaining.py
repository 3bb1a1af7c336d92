"""What `tierstream explain` says of a customer, now and of a past instant."""

from __future__ import annotations

from typing import Any, cast

import pytest

from models import events
from models.calendar import iso_date, rfc3339
from streams.commands.asking import _lines
from streams.commands.common import CommandFailed, Reach
from streams.commands.explaining import say
from streams.commands.finding import Found, find_past
from streams.jobs.hindsight import as_of
from streams.log.port import Entry
from streams.settings import Settings
from streams.topics import Catalogue
from tests.rules.driving import GOLD, GRACED, activation, book
from tests.streams.place import Place, purchase
from tests.streams.test_preview import tick

DAY_S = 86_400
START = 1_700_006_400  # a day's beginning in UTC
KIM: dict[str, Any] = {
    "source": "desk",
    "occurred_at": START + DAY_S,
    "by": "kim",
    "reason": "goodwill",
}
BOOK = book(tiers=(GRACED, GOLD))


def place(*more: Entry) -> Place:
    """Anna buys twice on the first days, and then no more."""
    made = Place()
    made.append(
        tick(START),
        Entry(None, events.encode(activation(0, BOOK))),
        purchase(1, occurred_at=START - 60),
        tick(START + DAY_S),
        purchase(2, occurred_at=START + DAY_S - 60),
        *more,
        tick(START + 60 * DAY_S),
    )
    return made


async def found(made: Place, days: int) -> Found:
    seen = await as_of(made.log, "test", 1, "anna", START + days * DAY_S)
    return Found("anna", seen.partition, seen.position, seen.state, seen.era, seen.history)


async def said(days: int, capsys: pytest.CaptureFixture[str]) -> str:
    say(await found(place(), days), "test")
    return capsys.readouterr().out


async def test_tiers_dimensions_and_what_is_missing_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = await said(2, capsys)
    assert shown.startswith(f"anna at {rfc3339(START + 2 * DAY_S)}: silver\n")
    assert "tier silver: reached" in shown
    assert "tier gold: not reached" in shown
    assert "orders(days=9) 2 >= 2" in shown
    assert "buyer: active" in shown
    assert "For gold is missing: spend (days 14, missing EUR 98.00)" in shown


async def test_the_events_behind_a_fact_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    shown = (await said(2, capsys)).splitlines()
    at = next(i for i, line in enumerate(shown) if "orders(days=9) 2 >= 2" in line)
    assert [line.strip("│├└─ ") for line in shown[at + 1 : at + 3]] == [
        f"{rfc3339(START - 60)} purchase e1, EUR 1.00",
        f"{rfc3339(START + DAY_S - 60)} purchase e2, EUR 1.00",
    ]


async def test_of_many_events_the_newest_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    many = [purchase(n, occurred_at=START + DAY_S + n) for n in range(10, 18)]
    say(await found(place(*many), 3), "test")
    shown = capsys.readouterr().out
    assert "earlier ones, left out here" in shown
    assert "purchase e17, " in shown
    assert "purchase e12, " not in shown


async def test_what_comes_by_itself_is_told_with_its_day(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = await said(2, capsys)
    ahead = shown.partition("Changes by itself, if nothing happens:\n")[2].splitlines()
    days = [line[:10] for line in ahead]
    assert days == sorted(days)
    assert any("buyer: active → quiet" in line for line in ahead)
    assert any("silver at risk: set" in line for line in ahead)


async def test_days_are_those_of_the_rulebooks_zone(capsys: pytest.CaptureFixture[str]) -> None:
    made = Place()
    made.append(
        tick(START),
        Entry(None, events.encode(activation(0, BOOK.replace("zone: UTC", "zone: Asia/Tokyo")))),
        *(purchase(n, occurred_at=START - 60) for n in (1, 2)),
        tick(START + 60 * DAY_S),
    )
    say(await found(made, 1), "test")
    shown = capsys.readouterr().out
    day = iso_date(START // DAY_S + 9)  # begins at 15:00 of the day before in UTC
    assert f"{day}  anna       silver at risk: set" in shown


async def test_a_running_warning_says_until_when_and_what_averts_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = await said(9, capsys)
    assert "tier silver: not reached" in shown
    assert "Warned (keep failed): silver ends on" in shown
    assert "To keep it: orders(days=9) >= 2 (now 0)" in shown


async def test_what_people_decided_is_told_beside_what_the_rules_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    until = START + 40 * DAY_S
    override = events.OverrideSet(event_id="x1", override_id="o1", tier="gold", **KIM)
    hold = events.HoldSet(event_id="x2", until=until, **KIM)
    made = place(*(Entry(b"anna", events.encode(each)) for each in (override, hold)))
    at = await found(made, 3)
    say(at, "test")
    shown = capsys.readouterr().out.splitlines()
    assert "Override: o1 by kim: at least gold, goodwill; by the rules silver" in shown
    assert f"Hold: until {rfc3339(until)}" in shown
    asked = dict(_lines(at))
    assert asked["tier"].startswith("gold since ")
    assert asked["override"] == "o1 by kim: at least gold, goodwill; by the rules silver"
    assert asked["hold"] == f"until {rfc3339(until)}"


async def test_when_all_has_happened_nothing_comes_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = await said(60, capsys)
    assert "Warned" not in shown
    assert shown.endswith("Nothing changes by itself.\n")


async def test_money_that_is_missing_is_told_as_money(
    capsys: pytest.CaptureFixture[str],
) -> None:
    graced = f"{GOLD}\n      grace: 3d"
    made = Place()
    made.append(
        tick(START),
        Entry(None, events.encode(activation(0, book(tiers=(graced,))))),
        purchase(1, occurred_at=START - 60, net_amount_minor=12_000),
        tick(START + 60 * DAY_S),
    )
    say(await found(made, 14), "test")
    shown = capsys.readouterr().out
    assert "To keep it: spend(days=14) >= EUR 60.00 (now EUR 0.00)" in shown


async def test_money_that_is_not_known_is_told_as_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = BOOK.replace("spend(days=14) >= much_spend", "profile.annual_revenue >= much_spend")
    made = Place()
    made.append(
        tick(START),
        Entry(None, events.encode(activation(0, text))),
        *(purchase(n, occurred_at=START - 60) for n in (1, 2)),
        tick(START + 9 * DAY_S),
    )
    say(await found(made, 1), "test")
    shown = capsys.readouterr().out
    assert "is missing: profile.annual_revenue (>= EUR 100.00, now unknown)" in shown


async def test_who_was_merged_or_erased_is_not_explained() -> None:
    fields: dict[str, Any] = {"source": "crm", "occurred_at": START + DAY_S, "event_id": "x"}
    erased = events.CustomerErased(**fields, basis="request")
    merged = events.CustomersMerged(**fields, absorbed="anna", survivor="bert", by="kim")
    for event, message in ((erased, "was erased"), (merged, "tierstream explain bert")):
        made = place(Entry(b"anna", events.encode(event)))
        with pytest.raises(CommandFailed, match=message):
            say(await found(made, 30), "test")


async def test_nobody_is_told_the_past_of_who_was_erased() -> None:
    """By none of her ids, though the log has not forgotten it yet."""
    fields: dict[str, Any] = {"source": "crm", "occurred_at": START + DAY_S}
    merged = events.CustomersMerged(
        event_id="m", **fields, absorbed="anna", survivor="bert", by="kim"
    )
    erased = events.CustomerErased(event_id="x", **fields, basis="request")
    made = place(*(Entry(b"anna", events.encode(event)) for event in (merged, erased)))
    for _ in range(2):  # the second time, what the first sent to Bert
        await made.feed(await made.taken())
    log, store = cast("tuple[Any, ...]", (made.log, made.store))
    none, chosen = cast("Any", None), Settings(app="test", partitions=1)
    reached = Reach(chosen, Catalogue.of(chosen), log, none, none, store)
    with pytest.raises(CommandFailed, match="anna was erased"):
        await find_past(reached, "anna", START + 2)
    made.append(purchase(9, b"carl"))
    await made.feed(await made.taken())
    assert (await find_past(reached, "carl", START + 60 * DAY_S)).state.facts.orders == [1]


async def test_before_the_first_rulebook_it_is_said_what_to_do() -> None:
    made = Place()
    made.append(purchase(1, occurred_at=START - 60), tick(START), tick(START + 9 * DAY_S))
    with pytest.raises(CommandFailed, match="rules activate FILE"):
        say(await found(made, 1), "test")


async def test_points_that_are_open_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = BOOK.replace(
        "dimensions:",
        "scores:\n  worth: [{points: 2, if: orders(days=9) > 1}, {points: 1, if: refunds() > 0}]\n"
        "dimensions:",
    ).replace("qualify: spend(days=14) >= much_spend", "qualify: score.worth >= all_points")
    text = text.replace(
        "parameters:", "parameters:\n  all_points: {value: 3, unit: score, why: all of them}"
    )
    made = Place()
    made.append(
        tick(START),
        Entry(None, events.encode(activation(0, text))),
        *(purchase(n, occurred_at=START - 60) for n in (1, 2)),
        tick(START + 9 * DAY_S),
    )
    say(await found(made, 1), "test")
    shown = capsys.readouterr().out
    assert (
        "For gold is missing: score.worth (missing 1), with points open: "
        "1 for refunds (missing EUR 0.01)"
    ) in shown

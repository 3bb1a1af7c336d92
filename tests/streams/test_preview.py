"""A preview counts exactly what an activation then does, and leaves no trace."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import events
from models.customer import pack
from rules.book import Book
from rules.compiler.compile import compile_book
from rules.eras import succeed
from streams.commands import previewing
from streams.commands.common import CommandFailed
from streams.commands.previewing import described, processes, say
from streams.jobs import census as census_job
from streams.jobs.census import NothingToPreview, based, census
from streams.jobs.preview import Basis, Preview, RulesChanged
from streams.jobs.tally import Tally
from streams.log.port import Entry
from streams.partition import Partition
from streams.store import keys
from streams.store.customers import pages
from streams.store.port import START
from streams.topics import OUTPUTS, TIER_CURRENT
from tests.rules.driving import GOLD, SILVER, activation, book
from tests.rules.laws import Pair, lived, pairs
from tests.rules.strategies import NOW as CLOCK
from tests.streams.place import NOW, Place, purchase

DAY_S = 86_400
WHO = (b"anna", b"bert", b"carl", b"dora")
HARDER = book(2, gold=(500, 400))


def tick(t: int) -> Entry:
    return Entry(None, events.encode(events.Tick(t=t)))


def draft(text: str, sample: int = 3) -> Basis:
    return Basis("test", now=0, first_tick=None, eras=(), text=text, sample=sample)


async def shop(text: str | None = None) -> tuple[Place, Partition]:
    """Four customers of different spend, concluded under a first rulebook."""
    place = Place()
    place.append(tick(NOW - 2 * DAY_S))
    if text is not None:
        place.append(Entry(None, events.encode(activation(0, text))))
    for number, who in enumerate(WHO):
        place.append(purchase(number, who, net_amount_minor=number * 20_000, occurred_at=NOW - 60))
        place.append(purchase(number + 10, who, net_amount_minor=100, occurred_at=NOW - 50))
    place.append(tick(NOW))
    return place, await rested(place)


async def rested(place: Place) -> Partition:
    partition = await place.taken()
    await place.feed(partition)
    while not partition.settled:
        await partition.work_ahead()
    return partition


async def previewed(place: Place, text: str, sample: int = 3) -> Tally:
    with ThreadPoolExecutor(1) as executor:
        return await census(place.store, 1, draft(text, sample), executor)


async def published(place: Place) -> Counter[str]:
    return Counter({t: len(await place.records(t)) for t in (*OUTPUTS, TIER_CURRENT)})


async def test_what_is_previewed_is_what_an_activation_says() -> None:
    place, _ = await shop(book())
    before = await published(place)
    tally = await previewed(place, HARDER)
    assert await published(place) == before
    place.append(Entry(None, events.encode(activation(1, HARDER))))
    await rested(place)
    assert tally.outputs == await published(place) - before
    assert (tally.customers, tally.told) == (4, 1)
    assert tally.soon == {"tier": 1}  # bert came to gold two days ago
    ways = {way: sorted(cell.sample) for way, cell in tally.matrices["tier"].items()}
    assert ways.pop(("gold", "silver")) == ["bert"]
    assert ways == {("silver", "silver"): ["anna"], ("gold", "gold"): ["carl", "dora"]}


async def test_nothing_moves_under_the_rulebook_in_force(
    capsys: pytest.CaptureFixture[str],
) -> None:
    place, _ = await shop(book())
    tally = await previewed(place, book())
    assert not tally.outputs
    assert all(left == entered for matrix in tally.matrices.values() for left, entered in matrix)
    say(tally, compile_book(book()))
    assert capsys.readouterr().out.endswith("Subscribers would get 0 outputs about 0 customers\n")


async def test_before_the_first_rulebook_everybody_joins() -> None:
    place, _ = await shop()
    tally = await previewed(place, book())
    assert tally.told == len(WHO)
    assert {left for left, _ in tally.matrices["tier"]} == {"(new)"}
    place.append(Entry(None, events.encode(activation(0, book()))))
    await rested(place)
    assert tally.outputs == await published(place)


async def test_a_new_name_is_no_move() -> None:
    place, _ = await shop(book())
    golden = GOLD.replace("name: gold", "name: golden\n      was: [gold]")
    renamed = book(2, tiers=(SILVER, golden)).replace("buyer:", "habit:\n    was: [buyer]", 1)
    tally = await previewed(place, renamed)
    assert (tally.outputs[TIER_CURRENT], tally.soon) == (3, {})
    assert ("golden", "golden") in tally.matrices["tier"]
    assert list(tally.matrices["habit"]) == [("active", "active")]


async def test_the_sample_has_the_size_asked_for_and_is_the_same_again() -> None:
    place, _ = await shop(book())
    once, again = await previewed(place, HARDER, 1), await previewed(place, HARDER, 1)
    assert described(once) == described(again)
    assert all(len(c.sample) == 1 for m in once.matrices.values() for c in m.values())
    none = await previewed(place, HARDER, 0)
    assert not any(cell.sample for matrix in none.matrices.values() for cell in matrix.values())


async def test_pages_add_up_to_the_whole() -> None:
    place, _ = await shop(book())
    basis = await based(place.store, 0, draft(HARDER, 2))
    assert basis is not None
    _, fields = await place.store.scan(0, START, 100)
    states = [(who, packed) for name, packed in fields if (who := keys.customer_of(name))]
    preview = Preview(basis)
    added = Tally()
    for state in states:
        added.add(preview.take([state]), 2)
    whole = preview.take(states)
    assert described(added) == described(whole)


@pytest.mark.long
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(st.lists(pairs(), min_size=2, max_size=4), st.sampled_from((0.5, 1, 2)))
def test_who_is_told_nothing_needs_no_seating(lives: list[Pair], factor: float) -> None:
    """Asked first or seated each: the same is counted, whatever the rulebook is."""
    text = lives[0].text.replace("on_activation: true", "on_activation: false")
    states = [
        (b"%d" % number, pack(lived(replace(life, text=text)).known))
        for number, life in enumerate(lives)
        if life.history
    ]
    era = succeed(None, activation(0, text), None)
    basis = Basis("test", CLOCK, CLOCK, (era,), dearer(text, factor), 3)
    asked, seated = Preview(basis), Preview(basis)
    seated._alike = False
    assert asked._alike
    assert described(asked.take(states)) == described(seated.take(states))


def dearer(text: str, factor: float) -> str:
    """Return a rulebook whose bounds in money are others."""
    rulebook = yaml.safe_load(text)
    for parameter in rulebook["parameters"].values():
        if parameter["unit"] == "GBP":
            parameter["value"] *= factor
    return yaml.safe_dump(rulebook, sort_keys=False)


async def test_matrices_stand_in_the_order_of_the_rulebook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    place, _ = await shop(book())
    say(await previewed(place, HARDER), compile_book(HARDER))
    shown = capsys.readouterr().out
    assert shown.startswith("Under driven 2, 4 customers:\ntier\n")
    lines = [line for line in shown.splitlines() if line.startswith("│")]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert rows == [["silver", "1", ""], ["gold", "1", "2"]]
    assert "  gold → silver: such as bert\n" in shown
    assert "Nobody moves in: churn.risk, buyer\n" in shown
    assert "1 leave their tier less than 30 days after they came to it\n" in shown
    assert "Subscribers would get 2 outputs about 1 customers:" in shown


async def test_policies_that_would_start_are_counted() -> None:
    place, _ = await shop(book())
    text = book(2) + "policies:\n  desk: {while: \"tier == 'gold'\"}\n"
    tally = await previewed(place, text)
    assert tally.requests == {("start", "desk"): 3}
    assert described(tally)["requests"] == [{"kind": "start", "action": "desk", "count": 3}]


def more(version: int, dimension: str) -> str:
    """Return a rulebook with one more dimension."""
    entry = f"dimensions:\n  more:\n    {dimension}\n"
    return book(version).replace("dimensions:\n", entry, 1)


def several(version: int, fact: str) -> str:
    """Return a rulebook with a dimension of which several categories hold."""
    return more(
        version,
        f'all_matches: [{{name: buys, when: "{fact} > 0"}}, '
        '{name: spends, when: "spend(days=9) > 0"}, {name: none, otherwise: true}]',
    )


@pytest.mark.parametrize(
    ("text", "way"),
    [
        (several(2, "orders(days=9)"), ("(new)", "buys, spends")),
        (more(2, "value_of: profile.occupation"), ("(new)", "unknown")),
    ],
)
async def test_every_kind_of_dimension_has_a_matrix(text: str, way: tuple[str, str]) -> None:
    place, _ = await shop(book())
    (cell,) = [
        (way, c.customers) for way, c in (await previewed(place, text)).matrices["more"].items()
    ]
    assert cell == (way, len(WHO))


async def test_of_several_categories_each_is_a_way_of_its_own() -> None:
    place, _ = await shop(several(1, "orders(days=9)"))
    matrix = (await previewed(place, several(2, "complaints(days=9)"))).matrices["more"]
    ways = {way: cell.customers for way, cell in matrix.items()}
    assert ways == {("buys", "–"): len(WHO), ("spends", "spends"): len(WHO)}


async def test_a_page_that_fails_leaves_nothing_to_complain_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, _ = await shop(book())
    monkeypatch.setattr(census_job, "pages", lambda store, n: pages(store, n, 1))
    monkeypatch.setattr(census_job, "previewed", refusing)
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: complaints.append(context["message"])
    )
    with pytest.raises(RulesChanged, match="run it again"):
        await previewed(place, HARDER)
    await asyncio.sleep(0.1)  # the outcome of a thread comes with the loop's next turns
    gc.collect()
    assert not complaints


def refusing(_basis: bytes, _states: object) -> Tally:
    raise RulesChanged("run it again")


async def test_the_bar_ends_full() -> None:
    place, _ = await shop(book())
    told: list[tuple[int, int]] = []
    with ThreadPoolExecutor(1) as executor:
        await census(place.store, 1, draft(HARDER), executor, lambda *each: told.append(each))
    assert told[-1] == (len(WHO), len(WHO))


async def test_what_came_into_force_meanwhile_is_noticed() -> None:
    place, _ = await shop(book())
    basis = await based(place.store, 0, draft(HARDER))
    assert basis is not None
    place.append(Entry(None, events.encode(activation(1, HARDER))))
    await rested(place)
    _, fields = await place.store.scan(0, START, 100)
    states = [(who, packed) for name, packed in fields if (who := keys.customer_of(name))]
    with pytest.raises(RulesChanged, match="run it again"):
        Preview(basis).take(states)


async def test_an_empty_store_is_said_to_be_empty() -> None:
    with pytest.raises(NothingToPreview, match="clock status"):
        await previewed(Place(), book())


async def test_a_basis_survives_the_way_to_another_process() -> None:
    place, _ = await shop(book())
    basis = await based(place.store, 0, draft(HARDER))
    assert msgspec.json.decode(msgspec.json.encode(basis), type=Basis) == basis


@pytest.mark.parametrize("as_json", [False, True])
def test_a_preview_of_what_activation_refuses_says_so_after_its_figures(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    *,
    as_json: bool,
) -> None:
    async def found(_text: str, _sample: int) -> tuple[Tally, Book | None]:
        return Tally(), compile_book(book())

    monkeypatch.setattr(previewing, "_preview", found)
    file = tmp_path / "book.yaml"
    file.write_text(book(2, tiers=(SILVER, GOLD.replace("gold", "golden"))), encoding="utf-8")
    with pytest.raises(CommandFailed, match=r"activation would be refused: .*tier `gold`.*`was:"):
        previewing.preview(file, as_json=as_json)
    shown = capsys.readouterr().out
    assert json.loads(shown)["customers"] == 0 if as_json else "Under driven 2" in shown


def test_what_computes_leaves_an_interrupt_to_the_command() -> None:
    with processes(1) as executor:
        executor.submit(signal.raise_signal, signal.SIGINT).result()
        assert executor.submit(abs, -1).result() == 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

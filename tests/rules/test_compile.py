"""Compiled rulebooks: they agree with the interpreter, and `due` is never late."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.calendar import DAY_S
from models.churn_model import RiskModel
from models.customer import CustomerState
from models.events import Purchase, Refund
from models.fold import fold
from rules.book import Book, Given
from rules.compiler.compile import compile_book
from rules.eras import compiled
from rules.explanation.view import View
from tests.rules.strategies import NOW, TODAY, ZONE, customers, rulebooks
from tests.rules.walked import written_equals_walked

GIVEN = Given(None, RiskModel())
BANDS = st.none() | st.integers(0, 2)
_HORIZON_DAYS = 450

LADDER = """
rulebook: small
version: 3
zone: Europe/London
currency: GBP
parameters:
  much: {value: 100, unit: GBP, why: enough for a test}
  stays: {value: 80, unit: GBP, why: four fifths}
  often: {value: 3, unit: orders, why: more than twice}
dimensions:
  worth:
    measure: spend(days=30)
    levels:
      - {name: high, from: much, keep: stays}
      - {name: low}
tiers:
  ladder:
    - {name: base}
    - {name: good, qualify: spend(days=30) >= much, keep: spend(days=30) >= stays}
    - {name: best, qualify: orders(days=30) >= often and days_since_complaint() > 1}
"""

LIFETIME = """
rulebook: lifetime
version: 1
zone: Europe/London
currency: GBP
parameters: {tenth: {value: 0.1, unit: share, why: enough for a test}}
dimensions:
  bought:
    first_match: [{name: none, when: orders() == 0 and spend() == 0}, {name: once, otherwise: true}]
  returns: {first_match: [{name: few, when: return_ratio() < tenth}, {name: many, otherwise: true}]}
tiers: {ladder: [{name: base}]}
"""


ONLINE = """
rulebook: online
version: 1
zone: Europe/London
currency: GBP
parameters: {much: {value: 100, unit: GBP, why: enough for a test}}
tiers:
  ladder:
    - {name: base}
    - {name: good, qualify: "spend(days=30, channel='online') >= much"}
"""


@settings(max_examples=10)
@given(rulebooks(), customers(), BANDS)
def test_compiled_equals_explained(text: str, state: CustomerState, band: int | None) -> None:
    _is_as_interpreted(text, state, band)


@pytest.mark.long
@settings(max_examples=400)
@given(rulebooks(), customers(), BANDS)
def test_compiled_equals_explained_at_length(
    text: str, state: CustomerState, band: int | None
) -> None:
    _is_as_interpreted(text, state, band)


@settings(max_examples=10)
@given(rulebooks(), customers(), BANDS)
def test_until_due_nothing_changes_by_itself(
    text: str, state: CustomerState, band: int | None
) -> None:
    _stays_until_due(text, state, band)


@pytest.mark.long
@settings(max_examples=200)
@given(rulebooks(), customers(), BANDS)
def test_until_due_nothing_changes_by_itself_at_length(
    text: str, state: CustomerState, band: int | None
) -> None:
    _stays_until_due(text, state, band)


def _is_as_interpreted(text: str, state: CustomerState, band: int | None) -> None:
    book = compiled(text)
    assert book.conclude(state, NOW, band, GIVEN)[:3] == _interpreted(book, state, band)
    written_equals_walked(View(book, state, NOW, band, GIVEN))


def _stays_until_due(text: str, state: CustomerState, band: int | None) -> None:
    book = compiled(text)
    concluded = book.conclude(state, NOW, band, GIVEN)
    state.concluded.categories = concluded[2]
    concluded = book.conclude(state, NOW, band, GIVEN)
    due = book.conclude(state, NOW, band, GIVEN)[3]
    assert due is None or due > NOW
    for day in range(TODAY + 1, TODAY + _HORIZON_DAYS):
        at = ZONE.start(day)
        if due is not None and at >= due:
            state.concluded.categories = concluded[2]
            concluded = book.conclude(state, at, band, GIVEN)
            later = book.conclude(state, at, band, GIVEN)[3]
            assert later is None or later > at
            due = later
        state.concluded.categories = concluded[2]
        assert book.conclude(state, at, band, GIVEN) == concluded, f"changed on {ZONE.date(day)}"


def test_due_is_the_day_on_which_the_tier_is_lost() -> None:
    book = compile_book(LADDER)
    state = _bought((-20, 5_000), (-10, 9_000))
    qualified, held, *_ = book.conclude(state, NOW, None, GIVEN)
    assert (qualified, held) == (0b011, 0b011)
    # 140 pounds: on day 10 the first purchase leaves, 90 are left, below `much` and not `stays`.
    assert book.conclude(state, NOW, None, GIVEN)[3] == ZONE.start(TODAY + 10)
    later = ZONE.start(TODAY + 10)
    assert book.conclude(state, later, None, GIVEN)[:2] == (0b001, 0b011)
    assert book.conclude(state, later, None, GIVEN)[3] == ZONE.start(TODAY + 20)


def test_a_refund_that_leaves_the_window_first_raises_the_spend() -> None:
    book = compile_book(LADDER)
    state = _bought((-5, 12_000))
    refund = Refund(
        event_id="r",
        source="t",
        occurred_at=NOW - 25 * DAY_S,
        refund_id="r",
        amount_minor=4_000,
        currency="GBP",
        kind="return",
    )
    fold(state.facts, refund, ZONE, TODAY, 30)
    assert book.conclude(state, NOW, None, GIVEN)[0] & 0b010 == 0
    assert book.conclude(state, NOW, None, GIVEN)[3] == ZONE.start(TODAY + 5)
    assert book.conclude(state, ZONE.start(TODAY + 5), None, GIVEN)[0] & 0b010


def test_a_channel_is_looked_at_when_its_own_purchases_leave_the_window() -> None:
    book = compile_book(ONLINE)
    state = CustomerState()
    online = Purchase(
        event_id="p", source="t", occurred_at=NOW - 20 * DAY_S, order_id="p",
        net_amount_minor=10_000, currency="GBP", channel="online",
    )  # fmt: skip
    other = replace(
        online,
        event_id="q",
        occurred_at=NOW - 5 * DAY_S,
        net_amount_minor=50_000,
        channel="offline",
    )
    refund = Refund(
        event_id="r", source="t", occurred_at=NOW, refund_id="r", amount_minor=1_000,
        currency="GBP", kind="return", channel="offline",
    )  # fmt: skip
    for event in (online, other, refund):
        fold(state.facts, event, ZONE, TODAY, 30)
    assert book.conclude(state, NOW, None, GIVEN)[0] & 0b010
    assert book.conclude(state, NOW, None, GIVEN)[3] == ZONE.start(TODAY + 10)


def test_refunds_of_purchases_from_before_the_log_leave_nothing_and_no_less() -> None:
    book = compile_book(LIFETIME)
    state = CustomerState()
    before = Refund(
        event_id="r", source="t", occurred_at=NOW, refund_id="r", amount_minor=7_000,
        currency="GBP", kind="return", full=True, purchased_at=NOW - 900 * DAY_S,
    )  # fmt: skip
    fold(state.facts, before, ZONE, TODAY, 30)
    assert book.conclude(state, NOW, None, GIVEN)[:3] == _interpreted(book, state, None)
    assert book.conclude(state, NOW, None, GIVEN)[2] == [0, None]
    bought = Purchase(
        event_id="p", source="t", occurred_at=NOW, order_id="o", net_amount_minor=5_000,
        currency="GBP",
    )  # fmt: skip
    fold(state.facts, bought, ZONE, TODAY, 30)
    own = replace(before, event_id="q", full=False, purchased_at=NOW)
    fold(state.facts, own, ZONE, TODAY, 30)
    assert book.conclude(state, NOW, None, GIVEN)[:3] == _interpreted(book, state, None)
    assert book.conclude(state, NOW, None, GIVEN)[2] == [0, None]


def test_a_level_once_reached_is_kept_down_to_keep() -> None:
    book = compile_book(LADDER)
    state = _bought((-5, 9_000))
    assert book.conclude(state, NOW, None, GIVEN)[2] == [1]
    state.concluded.categories = [0]
    assert book.conclude(state, NOW, None, GIVEN)[2] == [0]


def test_an_unknown_condition_does_not_lift_and_does_not_drop() -> None:
    book = compile_book(LADDER)
    state = _bought((-3, 100), (-2, 100), (-1, 100))
    qualified, held, *_ = book.conclude(state, NOW, None, GIVEN)  # no complaint: unknown
    assert qualified & 0b100 == 0
    assert held & 0b100


def test_a_purchase_dated_ahead_of_the_clock_counts_at_once() -> None:
    book = compile_book(LADDER)
    assert book.conclude(_bought((1, 20_000)), NOW, None, GIVEN)[0] & 0b010


@pytest.mark.parametrize(
    "row",
    ["TT TT", "TF FT", "TU UT", "FT FT", "FF FF", "FU FU", "UT UT", "UF FU", "UU UU"],
)
def test_three_valued_logic(row: str) -> None:
    """A row: two truths (U is unknown), then their `and` and their `or`."""
    truth = {"T": "orders() == 0", "F": "refunds() > 0", "U": "days_since_purchase() > 1"}
    category = {"T": 0, "F": 1, "U": None}
    opposite = {"T": "F", "F": "T", "U": "U"}
    left, right = (truth[name] for name in row[:2])
    for word, expected in zip(("and", "or"), row[3:], strict=True):
        assert _category(f"{left} {word} {right}") == category[expected]
        assert _category(f"not ({left} {word} {right})") == category[opposite[expected]]


def test_equal_books_have_equal_fingerprints_whatever_their_comments() -> None:
    book = compile_book(LADDER)
    assert compile_book("# words\n" + LADDER).fingerprint == book.fingerprint
    assert compile_book(LADDER.replace("100", "101")).fingerprint != book.fingerprint
    assert book.fingerprint.startswith("sha256:")
    assert (book.name, book.version, book.currency, book.zone.name) == (
        *("small", 3), *("GBP", "Europe/London"))  # fmt: skip


def test_facts_that_would_share_a_local_each_get_their_own() -> None:
    # The local of `orders()` is numbered; here the first numbers that could be tried are taken.
    windows = " and ".join(f"orders(days={days}) > 0" for days in range(150, 205))
    book = compile_book(LADDER + f"    - {{name: more, qualify: {windows!r}}}\n")
    more = compile_book(LADDER + f"    - {{name: more, qualify: '{windows} and orders() > 0'}}\n")
    state = _bought((-3, 100))
    assert book.conclude(state, NOW, None, GIVEN) == more.conclude(state, NOW, None, GIVEN)


def test_each_window_is_summed_once() -> None:
    program = compile_book(LADDER).program
    conclude = program.split("def ladder")[0]
    assert conclude.count("bisect_right(days, today - 30)") == 1
    assert conclude.count("sum(net_minor[first_30:])") == 1


def test_a_ladder_of_numbers_is_explained_without_walking_its_trees() -> None:
    book = compile_book(LADDER)
    assert {*book.missing} == {"tiers.good.qualify", "tiers.best.qualify"}
    assert {*book.evidence} == {*book.missing, "tiers.good.keep", "tiers.best.keep"}


def _category(condition: str) -> int | str | None:
    state = CustomerState()
    book = compile_book(f"""
rulebook: logic
version: 1
zone: UTC
currency: GBP
dimensions:
  truth:
    first_match:
      - {{name: holds, when: "{condition}"}}
      - {{name: fails, otherwise: true}}
tiers: {{ladder: [{{name: base}}]}}
""")
    compiled = book.conclude(state, NOW, None, GIVEN)[2][0]
    assert book.conclude(state, NOW, None, GIVEN)[:3] == _interpreted(book, state, None)
    return compiled


def _bought(*purchases: tuple[int, int]) -> CustomerState:
    state = CustomerState()
    for number, (days, amount) in enumerate(purchases):
        event = Purchase(
            event_id=f"e{number}", source="t", occurred_at=NOW + days * DAY_S, order_id="o",
            net_amount_minor=amount, currency="GBP",
        )  # fmt: skip
        fold(state.facts, event, ZONE, TODAY, 30)
    return state


def _interpreted(
    book: Book, state: CustomerState, band: int | None
) -> tuple[int, int, list[int | None]]:
    view = View(book, state, NOW, band, GIVEN)
    qualified = held = 0
    for rank, tier in enumerate(book.rules.tiers):
        qualify = True if tier.qualify is None else view.holds(tier.qualify)
        keep = True if tier.keep is None else view.holds(tier.keep)
        qualified |= (qualify is True) << rank
        held |= (keep is not False or qualify is True) << rank
    categories = []
    for dimension in book.rules.dimensions:
        name = view.category(dimension.name)
        categories.append(None if name is None else dimension.categories.index(name))
    return qualified, held, categories

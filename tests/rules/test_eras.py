"""Eras: what a control record changes, and what it carries over."""

from __future__ import annotations

import msgspec
import pytest

from models import events
from models.churn import Coins
from models.churn_calibration import Platt
from models.churn_model import RiskModel
from models.customer import Brought, Conclusions, CustomerState, Lost, Override, Standing, Warned
from models.errors import BadRulebook
from rules.eras import ENGINE, Carried, EngineTooOld, Era, EraRecord, carry_over, succeed
from tests.rules.driving import GOLD, SILVER, activation, book

FITTED = events.ChurnModelActivated(
    number=5, by="ana", version=2, r=0.5, alpha_days=8.0, a=0.8, b=2.0
)
CUTS = events.RfmCutsActivated(
    number=6, by="ana", version=1, recency=(1, 2, 3, 4), frequency=(1, 2, 3, 4),
    monetary=(1, 2, 3, 4),
)  # fmt: skip


def rates(number: int, date: str, usd: float) -> events.RatesSet:
    return events.RatesSet(number=number, by="ana", base="EUR", date=date, rates={"USD": usd})


def test_the_first_rulebook_begins_an_era() -> None:
    era = Era(succeed(None, activation(0, book()), None))
    assert (era.number, era.since) == (0, None)
    assert era.book is not None
    assert era.book_ref.name == "driven"
    assert era.model == RiskModel()
    assert era.zone.name == "UTC"


def test_each_change_carries_the_others_over() -> None:
    record = succeed(None, activation(0, book(zone="Asia/Shanghai")), 10)
    record = succeed(record, FITTED, 20)
    record = succeed(record, CUTS, 30)
    era = Era(record)
    assert (era.number, era.since) == (6, 30)
    assert (record.cause_type, record.cause_by) == ("rfm-cuts.activated", "ana")
    assert era.zone.name == "Asia/Shanghai"
    assert era.model.parameters.alpha_days == 8.0
    assert era.model_ref.version == 2
    assert record.cuts == CUTS


def test_a_model_brings_its_calibration_and_coins() -> None:
    """They survive the log, move the raw bounds of the bands, and make it another model."""
    plain = succeed(succeed(None, activation(0, book()), None), FITTED, 20)
    platt, coins = Platt(intercept=0.5, slope=0.8), Coins(high=0.5)
    learnt = msgspec.structs.replace(FITTED, number=7, calibration=platt, coins=coins)
    record = succeed(plain, learnt, 30)
    assert msgspec.json.decode(msgspec.json.encode(record), type=EraRecord) == record
    before, era = Era(plain), Era(record)
    assert (era.model.calibration, era.model.coins) == (platt, coins)
    assert era.model_ref.fingerprint != before.model_ref.fingerprint
    assert before.churn is not None
    assert era.churn is not None
    assert before.churn.bands == ((0.4, 0.35), (0.7, 0.6))
    assert era.churn.bands[0] == (platt.raw(0.4), platt.raw(0.35))


def test_rates_of_a_day_replace_those_of_the_same_day() -> None:
    record = succeed(None, rates(1, "2026-01-01", 0.9), None)
    record = succeed(record, rates(2, "2026-01-02", 0.8), None)
    record = succeed(record, rates(3, "2026-01-01", 0.7), None)
    assert [(r.date, r.rates["USD"]) for r in record.rates] == [
        ("2026-01-02", 0.8), ("2026-01-01", 0.7),
    ]  # fmt: skip


def test_an_era_survives_the_log() -> None:
    record = succeed(succeed(None, activation(0, book()), None), FITTED, 20)
    assert msgspec.json.decode(msgspec.json.encode(record), type=EraRecord) == record


def test_an_older_engine_stops_and_says_why() -> None:
    raised = events.EngineRaised(number=9, by="ops", engine=ENGINE + 1, tzdata="2026a")
    with pytest.raises(EngineTooOld, match="use the newer version"):
        Era(succeed(None, raised, None))


def test_a_bad_rulebook_begins_nothing() -> None:
    with pytest.raises(BadRulebook):
        succeed(None, activation(0, "tiers: none"), None)


def test_a_rulebook_in_another_currency_is_refused() -> None:
    """What is known of customers is in the first one's minor units."""
    record = succeed(None, activation(0, book()), None)
    other = activation(1, book(2).replace("EUR", "JPY"))
    with pytest.raises(BadRulebook, match=r"counts in JPY, and .* is in EUR"):
        succeed(record, other, 5)


def test_without_a_rulebook_days_are_utc() -> None:
    era = Era(succeed(None, FITTED, None))
    assert era.book is None
    assert era.zone.name == "UTC"
    assert era.book_ref.fingerprint == ""


def begun(text: str) -> Era:
    return Era(succeed(None, activation(0, text), None))


_LADDER = frozenset({"basic", "silver", "gold"})
LADDERS = pytest.mark.parametrize(
    ("ladder", "tier"),
    [
        *[((SILVER, GOLD), 2), ((GOLD, SILVER), 1), ((GOLD,), 1), ((SILVER,), None)],
        ((GOLD.replace("name: gold", "name: or\n      was: [gold]"),), 1),
    ],
)


@LADDERS
def test_a_tier_is_carried_over_by_name(ladder: tuple[str, ...], tier: int | None) -> None:
    state = CustomerState(concluded=Conclusions(tier=2, categories=[1], quiet_until=5))
    carried = carry_over(state, begun(book()), begun(book(2, tiers=ladder)))
    assert carried == Carried("gold", {"buyer": ("quiet",)}, [], [], [], _LADDER)
    assert state.concluded.tier == tier
    assert state.concluded.categories == [1]
    assert state.concluded.quiet_until is None  # other bounds may be reached sooner


@LADDERS
def test_what_stands_about_a_tier_is_carried_over_with_it(
    ladder: tuple[str, ...], tier: int | None
) -> None:
    """Deadlines are promises: they stand, whatever becomes of the tier."""
    override = Override("o", 2, exactly=True, reason="r", by="ana", until=9)
    warned = Warned(b"w", 1, 0, 7)
    standing = Standing(warned, warned, Lost(2, 1, 5, b"l"), override, (2, 3), 8, 4, Brought(2, 6))
    state = CustomerState(concluded=Conclusions(tier=0, standing=standing))
    carry_over(state, begun(book()), begun(book(2, tiers=ladder)))
    carried = Standing(warned, warned, hold_until=8, reviewed_at=4)
    if tier is not None:
        carried.lost, carried.shadow = Lost(tier, 1, 5, b"l"), (tier, 3)
        carried.brought = Brought(tier, 6)
        carried.override = msgspec.structs.replace(override, tier=tier)
    assert state.concluded.standing == carried


@pytest.mark.parametrize(("change", "category"), [("name: idle", None), ("name: quiet", 1)])
def test_a_category_is_carried_over_by_name(change: str, category: int | None) -> None:
    state = CustomerState(concluded=Conclusions(tier=0, categories=[1]))
    text = book(2).replace("name: quiet", change)
    carried = carry_over(state, begun(book()), begun(text))
    assert carried == Carried("basic", {"buyer": ("quiet",)}, [], [], [], _LADDER)
    assert state.concluded.categories == [category]


def test_another_model_under_the_same_rulebook_carries_everything_as_it_is() -> None:
    record = succeed(None, activation(0, book()), None)
    state = CustomerState(concluded=Conclusions(tier=2, categories=[1], quiet_until=5))
    assert carry_over(state, Era(record), Era(succeed(record, FITTED, 20))) is None
    assert state.concluded == Conclusions(tier=2, categories=[1], quiet_until=5)


def test_who_is_nowhere_yet_is_carried_over_to_nowhere() -> None:
    state = CustomerState()
    carried = carry_over(state, begun(book()), begun(book(2, tiers=())))
    assert carried == Carried(None, {}, [], [], [], _LADDER)
    assert (state.concluded.tier, state.concluded.categories) == (None, [None])

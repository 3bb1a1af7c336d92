"""The constructs of the language, one by one: what a rulebook says is what a customer gets."""

from __future__ import annotations

from models.events import RfmCutsActivated
from rules.book import NOTHING_GIVEN, Given, Timing
from rules.explanation.explain import evidence, explain
from rules.explanation.view import View
from tests.rules.constructs import CHURN, LADDER, book, customer, found
from tests.rules.strategies import NOW, TODAY, ZONE


def test_all_matches_is_a_mask_of_what_holds() -> None:
    many = book(
        "dimensions:\n  d:\n    all_matches:\n"
        "      - {name: golf, when: \"has(profile.interests, 'golf')\"}\n"
        "      - {name: tennis, when: \"has(profile.interests, 'tennis')\"}\n"
        "      - {name: other, otherwise: true}\n"
        "  e:\n    first_match:\n"
        "      - {name: a, when: \"has(segment.d, 'tennis')\"}\n"
        "      - {name: b, otherwise: true}\n"
    )
    assert many.dimensions[0].kind == "many"
    assert found(many, customer(interests=["golf", "tennis"])) == 0b011
    assert found(many, customer(interests=["chess"])) == 0b100
    assert found(many, customer()) is None
    assert many.conclude(customer(interests=["tennis"]), NOW, None, NOTHING_GIVEN)[2] == [0b010, 0]
    assert explain(
        many, customer(interests=["golf"]), NOW, None, NOTHING_GIVEN
    ).dimensions[0].category == ("golf",)  # fmt: skip


def test_value_of_is_the_value_itself() -> None:
    text = "dimensions:\n  d: {value_of: profile.industry, only_if: orders() > 0}\n"
    assert found(book(text), customer(1, industry="mines")) == "mines"
    assert found(book(text), customer(industry="mines")) is None
    assert found(book(text), customer(1)) is None


def test_tables_give_texts_and_numbers() -> None:
    text = """\
tables:
  size: {entries: {Leeds: big, York: small}}
  cost: {unit: GBP, entries: {Leeds: 6500, York: 2500.5}}
dimensions:
  d: {value_of: "lookup('size', profile.city)"}
  e:
    first_match:
      - {name: dear, when: "lookup('cost', profile.city) > dear"}
      - {name: fair, otherwise: true}
"""
    for city, expected in (("Leeds", ["big", 0]), ("York", ["small", 1]), ("Hull", [None, None])):
        state = customer(city=city)
        assert book(text).conclude(state, NOW, None, NOTHING_GIVEN)[2] == expected


def test_measures_and_scores_are_written_out() -> None:
    text = """\
measures: {monthly: spend(days=90) / 3, doubled: 2 * measure.monthly}
scores:
  worth:
    - {points: 30, if: measure.doubled >= some}
    - {points: 10.5, if: age() > 1}
    - {points: -5, if: orders() > 1}
dimensions:
  d: {measure: score.worth, levels: [{name: rich, from: rich}, {name: poor}]}
"""
    rich = customer(15_000, birth_date="1990-01-01")
    assert found(book(text), rich) == 0
    unsure = customer(15_000)  # 30 points and, if she is older than one, 10.5 more
    assert found(book(text), unsure) is None
    assert found(book(text), customer(1_000)) == 1  # they would not make her rich
    assert found(book(text.replace("from: rich", "from: fair")), unsure) == 0  # nor are they needed
    (said,) = evidence(View(book(text), rich, NOW, None, NOTHING_GIVEN), "dimensions.d")
    assert (said["expression"], said["value"], said["bound"]) == ("score.worth", 40.5, 40)


def test_local_and_domestic_compare_with_sites() -> None:
    text = """\
sites: [{country: GB, city: Leeds}, {country: IE, province: Cork, city: Cobh}]
dimensions:
  d:
    first_match:
      - {name: local, when: local}
      - {name: domestic, when: domestic and not local()}
      - {name: abroad, otherwise: true}
"""
    cork = {"country": "IE", "province": "Cork", "city": "Cobh"}
    assert found(book(text), customer(city="Leeds", province="Kent", country="GB")) == 0
    assert found(book(text), customer(**cork)) == 0
    assert found(book(text), customer(**cork | {"city": "Mallow"})) == 1
    assert found(book(text), customer(**cork | {"country": "FR", "city": "Lyon"})) == 2
    assert found(book(text), customer()) is None


LIFECYCLE = (
    "lifecycle: {new_for: 30d, churned_after: 90d, loyal: orders(days=365) >= often, "
    "at_risk: \"churn.band == 'high'\"}\n"
)


def test_the_lifecycle_is_a_dimension() -> None:
    lives = book(LIFECYCLE + CHURN)
    (dimension,) = lives.dimensions
    assert [category.name for category in dimension.categories] == [
        *("prospect", "churned", "at_risk", "new", "loyal", "existing")
    ]
    late = NOW + 40 * 86_400
    for state, at, band, stage in (
        (customer(), NOW, None, "prospect"),
        (customer(1), NOW, None, "new"),  # an unknown band is no risk
        (customer(1), NOW, 2, "at_risk"),
        (customer(1), late, 0, "existing"),
        (customer(1, 1, 1), late, 0, "loyal"),
        (customer(1), late + 60 * 86_400, 2, "churned"),
    ):
        index = lives.conclude(state, at, band, NOTHING_GIVEN)[2][0]
        assert isinstance(index, int)
        assert dimension.categories[index].name == stage
    plain = book("lifecycle: {new_for: 30d, churned_after: 90d}\n")
    assert len(plain.dimensions[0].categories) == 4


def test_groups_are_dimensions_and_unknown_is_out() -> None:
    grouped = book(
        "groups:\n  a: {label: {en: A}, when: \"churn.band == 'high' and tier == 'good'\"}\n"
        "  b: profile.employees > 1\n" + CHURN
    )
    assert [d.name for d in grouped.dimensions] == ["group.a", "group.b"]
    state = customer(15_000)
    categories = grouped.conclude(state, NOW, 2, NOTHING_GIVEN)[2]
    assert categories == [None, 0]
    assert grouped.follow is not None
    grouped.follow(state, NOW, 2, NOTHING_GIVEN, 1, 0b11, categories, None)
    assert categories == [1, 0]


def test_rfm_needs_cuts() -> None:
    cuts = RfmCutsActivated(
        number=1, by="t", version=1, recency=(12.8, 32, 71, 179), frequency=(1, 2, 3, 6),
        monetary=(25_019, 49_010, 94_228, 205_843),
    )  # fmt: skip
    text = "rfm: true\ndimensions:\n  d: {measure: rfm.r, levels: [{name: top, from: rich}, "
    text += "{name: low}]}\n"
    scored = book(text)
    assert scored.conclude(customer(1_000), NOW, None, NOTHING_GIVEN)[2] == [None, None]
    given = Given(cuts, NOTHING_GIVEN.model)
    once = customer(1_000)
    assert View(scored, once, NOW, None, given).category("rfm") == "new"  # 511
    later = NOW + 180 * 86_400
    assert View(scored, once, later, None, given).category("rfm") == "lost"  # 111
    due = scored.conclude(once, NOW, None, given)[3]
    assert due == ZONE.start(TODAY + 13)  # the first day above 12.8
    assert View(scored, customer(), NOW, None, given).category("rfm") is None


def test_timing_is_as_written() -> None:
    text = LADDER.replace("tiers:\n", "tiers:\n  upgrade: review\n  downgrade: one_step\n")
    text = text.replace("  ladder", "  review: anniversary of joining\n  refund: grace\n  ladder")
    text = text.replace("grace: 30d", "minimum_stay: 90d, grace: 30d, warn: 7d, was: [silver]")
    timed = book("", text)
    assert timed.timing == Timing("review", "one_step", "joining", "grace")
    tier = timed.tiers[1]
    assert (tier.minimum_stay_days, tier.grace_days, tier.warn_days) == (90, 30, 7)
    assert tier.was == ("silver",)

"""RFM: the table of segments names every code once."""

from __future__ import annotations

from itertools import product

from models.calendar import calendar
from models.churn_model import RiskModel
from models.customer import Facts
from models.events import RfmCutsActivated
from rules.book import Given
from rules.facts.given import GIVEN
from rules.facts.rfm import BY_CODE, LABELS, SEGMENTS, segment
from tests.rules.driving import at


def test_every_code_has_a_segment() -> None:
    codes = {100 * r + 10 * f + m for r, f, m in product(range(1, 6), repeat=3)}
    assert set(BY_CODE) == codes
    assert set(BY_CODE.values()) == set(range(len(SEGMENTS)))
    assert set(LABELS) == set(SEGMENTS)


def test_segments_are_named_by_their_codes() -> None:
    best, worst, cannot_lose = segment(5, 5, 5), segment(1, 1, 1), segment(1, 5, 5)
    assert best is not None
    assert worst is not None
    assert cannot_lose is not None
    named = SEGMENTS[best], SEGMENTS[worst], SEGMENTS[cannot_lose]
    assert named == ("champions", "lost", "cannot_lose")


def test_an_unknown_score_is_no_segment() -> None:
    assert segment(None, 1, 1) is None
    assert segment(1, None, 1) is None
    assert segment(1, 1, None) is None


def test_a_cut_that_nobody_reaches_wakes_nobody() -> None:
    bought = Facts(last_purchase_at=at(0))
    cuts = RfmCutsActivated(
        number=1, by="ana", version=1, recency=(30, 90, 365, 1e300), frequency=(1, 2, 3, 4),
        monetary=(1, 2, 3, 4),
    )  # fmt: skip
    given, zone = Given(cuts, RiskModel()), calendar("UTC")
    look = GIVEN["rfm.r"].look
    assert look is not None
    day = zone.day(at(0))
    assert look(bought, zone, day + 91, given) == day + 366
    assert look(bought, zone, day + 366, given) is None

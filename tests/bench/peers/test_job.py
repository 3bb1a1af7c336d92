"""The job means the same as a rulebook and as the reference; and the reference judges rightly."""

from itertools import chain
from pathlib import Path

import msgspec

from models.calendar import DAY_S
from streams.topics import TIER_CHANGED
from tests.bench.inmemory import InMemory
from tests.bench.peers import job
from tests.bench.peers.reference import (
    Outcome,
    Reference,
    Step,
    of_peer,
    of_tierstream,
    steps,
    stretch,
)
from tests.bench.workload import FIRST_DAY, Happening, Shop

BOOK = Path(__file__).with_name("job.yaml").read_text()


def days(customers: int, events: int) -> list[tuple[int, list[Happening]]]:
    shop = Shop(customers, partitions=1)
    return list(shop.days(shop.by_habit(events), FIRST_DAY, 28))


def concluded(of_days: list[tuple[int, list[Happening]]]) -> list[Outcome]:
    """Return what Tierstream's customers role says, without its services."""
    computed = InMemory("peers", BOOK)
    found: list[Outcome] = []
    for begin, happenings in of_days:
        computed.tick(begin)
        events = [(each.customer, each.canonical()) for each in happenings]
        result = computed.take(events, begin + DAY_S)
        assert not result.reasons
        found += [of_tierstream(entry.value or b"") for entry in result.published[TIER_CHANGED]]
    return found


def test_the_rulebook_says_what_the_reference_says() -> None:
    of_days = days(300, 4_000)
    reference = Reference(partitions=1)
    reference.take(chain.from_iterable(happenings for _, happenings in of_days))
    assert concluded(of_days) == list(reference.places)
    assert 0.2 < len(reference.places) / reference.events < 0.3


def test_progress_is_read_off_the_changes() -> None:
    of_days = days(300, 4_000)
    reference = Reference(partitions=1)
    reference.take(chain.from_iterable(happenings for _, happenings in of_days))
    expected = reference.first(2_000)
    values = [written(outcome) for outcome in expected]
    half = len(values) // 2
    found, verdict = steps(expected, [(1.0, values[:half]), (2.0, values[half:])], of_peer)
    assert (verdict.expected, verdict.missing, verdict.extra) == (len(values), 0, 0)
    ranks = [place.rank for place in expected.values()]
    assert found == [Step(1.0, ranks[half - 1] + 1), Step(2.0, ranks[-1] + 1)]
    assert 1_900 < found[1].events <= 2_000


def test_measured_is_between_two_moments_under_full_load() -> None:
    often = [Step(float(n), n * 10) for n in range(1, 101)]
    assert stretch(often, 1_000) == (19, 94)
    seldom = [Step(1.0, 180), Step(2.0, 300), Step(3.0, 620), Step(4.0, 940), Step(4.1, 1_000)]
    assert stretch(seldom, 1_000) == (1, 3)
    assert stretch(seldom[3:], 1_000) is None
    assert stretch([], 1_000) is None


def test_what_is_missing_repeated_or_wrong_is_counted() -> None:
    of_days = days(50, 500)
    reference = Reference(partitions=1)
    reference.take(chain.from_iterable(happenings for _, happenings in of_days))
    values = [written(outcome) for outcome in reference.places]
    wrong = written(Outcome("nobody", None, "gold", 0))
    _, verdict = steps(reference.places, [(1.0, [*values[2:], values[3], wrong])], of_peer)
    assert (verdict.missing, verdict.extra, verdict.is_right) == (2, 2, False)


def written(outcome: Outcome) -> bytes:
    """Return a change as a peer publishes it."""
    return msgspec.json.encode(
        job.Change(
            customer_id=outcome.customer,
            from_tier=outcome.from_tier,
            to_tier=outcome.to_tier or "",
            at=outcome.at,
            cause="an event",
        )
    )

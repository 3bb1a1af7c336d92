"""The table itself: its doses, how they are dealt out, and what is measured beside the verdict."""

from collections import Counter
from itertools import chain
from pathlib import Path
from random import Random

import pytest

from tests.faults.__main__ import SHARED_MAX, deployments
from tests.faults.findings import Findings
from tests.faults.pulse import Pulse
from tests.faults.rows import ROWS, Row
from tests.faults.run import Outcome, kept_logs
from tests.faults.soak import growth

HOUR_S = 3_600


def test_rows_have_names_of_their_own_and_a_quick_dose_below_the_full_one() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(0 < row.quick < row.full for row in ROWS)


@pytest.mark.parametrize("is_quick", [True, False])
def test_every_dose_is_given_whole(is_quick: bool) -> None:  # noqa: FBT001
    given: Counter[str] = Counter()
    for row, times in chain.from_iterable(deployments(ROWS, is_quick=is_quick)):
        given[row.name] += times
    assert given == {row.name: row.quick if is_quick else row.full for row in ROWS}


def test_a_quick_dose_shares_deployments_and_a_full_one_does_not() -> None:
    quick, full = ([*deployments(ROWS, is_quick=each)] for each in (True, False))
    assert max(map(len, quick)) == SHARED_MAX
    assert all(len(doses) == 1 for doses in quick if any(row.is_alone for row, _ in doses))
    assert all(len(doses) == 1 and times <= row.portion for doses in full for row, times in doses)


def outcome(row: Row, resumed_s: list[float], lost: int) -> Outcome:
    return Outcome(row, runs=2, findings=Findings(lost=lost), resumed_s=resumed_s)


def test_outcomes_of_portions_add_up() -> None:
    whole = outcome(ROWS[0], [float(n) for n in range(1, 20)], lost=1)
    whole.add(outcome(ROWS[0], [40.0], lost=2))
    line = whole.line()
    assert (line["runs"], line["lost"], line["resume_p95_s"]) == (4, 3, 19.0)
    assert Outcome(ROWS[0], runs=0).resume_p95_s is None


def test_the_pulse_notes_how_long_each_partition_stood_still() -> None:
    place, other = ("state", 0), ("state", 1)
    pulse = Pulse()
    for now_s, end, other_end in ((0, 5, 1), (2, 5, 2), (3, 6, 3), (3.1, 7, 4), (7.1, 8, 4)):
        pulse.note({place: end, other: other_end}, now_s)
    assert pulse.stood_still_s == pytest.approx([2, 3, 1, 4])


def test_what_a_burst_takes_and_gives_back_is_no_growth() -> None:
    samples = [(2.0 * n, 1_000 + (500 if n % 60 > 30 else 0) + n % 7) for n in range(900)]
    assert abs(growth(samples)[0]) < 0.01
    grown = [(at, size + int(at) // 10) for at, size in samples]
    assert growth(grown)[0] == pytest.approx(HOUR_S / 10 / 1_120, rel=0.02)


def test_growth_is_that_of_the_line_after_warm_up() -> None:
    warming = [(float(n), 10 * n) for n in range(600)]
    warm = [(float(n), 10_000 + (n - 1_200)) for n in range(600, 1_801)]
    share, error = growth(warming + warm)
    assert share == pytest.approx(HOUR_S / 10_000, rel=0.01)
    assert error < 1e-6


def test_growth_tells_by_how_much_it_may_be_wrong() -> None:
    """The errors of a line of known scatter: 95 of 100 lie within twice what is told."""
    chance = Random(20261123)
    within = 0
    for _ in range(200):
        floors = [(120.0 * n, 1_000_000 + round(chance.gauss(0, 10_000))) for n in range(45)]
        share, error = growth(floors)
        within += abs(share) < 2 * error
    assert 180 <= within < 200


def test_the_logs_of_a_run_that_failed_outlive_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.run.LOCAL", tmp_path / "local")
    run = tmp_path / "faults-1-x"
    for name in ("customers-1-1.log", "kafka/broker-1/broker.log", "kafka/log/t-0/000.log"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name, encoding="utf-8")
    kept = kept_logs(run)
    found = sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*.log"))
    assert found == ["customers-1-1.log", "kafka/broker-1/broker.log"]

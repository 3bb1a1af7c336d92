"""The ratios are those of medians, ours to the best of theirs."""

import pytest

from tests.bench.peers.contest import Run, Score
from tests.bench.peers.entrants import ENTRANTS
from tests.bench.peers.report import figures, rows

BY_NAME = {entrant.name: entrant for entrant in ENTRANTS}


def score(name: str, *rates: int, cpu_us: float = 10) -> Score:
    made = Score(BY_NAME[name], 1_000)
    made.runs += [
        Run(1_000, 1_000 / rate, {"client": cpu_us, "broker": 1}, 50, 0.1) for rate in rates
    ]
    return made


def test_the_best_of_ours_is_divided_by_the_best_of_theirs() -> None:
    scores = [
        score("tierstream", 40, 60, 50, cpu_us=5),
        score("tierstream-2", 90, cpu_us=8),
        score("kafka-streams", 30, cpu_us=11),
        score("flink", 60, cpu_us=19),
        score("quix", 45),
        score("bytewax", 1_000),
    ]
    assert figures(scores) == pytest.approx(
        {"ratio_best_jvm": 1.5, "ratio_quix_eos": 2.0, "cpu_ratio_best_jvm": 0.5}
    )
    assert next(iter(rows(scores)))[:2] == ("bytewax", "1,000 events/s")


def test_who_did_not_run_gives_no_ratio() -> None:
    failed = score("flink")
    failed.failures.append("3 changes are missing, 0 are wrong or repeated")
    scores = [score("tierstream", 10), failed]
    assert set(figures(scores).values()) == {None}
    assert ("flink", "a run does not count", failed.failures[0]) in list(rows(scores))

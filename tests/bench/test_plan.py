"""What the command's options mean."""

import os

import pytest

from tests.bench.deployment import BenchFailed
from tests.bench.peers.entrants import ENTRANTS
from tests.bench.plan import FIRST, MATRIX, Plan, options, planned


def plan(*arguments: str) -> Plan:
    return planned(options(arguments))


def test_a_full_run_measures_everything_but_the_peers() -> None:
    assert tuple(plan().parts) == (*FIRST, *MATRIX)
    assert tuple(plan("--quick").parts) == FIRST
    assert plan("--quick").size.customers < plan().size.customers


def test_workers_share_the_throughput_unless_a_profile_is_asked_for() -> None:
    assert plan().size.workers == os.cpu_count()
    assert plan("--workers", "3", "--quick").size.workers == 3
    assert plan("--profile", "out").size.workers == 1


def test_parts_are_chosen_by_name() -> None:
    assert plan("--only", "sizes,rules").parts == ["sizes", "rules"]
    with pytest.raises(BenchFailed, match="knows no everything"):
        plan("--only", "everything")


def test_peers_run_alone_and_are_chosen_by_name() -> None:
    everybody = plan("--peers")
    assert tuple(everybody.parts) == ("peers",)
    assert (everybody.contest.events, everybody.contest.rounds) == (1_000_000, 3)
    assert list(everybody.contest.entrants) == list(ENTRANTS)
    some = plan("--peers", "--only", "quix,flink", "--events", "7", "--runs", "2").contest
    assert [entrant.name for entrant in some.entrants] == ["flink", "quix"]
    assert (some.events, some.rounds) == (7, 2)
    with pytest.raises(BenchFailed, match="knows no customers"):
        plan("--peers", "--only", "customers")

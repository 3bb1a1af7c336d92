"""Metrics, logs and the pages that operators ask: said once, and nothing about customers."""

import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from models.churn_live import Realised
from models.errors import Reason
from streams.clock import ManualClock
from streams.errors import Halt
from streams.logs import PERIOD_S, REPEATS_MAX, RateLimit
from streams.metrics import Metrics
from streams.settings import Web
from streams.web import serving


def lines(metrics: Metrics) -> set[str]:
    return {
        line
        for line in metrics.exposition().decode().splitlines()
        if line.startswith("tierstream_") and not line.endswith(" 0.0")
    }


def test_a_batch_is_told_once() -> None:
    metrics = Metrics()
    metrics.batch(3, 250, 0.03, {"segment.tier-changed.v1": 7})
    metrics.dead_letters(3, [Reason.TOO_LATE, Reason.TOO_LATE])
    metrics.timers(3, 5)
    metrics.standing(3, 1_250, 1_700_000_000, settled=True)
    assert lines(metrics) >= {
        'tierstream_records_total{partition="3"} 250.0',
        'tierstream_batch_records_sum{partition="3"} 250.0',
        'tierstream_outputs_total{topic="segment.tier-changed.v1"} 7.0',
        'tierstream_dead_letters_total{reason="TOO_LATE",topic="log"} 2.0',
        'tierstream_timers_total{partition="3"} 5.0',
        'tierstream_position{partition="3"} 1250.0',
        'tierstream_settled{partition="3"} 1.0',
    }


def test_rebuilds_and_fenced_writes_are_told_apart_from_take_overs() -> None:
    metrics = Metrics()
    metrics.taken_over(0, 0.2, 0, wiped=False)
    metrics.taken_over(0, 4.0, 90_000, wiped=True)
    metrics.doubted(0, "Fenced")
    metrics.doubted(0, "Unavailable")
    assert lines(metrics) >= {
        'tierstream_takeover_seconds_count{partition="0"} 2.0',
        'tierstream_restored_records_total{partition="0"} 90000.0',
        'tierstream_rebuilds_total{partition="0"} 1.0',
        'tierstream_fenced_writes_total{partition="0"} 1.0',
        'tierstream_doubts_total{partition="0",reason="Unavailable"} 1.0',
    }


def test_the_clock_is_held_by_one_source_at_a_time() -> None:
    metrics = Metrics()
    metrics.clock_held(1, "customer.purchase.v1")
    metrics.clock_held(1, "customer.feedback.v1")
    held = {line for line in lines(metrics) if "clock_held" in line}
    assert held == {'tierstream_clock_held{partition="1",source="customer.feedback.v1"} 1.0'}
    metrics.clock_held(1, None)
    assert not any("clock_held" in line for line in lines(metrics))


def test_the_churn_model_and_what_came_of_it() -> None:
    metrics = Metrics()
    metrics.churn_model(1, 4, 3_600)
    metrics.churn_model(2, 0, None)
    metrics.churn_quality(1, Realised(500, 0.75, 0.5))
    assert lines(metrics) >= {
        'tierstream_churn_model_version{partition="1"} 4.0',
        'tierstream_churn_model_age_seconds{partition="1"} 3600.0',
        'tierstream_churn_predicted_ratio{partition="1"} 0.75',
        'tierstream_churn_realised_ratio{partition="1"} 0.5',
        'tierstream_churn_drift{partition="1"} 0.25',
    }
    assert not any("age" in line and 'partition="2"' in line for line in lines(metrics))
    metrics.assigned([])
    assert not any("churn" in line for line in lines(metrics))


def test_what_a_partition_stood_at_goes_with_its_assignment() -> None:
    metrics = Metrics()
    metrics.standing(1, 10, None, settled=False)
    metrics.halted("segment.log.v1", 1)
    metrics.assigned([("segment.log.v1", 2)])
    assert not any('partition="1"' in line for line in lines(metrics))
    assert "tierstream_assigned_partitions 1.0" in lines(metrics)


def test_every_metric_says_what_it_is() -> None:
    text = Metrics().exposition().decode()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP tierstream_")]
    assert len(names) > 20
    assert all(len(line.split()) > 4 for line in text.splitlines() if "# HELP tierstream_" in line)


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.conn", logging.ERROR, "f", 1, message, arguments, None)


def test_repeated_messages_are_counted_instead_of_written() -> None:
    clock = ManualClock()
    limit = RateLimit(clock)
    written = [limit.filter(record("no connection to %s", node)) for node in range(50)]
    assert sum(written) == REPEATS_MAX
    assert limit.filter(record("another message"))
    clock.advance(PERIOD_S)
    later = record("no connection to %s", 1)
    assert limit.filter(later)
    assert later.getMessage() == f"no connection to 1 (and {50 - REPEATS_MAX} more like it)"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_readyz_names_what_is_missing(client: aiohttp.ClientSession) -> None:
    missing = ["partition 2 is being taken over"]

    async def ask() -> list[str]:
        return missing

    async with serving(Web(), 0, Metrics(), ask) as base:
        async with client.get(f"{base}/readyz") as reply:
            assert reply.status == 503
            assert await reply.text() == "partition 2 is being taken over\n"
        missing.clear()
        async with client.get(f"{base}/readyz") as reply:
            assert reply.status == 200
        async with client.get(f"{base}/livez") as reply:
            assert reply.status == 200
        async with client.get(f"{base}/metrics") as reply:
            assert "tierstream_records_total" in await reply.text()


async def test_a_taken_port_says_how_to_choose_another() -> None:
    async def ask() -> list[str]:
        return []

    async with serving(Web(), 0, Metrics(), ask) as base:
        port = int(base.rpartition(":")[2])
        with pytest.raises(Halt, match="TIERSTREAM_WEB_PORT"):
            async with serving(Web(), port, Metrics(), ask):
                pass


async def test_the_address_is_the_one_that_was_asked_for() -> None:
    async def ask() -> list[str]:
        return []

    async with serving(Web(host="127.0.0.2"), 0, Metrics(), ask) as base:
        assert base.startswith("http://127.0.0.2:")


async def test_a_host_of_somebody_else_says_to_choose_another() -> None:
    async def ask() -> list[str]:
        return []

    with pytest.raises(Halt, match="TIERSTREAM_WEB_HOST to an address of this machine"):
        async with serving(Web(host="192.0.2.1"), 0, Metrics(), ask):
            pass

"""Holds in place the private names of Faust and aiokafka that the engine builds on.

When one of these fails after an upgrade, `streams/engine` has to be read again next to the new
version: the name is gone, or means something else.
"""

import inspect
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, cast
from unittest.mock import Mock

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchResult, OffsetResetStrategy
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState
from faust import Schema
from faust.agents import Agent
from faust.agents.actor import Actor
from faust.app import App
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.consumer import Fetcher as FaustFetcher
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode.supervisors import SupervisorStrategy
from mode.utils.trees import Node

from streams.engine.member import _App
from streams.engine.transport import Positions, _forget_stopped
from streams.settings import Settings


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(thing: type | Callable[..., Any]) -> str:
    return inspect.getsource(thing)


def test_the_versions_are_those_that_were_read() -> None:
    assert version("faust-streaming").startswith("0.15.")
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    ("owner", "name", "arguments"),
    [
        (Consumer, "_drain_messages", ["self", "fetcher"]),
        (Consumer, "_get_active_partitions", ["self"]),
        (Consumer, "perform_seek", ["self"]),
        (Consumer, "ack", ["self", "message"]),
        (Consumer, "commit", ["self", "topics", "start_new_transaction"]),
        (Consumer, "verify_all_partitions_active", ["self"]),
        (Consumer, "on_partitions_revoked", ["self", "revoked"]),
        (Consumer, "on_partitions_assigned", ["self", "assigned", "generation_id"]),
        (ConsumerThread, "on_partitions_revoked", ["self", "revoked"]),
        (ConsumerThread, "on_partitions_assigned", ["self", "assigned", "generation_id"]),
        (driver.Consumer, "_new_consumer_thread", ["self"]),
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (driver.AIOKafkaConsumerThread, "_ensure_consumer", ["self"]),
        (
            driver.AIOKafkaConsumerThread,
            "_fetch_records",
            ["self", "consumer", "active_partitions", "timeout", "max_records"],
        ),
        (App, "_new_transport", ["self"]),
        (App, "_create_directories", ["self"]),
        (TableManager, "_update_channels", ["self"]),
        (SupervisorStrategy, "discard", ["self", "services"]),
        (Node, "detach", ["self", "parent"]),
        (GroupCoordinator, "_do_heartbeat", ["self"]),
        (AIOKafkaClient, "_get_conn", ["self", "node_id", "group", "no_hint"]),
        (AIOKafkaClient, "send", ["self", "node_id", "request", "group"]),
        (GroupCoordinator, "need_rejoin", ["self", "subscription"]),
    ],
)
def test_what_is_overridden_or_called_is_there(
    owner: type, name: str, arguments: list[str]
) -> None:
    assert parameters(getattr(owner, name)) == arguments


def test_the_consumer_reads_its_settings_when_it_starts() -> None:
    start = source(AIOKafkaConsumer.start)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in start
    assert "isolation_level=self._isolation_level" in start
    assert "self._max_poll_records = max_poll_records" in source(AIOKafkaConsumer.__init__)
    assert "request_timeout_ms=self._request_timeout_ms" in source(AIOKafkaClient._get_conn)


def test_faust_fixes_what_the_engine_overrides() -> None:
    made = source(driver.AIOKafkaConsumerThread._create_worker_consumer)
    assert "fetch_max_wait_ms=1500" in made
    assert 'isolation_level: str = "read_uncommitted"' in made


def test_the_reset_strategy_is_looked_up_when_a_position_is_out_of_range() -> None:
    assert "self._default_reset_strategy = " in source(Fetcher.__init__)
    assert "self._default_reset_strategy != OffsetResetStrategy.NONE" in source(Fetcher)
    assert OffsetResetStrategy.NONE != OffsetResetStrategy.EARLIEST


def test_the_bounds_of_a_fetch_are_looked_up_at_every_one() -> None:
    actions = source(Fetcher._get_actions_per_node)
    assert "self._fetch_max_bytes," in actions
    assert "(tp.partition, position, self._max_partition_fetch_bytes)" in actions
    assert "random.shuffle(partition_data)" in actions


def test_records_of_a_position_that_was_left_are_not_returned() -> None:
    assert "position != self._partition_records.next_fetch_offset" in source(
        FetchResult.check_assignment
    )


def test_an_assignment_knows_positions_and_whether_it_is_the_present_one() -> None:
    assert isinstance(Assignment.active, property)
    assert isinstance(Assignment.tps, property)
    assert parameters(Assignment.state_value) == ["self", "tp"]
    for name in ("position", "has_valid_position", "paused"):
        assert isinstance(getattr(TopicPartitionState, name), property)


def test_a_sought_partition_has_a_position_and_a_paused_one_is_not_fetched() -> None:
    actions = source(Fetcher._get_actions_per_node)
    sought, paused = (
        actions.index("not tp_state.has_valid_position"),
        actions.index("tp_state.paused"),
    )
    assert sought < paused < actions.index("fetchable[node_id].append")


def test_a_stopped_actor_is_kept_by_its_supervisor_and_its_beacon() -> None:
    assert "self.supervisor.add(aref)" in source(Agent._start_one_supervised)
    assert "discard" not in source(Agent.on_isolated_partitions_revoked)
    assert "await self.stop()" in source(Actor.on_isolated_partition_revoked)
    assert "self._services" in source(SupervisorStrategy.add)
    assert "self.children.append(node)" in source(Node.new)


def test_an_app_is_made_where_no_disk_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("no usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert _App("group", cast(Any, None), Positions.COMMITTED, Settings()).conf.datadir.is_dir()


def test_the_monitor_keeps_the_name_of_each_actor_until_they_are_let_go() -> None:
    app = _App("group", cast(Any, None), Positions.COMMITTED, Settings())
    for _ in range(3):
        stream = Mock(task_owner=Mock())
        app.monitor.on_stream_event_in(TP("t", 0), 0, stream, Mock())
    assert len(app.monitor.events_by_task) == 3
    _forget_stopped(app)
    assert not app.monitor.events_by_task


def test_a_rebalance_waits_for_the_unacknowledged() -> None:
    waiting = source(Consumer.wait_empty)
    assert "self._unacked_messages" in waiting
    assert "_wait_for_ack" in waiting
    assert "self._waiting_for_ack" in source(Consumer._wait_for_ack)


def test_the_generation_is_known_before_partitions_are_assigned() -> None:
    assigned = source(driver.ConsumerRebalanceListener.on_partitions_assigned)
    assert assigned.index("consumer_generation_id = ") < assigned.index(
        "_thread.on_partitions_assigned"
    )


def test_the_drain_is_run_by_the_fetcher_and_flow_stops_in_a_rebalance() -> None:
    assert "consumer._drain_messages(self)" in source(FaustFetcher._fetcher.fun)
    assert "consumer.stop_flow" in source(App._on_partitions_revoked)


def test_a_schema_compiles_a_decoder_and_a_message_carries_anything() -> None:
    assert parameters(Schema.compile)[:2] == ["self", "app"]
    batch: Any = object()
    message = ConsumerMessage(
        "t", 0, 9, 0.0, 0, [], None, batch, None, tp=TP("t", 0), generation_id=3
    )
    assert message.value is batch
    assert message.generation_id == 3


def test_events_of_a_stream_without_acks_are_acknowledged_by_hand_only() -> None:
    assert "enable_acks=False" in source(Stream.noack)

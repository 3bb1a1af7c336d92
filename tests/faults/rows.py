"""The table: every fault and its doses.

Each row works on a deployment under load with one worker a role, and ends with it running. In each,
rulebooks come into force and customers are merged meanwhile, and one record in a hundred is poison.
"""

from __future__ import annotations

import sys

from tests.faults.on_brokers import kill_broker, kill_brokers, stall_coordinator
from tests.faults.on_input import activate, jumble, poison
from tests.faults.on_network import cut_off_brokers, cut_off_store, slow_down
from tests.faults.on_store import (
    empty_store,
    fail_over_store,
    fill_disk,
    fill_memory,
    flush_store,
    kill_store,
    set_back_store,
)
from tests.faults.on_workers import (
    kill_at_steps,
    kill_customers,
    kill_ingress,
    kill_ingress_at_steps,
    rebalance,
    skewed,
    zombie,
    zombie_at_steps,
)
from tests.faults.rebuild import rebuild
from tests.faults.row import Row
from tests.faults.soak import soak

__all__ = ["ROWS", "Row", "flush_store", "kill_at_steps", "kill_broker", "kill_customers"]

ROWS = (
    # First, since a broker that was killed recovers every partition that earlier rows left to it.
    Row("broker killed", kill_broker, 50, 1, portion=10, fault_s_max=5.0, brokers=3),
    Row("all brokers killed", kill_brokers, 10, 1, portion=5, fault_s_max=5.0, brokers=3),
    Row("coordinator stalled around commit", stall_coordinator, 30, 1, portion=10, brokers=3),
    Row("customers worker killed", kill_customers, 150, 2, portion=50),
    Row("ingress worker killed", kill_ingress, 50, 1, portion=50),
    Row("killed after each step", kill_at_steps, 10, 1, events_per_s=300, portion=3),
    Row("ingress killed after each step", kill_ingress_at_steps, 10, 1, portion=10),
    Row("workers join and leave", rebalance, 100, 2, portion=20),
    Row("worker frozen, then wakes", zombie, 20, 1, portion=10),
    Row("worker frozen after a step", zombie_at_steps, 30, 1, portion=10),
    Row("store flushed", flush_store, 10, 1, portion=50),
    Row("store killed", kill_store, 100, 1, portion=25),
    Row("store emptied", empty_store, 10, 1, portion=50),
    Row("store set back in time", set_back_store, 50, 1, portion=5, fault_s_max=60.0),
    Row("store fails over", fail_over_store, 20, 1, fault_s_max=15.0),
    Row("store's memory full", fill_memory, 10, 1),
    *((Row("store's disk full", fill_disk, 10, 1),) if sys.platform == "linux" else ()),
    Row("cut off from brokers", cut_off_brokers, 30, 2, portion=5, fault_s_max=60.0),
    Row("cut off from the store", cut_off_store, 30, 2, portion=5, fault_s_max=60.0),
    Row("slow link", slow_down, 60, 1, events_per_s=300, portion=20),
    Row("poison", poison, 50, 1, poison_share=0.1),
    Row("duplicates and disorder", jumble, 300, 5, portion=150),
    Row("rulebook changed while killed", activate, 20, 1),
    Row("clock wrong on one worker", skewed, 20, 2, history_days=10, is_alone=True),
    Row("store rebuilt", rebuild, 120, 20, events_per_s=200, portion=120, is_alone=True),
    Row("soak", soak, 30, 1, events_per_s=500, portion=240, days_per_s=0.3, is_alone=True),
)

"""What has to have happened in many runs, or they show less than they seem to."""

from __future__ import annotations

from collections.abc import Collection

from tests.simulation.fates import FATES

SEEDS_ENOUGH = 2_000
"""So many runs meet every branch."""

BRANCHES = {
    *("kill", "roll back", "restore a backup", "lose all", "lose due", "lose field"),
    *("commit: lost", "commit: delayed", "commit: done, no reply", "late commit landed"),
    *(
        f"{call}: no reply, {when}"
        for call in ("fence", "claim", "wipe", "apply")
        for when in ("before", "after")
    ),
    *(f"{call}: no reply" for call in ("bounds", "read", "view", "due", "scan")),
    *("not a member", "log truncated", "topics made anew"),
    *("markers come later", "transaction takes long", "transaction expired"),
    *("another partition's transaction", "abort of another"),
    *("fail over", "spoke to a deposed server", "apply: broken off", "wipe: broken off"),
    *(f"{call}: out of memory" for call in ("claim", "wipe", "apply")),
    *("halt: wrong number of partitions", *(f"halt: {fate}" for fate in FATES)),
    *("deliver: broken off", "late delivery landed", "source replayed", "source truncated"),
    *("clock goes on", "clock held by clock", "tick in doubt", "halt: too much is refused"),
    *("take-over", "take-over, wiped", "records restored"),
    *("batch of records", "batch of timers", "timers"),
    *(f"doubt: {error}" for error in ("Doubt", "Fenced", "GeneratorExit", "Spoilt", "Unavailable")),
    *(
        f"dead letter: {reason}"
        for reason in (
            "BAD_SCHEMA",
            "FROM_THE_FUTURE",
            "TOO_LARGE",
            "TOO_LATE",
            "UNKNOWN_CURRENCY",
            "WRONG_PARTITION",
            "NO_CUSTOMER",
        )
    ),
    *(
        f"outputs: segment.{topic}.v1"
        for topic in ("tier-changed", "tier-current", "churn-risk", "changed")
    ),
    "outputs: segment.log.v1.dlq",
}


def unmet(met: Collection[str], seeds: int) -> list[str]:
    """Return the branches that enough `seeds` should have met, and did not."""
    return sorted(BRANCHES.difference(met)) if seeds >= SEEDS_ENOUGH else []

"""Faust, and the only folder that knows it: group membership, assignment, fetching, positions.

An agent is handed whole batches, as they were fetched from one partition, and says when a batch is
done; Faust's own way, event by event, costs thirty times as much, and its acknowledgements are no
proof of work (it acknowledges what failed). What is changed here, and why:

* One Faust event a fetched batch, `noack`, one actor a partition. A batch under way during a
  rebalance is finished or dropped by its agent, then Faust goes on.
* Positions are committed from what agents finished, with a note, never from Faust's reckoning.
* `Positions.OWNED`: a partition is fetched only once its agent says from where, since the truth
  about the position is in the changelog. Nothing may reset such a position silently.
* Fetches wait briefly and read only what is committed; Faust fixes both otherwise.
* Crash-only: whatever goes wrong ends the process, and every call has a bound.

Private names of Faust and aiokafka are held in place by `tests/streams/test_engine_contract.py`.
"""

from streams.engine.member import Engine
from streams.engine.transport import Positions

__all__ = ["Engine", "Positions"]

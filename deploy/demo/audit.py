"""The demo's own proof: everything that came out is counted and compared, nothing is assumed.

It reads the log, the dead letters, the outputs and the changelog as any consumer would, from their
start, and at the end compares the changelog with the store field by field.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from models.decisions import AnyDecision, ChurnRiskChanged, TierChanged
from streams.commands.telling import decoded
from streams.ledger import Position
from streams.log.feed import Item
from streams.store import keys
from streams.store.port import START, Store
from streams.topics import DEAD_LETTER_SUFFIX, LOG, OUTPUTS, STATE, Catalogue

_SCAN_COUNT = 1_000


@dataclass(frozen=True, slots=True)
class Findings:
    """What was counted. A run of the demo is right when the last four are 0."""

    events_in: int
    tier_changes: int
    churn_changes: int
    changes: int
    dead_letters: int
    duplicates: int
    missing: int
    differences: int


class Audit:
    """Takes records as they come, and knows at any time how far each partition is."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._told = {catalogue.name(topic): topic for topic in OUTPUTS}
        self._log = catalogue.name(LOG)
        self._state = catalogue.name(STATE)
        self._letters = {
            topic.name for topic in catalogue.topics() if topic.name.endswith(DEAD_LETTER_SUFFIX)
        }
        self._logged = self._refused = self._set_aside = self._duplicates = self._gaps = 0
        self._ids: set[str] = set()
        self._kinds: dict[type[AnyDecision], int] = defaultdict(int)
        self._sequences: dict[tuple[str, str], int] = {}
        self._revisions: dict[str, tuple[int, int]] = {}  # how many came, and the highest
        self._fields: dict[int, dict[bytes, bytes]] = defaultdict(dict)

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that has to be read."""
        return (*self._told, self._log, self._state, *sorted(self._letters))

    def take(self, items: Iterable[Item]) -> list[AnyDecision]:
        """Count the records; return the changes among them."""
        changes = []
        for topic, partition, record in items:
            if topic in self._told:
                assert record.value is not None
                change = decoded(self._told[topic], record.value)
                self._count(topic, change)
                changes.append(change)
            elif topic == self._state and record.key is not None:
                if record.value is None:
                    self._fields[partition].pop(record.key, None)
                else:
                    self._fields[partition][record.key] = record.value
            elif topic == self._log:
                self._logged += record.key is not None  # ticks and eras have none
            elif topic == self._log + DEAD_LETTER_SUFFIX:
                self._set_aside += 1
            else:
                self._refused += 1
        return changes

    def position(self, partition: int) -> Position | None:
        """Return the position of a partition as the changelog says so far."""
        value = self._fields[partition].get(keys.POSITION)
        return None if value is None else msgspec.json.decode(value, type=Position)

    async def findings(self, published: int, store: Store) -> Findings:
        """Compare what came with what was published, and the changelog with the store."""
        unaccounted = max(0, published - self._logged - self._refused)
        revisions = sum(highest - came for came, highest in self._revisions.values())
        differences = [
            await self._differing(partition, store)
            for partition in range(self._catalogue.partitions)
        ]
        return Findings(
            events_in=published,
            tier_changes=self._kinds[TierChanged],
            churn_changes=self._kinds[ChurnRiskChanged],
            changes=sum(self._kinds.values()),
            dead_letters=self._refused + self._set_aside,
            duplicates=self._duplicates,
            missing=unaccounted + max(self._gaps, revisions),
            differences=sum(differences),
        )

    def _count(self, topic: str, change: AnyDecision) -> None:
        self._kinds[type(change)] += 1
        if change.id in self._ids:
            self._duplicates += 1
            return
        self._ids.add(change.id)
        feed = (topic, change.customer_id)
        self._gaps += change.sequence != self._sequences.get(feed, 0) + 1
        self._sequences[feed] = change.sequence
        came, highest = self._revisions.get(change.customer_id, (0, 0))
        self._revisions[change.customer_id] = (came + 1, max(highest, change.revision))

    async def _differing(self, partition: int, store: Store) -> int:
        """Count the fields that the changelog and the store do not have alike."""
        stored: dict[bytes, bytes] = {}
        cursor, started = START, False
        while cursor or not started:
            cursor, page = await store.scan(partition, cursor, _SCAN_COUNT)
            stored.update(page)
            started = True
        stored.pop(keys.META, None)
        wanted = self._fields[partition]
        return sum(wanted.get(name) != stored.get(name) for name in wanted.keys() | stored.keys())

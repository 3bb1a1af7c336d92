"""The workload: a shop's customers over the year 2025, the same bytes in every run.

92 in 100 events are purchases, 5 are answers to a survey, 3 are steps of a complaint. How often a
customer comes differs by a gamma distribution, as in the churn model; amounts are log-normal and
spread customers over all tiers of the shipped retail rulebook. Values have about 250 bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate
from math import log
from random import Random
from typing import NamedTuple

import msgspec

from models.calendar import calendar, day_number, rfc3339
from models.events import SEVERITIES, Complaint, Feedback, Profile, Purchase, encode
from streams.log.partitioner import partition_for

ZONE = calendar("Europe/London")  # of the retail rulebook: a day begins where its windows do
FIRST_DAY = day_number(date(2025, 1, 1))
YEAR_DAYS = 365

_SEED = 2025
_PURCHASES, _FEEDBACK = 0.92, 0.05
_HABIT_SHAPE = 1.0
_AMOUNT_LOG_MEAN, _AMOUNT_LOG_DEVIATION = log(9_000), 0.8  # minor units: the median order is £90
_MARGIN = 0.3
_OPEN_COMPLAINTS_MAX = 1_000  # from here on, every second step resolves the oldest one
_SCORES, _SCORE_WEIGHTS = (1, 2, 3, 4, 5), (3, 5, 12, 35, 45)
_SEVERITY_WEIGHTS = (45, 35, 15, 5)

_PROFILE: dict[str, tuple[object, ...]] = {  # lengths without a common divisor mix them
    "country": ("GB",),
    "city": ("Beijing", "Shanghai", "Tongzhou", "Danfeng", "Leeds"),
    "province": ("Beijing", "Shanghai", "Sichuan", "Hebei"),
    "gender": ("female", "male", "female"),
    "birth_date": ("1996-05-20", "1971-02-03", "1984-11-30", "1958-08-08"),
    "income_band": ("high", "medium", "low", "medium", "medium"),
    "education": ("master", "secondary", "bachelor", "vocational"),
    "occupation": ("nurse", "designer", "driver", "teacher", "cook", "welder", "clerk"),
    "industry": ("services", "trade", "industry"),
    "economic_role": ("consumer",) * 10 + ("distributor",),
    "household_size": (1, 2, 4),
    "children": (0, 0, 2, 1, 0),
    "interests": (["sports"], ["travel", "reading"], [], ["reading"]),
    "consents.profiling.granted": (True, True, False),
    "consents.marketing.granted": (True, False),
}
_TOPICS: dict[type, str] = {
    Purchase: "customer.purchase.v1",
    Feedback: "customer.feedback.v1",
    Complaint: "customer.complaint.v1",
}


class Happening(NamedTuple):
    """An event, the customer that it is about, and the partition that the customer belongs to."""

    customer: bytes
    partition: int
    event: Purchase | Feedback | Complaint

    @property
    def topic(self) -> str:
        """The source topic that takes it, without prefix."""
        return _TOPICS[type(self.event)]

    def canonical(self) -> bytes:
        """Return the value that stands in the log."""
        return encode(self.event)

    def wire(self) -> bytes:
        """Return the value that a producer writes to the source topic."""
        fields = msgspec.to_builtins(self.event) | {
            "customer_id": self.customer.decode(),
            "occurred_at": rfc3339(self.event.occurred_at),
            "schema_version": 1,
        }
        return msgspec.json.encode(fields)


class Shop:
    """Makes events in the order of their time; the same calls make the same events."""

    def __init__(self, customers: int, partitions: int) -> None:
        self._chance = Random(_SEED)
        self._customers = [b"cust-%08d" % number for number in range(customers)]
        self._homes = [partition_for(customer, partitions) for customer in self._customers]
        habits = (self._chance.gammavariate(_HABIT_SHAPE, 1) for _ in self._customers)
        self._habits = list(accumulate(habits))
        self._open: deque[tuple[int, Complaint]] = deque(maxlen=_OPEN_COMPLAINTS_MAX)
        self._made = 0

    def homes(self) -> Iterator[tuple[bytes, int]]:
        """Return every customer, and the partition that she belongs to."""
        return zip(self._customers, self._homes, strict=True)

    def profile(self, number: int, at: int) -> bytes:
        """Return what became known of a customer, as it stands in the log."""
        patch = {name: values[number % len(values)] for name, values in _PROFILE.items()}
        facts = Profile(event_id=f"profile-{number}", source="crm", occurred_at=at, patch=patch)
        return encode(facts)

    def everybody(self, times: int) -> list[int]:
        """Return every customer's number `times` times, in random order."""
        visits = list(range(len(self._customers))) * times
        self._chance.shuffle(visits)
        return visits

    def by_habit(self, count: int) -> list[int]:
        """Return `count` customers' numbers: who comes often stands there often."""
        everybody = range(len(self._customers))
        return self._chance.choices(everybody, cum_weights=self._habits, k=count)

    def days(
        self, visits: Sequence[int], first_day: int, days: int
    ) -> Iterator[tuple[int, list[Happening]]]:
        """Yield the start of each day and its events: one a visit, evenly spread over the days."""
        for index in range(days):
            begin, end = ZONE.start(first_day + index), ZONE.start(first_day + index + 1)
            first, last = len(visits) * index // days, len(visits) * (index + 1) // days
            of_day = visits[first:last]
            yield begin, self.between(of_day, begin, end)

    def between(self, visits: Sequence[int], begin: int, end: int) -> list[Happening]:
        """Return one event a visit, evenly spread over the seconds from `begin` to `end`."""
        count = len(visits)
        return [
            self._happening(customer, begin + (end - begin) * index // count)
            for index, customer in enumerate(visits)
        ]

    def _happening(self, customer: int, at: int) -> Happening:
        self._made += 1
        kind = self._chance.random()
        event: Purchase | Feedback | Complaint
        if kind < _PURCHASES:
            event = self._purchase(at)
        elif kind < _PURCHASES + _FEEDBACK:
            event = self._answer(at)
        else:
            customer, event = self._complaint(customer, at)
        return Happening(self._customers[customer], self._homes[customer], event)

    def _purchase(self, at: int) -> Purchase:
        number, chance = self._made, self._chance
        amount = int(chance.lognormvariate(_AMOUNT_LOG_MEAN, _AMOUNT_LOG_DEVIATION))
        return Purchase(
            event_id=f"01JGFJJZ00{number:016d}",
            source="webshop",
            occurred_at=at,
            order_id=f"order-{number:010d}",
            net_amount_minor=amount,
            currency="GBP",
            margin_minor=int(amount * _MARGIN),
            channel="online" if number % 3 else "offline",
            store_id=f"store-{number % 40:04d}",
        )

    def _answer(self, at: int) -> Feedback:
        number = self._made
        (score,) = self._chance.choices(_SCORES, _SCORE_WEIGHTS)
        return Feedback(
            event_id=f"01JGFJJZ01{number:016d}",
            source="surveys",
            occurred_at=at,
            feedback_id=f"answer-{number:010d}",
            action="given",
            kind="survey",
            metric="csat",
            polarity="positive" if score > 3 else "neutral" if score == 3 else "negative",
            score=score,
            topic="delivery",
            order_id=f"order-{number:010d}",
        )

    def _complaint(self, customer: int, at: int) -> tuple[int, Complaint]:
        """Open one for the customer; or resolve the oldest, whose customer is another."""
        number = self._made
        if len(self._open) < _OPEN_COMPLAINTS_MAX:
            (severity,) = self._chance.choices(SEVERITIES, _SEVERITY_WEIGHTS)
            complaint = Complaint(
                event_id=f"01JGFJJZ02{number:016d}",
                source="service-desk",
                occurred_at=at,
                complaint_id=f"case-{number:010d}",
                action="opened",
                type="delivery",
                severity=severity,
                order_id=f"order-{number:010d}",
            )
            self._open.append((customer, complaint))
            return customer, complaint
        complainer, opened = self._open.popleft()
        return complainer, msgspec.structs.replace(
            opened,
            event_id=f"01JGFJJZ03{number:016d}",
            occurred_at=at,
            action="resolved",
            outcome="satisfied",
        )

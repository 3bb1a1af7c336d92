"""From a story to canonical events, each with the instant at which it is heard of.

Nothing here knows how conclusions are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.calendar import Calendar, day_number
from models.errors import BadEvent
from rules.examples.sending import Producer, cuts_of, noon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.events import CustomerEvent
    from rules.examples.stories import Expect, Story
    from rules.language.document import Path


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of a story: what happens (None: nothing), and what is expected after it.

    `step` is the place of its line in the story.
    """

    step: int
    at: int
    event: CustomerEvent | None
    expect: Expect | None


def timeline(story: Story, zone: Calendar, currency: str) -> list[Moment]:
    """Return a story's moments in order of time; a repeated step's expectation is for its last.

    Raises:
        BadEvent: ingress would refuse an event of it.
    """
    producer = Producer(zone, currency)
    moments: list[Moment] = []
    for line, step in enumerate(story.story):
        for time in range(step.times):
            day = day_number(step.at) + time * int(step.every[:-1])
            last = time == step.times - 1
            event = producer.event(step, f"{line}-{time}", day)
            expect = step.expect if last else None
            moments.append(Moment(line, noon(zone, day), event, expect))
    return sorted(moments, key=lambda moment: moment.at)


def refused(story: Story, zone: Calendar, currency: str) -> Iterator[tuple[Path, str]]:
    """Yield the places in a story of what ingress would refuse, each with its reason.

    The repeats of a step differ in their days alone.
    """
    try:
        cuts_of(story, currency)
    except BadEvent as error:
        yield ("cuts",), str(error)
    producer = Producer(zone, currency)
    for line, step in enumerate(story.story):
        try:
            producer.event(step, f"{line}-0", day_number(step.at))
        except BadEvent as error:
            yield ("story", line), str(error)

"""Feedback: survey answers, reviews and suggestions, and the polarity that follows from a score."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from models import events
from models.wire.base import CustomerInput, Input, nested_unknown
from models.wire.fields import Id, Instant, Name, Polarity

Metric = Literal["csat", "nps", "ces", "stars", "label"]
FeedbackKind = Literal["survey", "review", "suggestion"]


class Scale(NamedTuple):
    """A metric's scores: `lowest` to `highest`; which count as negative and as positive."""

    lowest: int
    negative_to: int
    positive_from: int
    highest: int


# NPS: promoters 9–10, detractors 0–6 (Reichheld 2003). CES has no standard cut; 4 is its middle.
SCALES: dict[Metric, Scale] = {
    "csat": Scale(1, 2, 4, 5),
    "stars": Scale(1, 2, 4, 5),
    "nps": Scale(0, 6, 9, 10),
    "ces": Scale(1, 3, 5, 7),
}


class Opinion(Input):
    """What was said: a score of a metric, or a bare polarity (`label`), or both."""

    kind: FeedbackKind
    metric: Metric = "label"

    score: int | None = None
    """csat and stars: 1 to 5; nps: 0 to 10; ces: 1 to 7; label: none."""

    polarity: Polarity | None = None
    """Where it is not given it follows from the score; the given one wins."""

    @model_validator(mode="after")
    def _score_fits_its_metric(self) -> Self:
        if self.score is None:
            if self.polarity is None:
                message = "neither score nor polarity is given; write at least one of them"
                raise PydanticCustomError("opinion", message)
            return self
        scale = SCALES.get(self.metric)
        if scale is None:
            message = "a score needs a metric: one of csat, nps, ces, stars"
            raise PydanticCustomError("opinion", message)
        if not scale.lowest <= self.score <= scale.highest:
            raise PydanticCustomError(
                "opinion",
                "score {score} is not on the {metric} scale of {lowest} to {highest}",
                {"metric": self.metric, "score": self.score, **scale._asdict()},
            )
        return self

    def stated_polarity(self) -> Polarity:
        """Return the polarity that was given, else the one that follows from the score."""
        if self.polarity is not None:
            return self.polarity
        if self.score is None:
            message = "validation lets no opinion pass without score and polarity"
            raise AssertionError(message)
        scale = SCALES[self.metric]
        if self.score >= scale.positive_from:
            return "positive"
        return "negative" if self.score <= scale.negative_to else "neutral"


class OriginalFeedback(Opinion):
    """What the feedback said before it was amended or retracted."""

    kind: FeedbackKind = "survey"
    occurred_at: Instant

    def canonical(self) -> events.FeedbackValues:
        """Return the canonical values."""
        return events.FeedbackValues(
            occurred_at=self.occurred_at,
            metric=self.metric,
            polarity=self.stated_polarity(),
            kind=self.kind,
            score=self.score,
        )


class Feedback(CustomerInput, Opinion):
    """A customer's opinion, given, amended or retracted."""

    event: Literal["feedback"]

    feedback_id: Id
    """The same for the feedback and its corrections."""

    action: Literal["given", "amended", "retracted"]
    topic: Literal["product", "brand", "service", "delivery"] | None = None

    public: bool = False
    """Whether others can read it."""

    product_id: Name | None = None
    order_id: Id | None = None

    text_ref: Name | None = None
    """Where the text is kept; the text itself never comes here."""

    original: OriginalFeedback | None = None
    """With `amended` and `retracted`: what it said before, where the source knows it."""

    @model_validator(mode="after")
    def _original_is_of_a_correction(self) -> Self:
        if self.original is not None and self.action == "given":
            message = "original goes with the actions amended and retracted only; leave it out"
            raise PydanticCustomError("original", message)
        return self

    def unknown_fields(self) -> tuple[str, ...]:
        """Return the unknown fields of the feedback and of its original values."""
        return super().unknown_fields() + nested_unknown("original", (self.original,))

    def fact(self) -> events.Feedback:
        """Return the canonical feedback, its polarity derived where it was not given."""
        return events.Feedback(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            feedback_id=self.feedback_id,
            action=self.action,
            kind=self.kind,
            metric=self.metric,
            polarity=self.stated_polarity(),
            score=self.score,
            topic=self.topic,
            public=self.public,
            product_id=self.product_id,
            order_id=self.order_id,
            text_ref=self.text_ref,
            original=self.original.canonical() if self.original is not None else None,
        )

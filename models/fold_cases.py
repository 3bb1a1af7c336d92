"""What `fold` makes of what is kept one by one: complaints, feedback and relations.

Each can still be amended, retracted or undone, by a correction that may come before its fact. The
newest of each are kept; the older rest is counted by day, and corrected where the correction says
what was counted.
"""

from __future__ import annotations

from models.calendar import Calendar
from models.customer import ComplaintCase, Facts, FeedbackCase, Relation
from models.events import (
    SEVERITIES,
    Complaint,
    ComplaintValues,
    Engagement,
    Feedback,
    FeedbackValues,
)
from models.fold_series import count, uncount
from models.ids import short_hash

COMPLAINTS_MAX = 64
FEEDBACK_MAX = 32
RELATIONS_MAX = 64

COMPLAINT_TYPES = ("product_quality", "service_attitude", "delivery", "billing", "other")
# In the order that decides between two steps of the same second.
STATUSES = ("opened", "acknowledged", "reopened", "resolved", "retracted")
OUTCOMES = ("satisfied", "unsatisfied", "rejected")
METRICS = ("csat", "nps", "ces", "stars", "label")
POLARITIES = ("negative", "neutral", "positive")
KINDS = ("survey", "review", "suggestion")
TOPICS = ("product", "brand", "service", "delivery")
RELATIONS = ("family", "friend", "colleague", "circle")
RETRACTED = STATUSES.index("retracted")
RESOLVED = STATUSES.index("resolved")


def complaint(facts: Facts, event: Complaint, zone: Calendar) -> None:
    """Enter a step in a complaint's life."""
    key = short_hash(event.complaint_id)
    at = event.occurred_at
    severity = 0 if event.severity is None else 1 + SEVERITIES.index(event.severity)
    detail = (at, COMPLAINT_TYPES.index(event.type), severity)
    case = next((c for c in facts.complaints if c.key == key), None)
    said = event.original
    is_full = len(facts.complaints) >= COMPLAINTS_MAX
    # What is older than the oldest that is kept is among those that were counted by day.
    if case is None and said and is_full and (said.occurred_at, key) < _opened(facts.complaints[0]):
        day = zone.day(said.occurred_at)
        uncount(facts, _complaint_series(said), day, 1)
        if event.action == "amended":
            count(facts, _complaint_series(event), day, 1)
        return
    if case is None:
        case = ComplaintCase(key, None, (0, 0, 0), (0, 0, 0))
        facts.complaints.append(case)
    if event.action == "opened":
        case.opened_at = at if case.opened_at is None else min(case.opened_at, at)
    if event.action in {"opened", "amended"}:
        case.detail = max(case.detail, detail)
        if event.amount_minor is not None:
            amount = (at, event.amount_minor, event.currency)
            if case.amount is None or _weight(case.amount) < _weight(amount):
                case.amount = amount
    if event.action != "amended":
        outcome = 0 if event.outcome is None else 1 + OUTCOMES.index(event.outcome)
        step = (at, STATUSES.index(event.action), outcome)
        case.status = max(case.status, step, key=_rank)
    facts.complaints.sort(key=_opened)


def is_retracted(facts: Facts, complaint_id: str) -> bool:
    """Tell whether a complaint is known to be retracted, among the newest ones."""
    key = short_hash(complaint_id)
    return any(case.key == key and case.status[1] == RETRACTED for case in facts.complaints)


def _complaint_series(said: Complaint | ComplaintValues) -> str:
    severity = 0 if said.severity is None else 1 + SEVERITIES.index(said.severity)
    return f"c:{COMPLAINT_TYPES.index(said.type)}{severity}"


def _rank(status: tuple[int, int, int]) -> tuple[bool, tuple[int, int, int]]:
    """Order steps by time; a retraction holds for good, also where clocks put it before others."""
    return (status[1] == RETRACTED, status)


def _weight(amount: tuple[int, int, str | None]) -> tuple[int, int, str]:
    return (amount[0], amount[1], amount[2] or "")


def _opened(case: ComplaintCase) -> tuple[int, bytes]:
    """Order cases by opening; one that waits for its opening, by the newest step known of it."""
    newest = max(case.status[0], case.detail[0])
    return (newest if case.opened_at is None else case.opened_at, case.key)


def feedback(facts: Facts, event: Feedback, zone: Calendar) -> None:
    """Enter a feedback that was given, amended or retracted."""
    key = short_hash(event.feedback_id)
    at = event.occurred_at
    case = next((c for c in facts.feedback if c.key == key), None)
    said = event.original
    is_full = len(facts.feedback) >= FEEDBACK_MAX
    # As with complaints.
    if case is None and said and is_full and (said.occurred_at, key) < _given(facts.feedback[0]):
        day = zone.day(said.occurred_at)
        for name, amount in _feedback_series(said):
            uncount(facts, name, day, amount)
        for name, amount in _feedback_series(event) if event.action == "amended" else ():
            count(facts, name, day, amount)
        return
    if case is None:
        case = FeedbackCase(key, None, (0, 0, 0, 0, 0, 0, 0))
        facts.feedback.append(case)
    if event.action == "given":
        case.given_at = at if case.given_at is None else min(case.given_at, at)
    value = (
        at,
        int(event.action == "retracted"),
        METRICS.index(event.metric),
        POLARITIES.index(event.polarity),
        KINDS.index(event.kind),
        int(event.public),
        0 if event.score is None else 1 + event.score,
    )
    topic = 0 if event.topic is None else 1 + TOPICS.index(event.topic)
    case.value, case.topic = max((case.value, case.topic), (value, topic))
    facts.feedback.sort(key=_given)


def _feedback_series(said: Feedback | FeedbackValues) -> list[tuple[str, int]]:
    kind = f"{METRICS.index(said.metric)}{POLARITIES.index(said.polarity)}"
    if said.score is None:
        return [(f"f:{kind}", 1)]
    return [(f"f:{kind}", 1), (f"fn:{kind}", 1), (f"fs:{kind}", said.score)]


def _given(case: FeedbackCase) -> tuple[int, bytes]:
    return (case.value[0] if case.given_at is None else case.given_at, case.key)


def relation(facts: Facts, event: Engagement) -> None:
    """Enter a tie to another customer, or its end: an end of no kind is that of all kinds.

    Of more than `RELATIONS_MAX` ties the newest are kept.
    """
    is_linked = event.kind == "relation.linked"
    if event.other_customer_id is None or (is_linked and event.relation is None):
        return
    step = (event.occurred_at, is_linked)
    for kind, name in enumerate(RELATIONS):
        if event.relation not in {None, name}:
            continue
        key = short_hash(f"{name}\0{event.other_customer_id}")
        known = next((r for r in facts.relations if r.key == key), None)
        if known is None:
            facts.relations.append(Relation(key, step, kind))
        else:
            known.step = max(known.step, step)
    facts.relations.sort(key=lambda relation: (relation.step, relation.key))
    del facts.relations[:-RELATIONS_MAX]


def merge_cases(facts: Facts, other: Facts) -> None:
    """Add another customer's complaints, feedback and relations; see `models.merging`."""
    complaints = {case.key: case for case in facts.complaints}
    for case in other.complaints:
        known = complaints.setdefault(case.key, case)
        known.opened_at = earlier(known.opened_at, case.opened_at)
        known.detail = max(known.detail, case.detail)
        known.status = max(known.status, case.status, key=_rank)
        if case.amount is not None:
            known.amount = max(known.amount or case.amount, case.amount, key=_weight)
    facts.complaints = sorted(complaints.values(), key=_opened)
    answers = {answer.key: answer for answer in facts.feedback}
    for answer in other.feedback:
        said = answers.setdefault(answer.key, answer)
        said.given_at = earlier(said.given_at, answer.given_at)
        said.value, said.topic = max((said.value, said.topic), (answer.value, answer.topic))
    facts.feedback = sorted(answers.values(), key=_given)
    ties = {tie.key: tie for tie in facts.relations}
    for tie in other.relations:
        known_tie = ties.setdefault(tie.key, tie)
        known_tie.step = max(known_tie.step, tie.step)
    facts.relations = sorted(ties.values(), key=lambda tie: (tie.step, tie.key))[-RELATIONS_MAX:]


def earlier(one: int | None, other: int | None) -> int | None:
    """Return the earlier of two instants that may be unknown."""
    return min((at for at in (one, other) if at is not None), default=None)


def retain_complaints(facts: Facts, zone: Calendar, oldest: int, unmatched: int) -> None:
    """Let go of old complaints, and count those beyond the limit.

    `oldest` is the first day that is kept; a correction waits for its fact from day `unmatched` on.
    """
    kept = []
    excess = len(facts.complaints) - COMPLAINTS_MAX
    for index, case in enumerate(facts.complaints):
        day = zone.day(_opened(case)[0])
        if day < (unmatched if case.opened_at is None else oldest):
            continue
        if index < excess:
            if case.opened_at is not None and case.status[1] != RETRACTED:
                count(facts, f"c:{case.detail[1]}{case.detail[2]}", day, 1)
            continue
        kept.append(case)
    facts.complaints = kept


def retain_feedback(facts: Facts, zone: Calendar, oldest: int, unmatched: int) -> None:
    """Let go of old feedback, and count what is beyond the limit; see `retain_complaints`."""
    kept = []
    excess = len(facts.feedback) - FEEDBACK_MAX
    for index, case in enumerate(facts.feedback):
        day = zone.day(_given(case)[0])
        if day < (unmatched if case.given_at is None else oldest):
            continue
        if index < excess:
            _, retracted, metric, polarity, _, _, score = case.value
            if case.given_at is not None and not retracted:
                count(facts, f"f:{metric}{polarity}", day, 1)
                if score:
                    count(facts, f"fn:{metric}{polarity}", day, 1)
                    count(facts, f"fs:{metric}{polarity}", day, score - 1)
            continue
        kept.append(case)
    facts.feedback = kept

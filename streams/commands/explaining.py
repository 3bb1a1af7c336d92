"""`tierstream explain`: why each conclusion about a customer is what it is, now or in the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.tree import Tree

from models.calendar import Calendar, rfc3339
from models.decisions import WARNING_REASONS
from rules.announcing.tier import lacks
from rules.eras import Era
from rules.explanation.explain import Explained, Explanation, explain, missing_for_next
from rules.explanation.view import View
from rules.tiers.judging import Judge
from rules.tiers.tiering import visible_warning
from streams.commands.asking import CustomerId, by_hand
from streams.commands.common import CommandFailed, instant, out, reach, run, settings
from streams.commands.finding import Found, find, find_past
from streams.commands.telling import ground, money, told
from streams.jobs.ahead import Ahead, by_itself

_EVENTS_SHOWN = 5
_VERDICTS = {True: "held", False: "not reached", None: "unknown"}

At = Annotated[
    str | None,
    typer.Option(help="RFC 3339 with an offset: explain her as she was then, from the log."),
]


Events = Annotated[
    bool, typer.Option("--events", help="Name the events behind each fact, read from the log.")
]


def explain_customer(customer_id: CustomerId, at: At = None, *, events: Events = False) -> None:
    """Explain each conclusion about a customer: every fact, its value and its bound.

    Also what is missing for the next tier, what a running warning says, and what changes by itself.
    """
    found = run(_found(customer_id, None if at is None else instant(at), events=events))
    say(found, settings().app)


def say(found: Found, app: str) -> None:
    """Print why each conclusion about a customer of an application is what it is.

    Raises:
        CommandFailed: nothing has been concluded about her, or nothing is any more.
    """
    era, judge, now = _concluded(found)
    tier = judge.state.concluded.tier
    title = f"{found.customer} at {rfc3339(now)}"
    title += "" if tier is None else f": {judge.book.tiers[tier].name}"
    explained = explain(judge.book, found.state, now, judge.band, era.given, found.history)
    out.print(_tree(title, explained))
    for what, terms in by_hand(judge.state.concluded.standing, judge.book):
        out.print(f"{what.capitalize()}: {terms}", markup=False)
    for line in (*_ways_up(judge, now), *_warning(judge, now)):
        out.print(line, markup=False)
    _print_ahead(by_itself(app, found.customer, found.state, era), judge.book.zone)


async def _found(customer_id: str, at: int | None, *, events: bool) -> Found:
    async with reach(settings()) as reached:
        if at is not None:
            return await find_past(reached, customer_id, at)
        found = await find(reached, customer_id)
        if not events or found.position.now is None:
            return found
        return await find_past(reached, customer_id, found.position.now)


def _concluded(found: Found) -> tuple[Era, Judge, int]:
    state, era, now = found.state, found.era, found.position.now
    if state.moved_to is not None:
        raise CommandFailed(
            f"{found.customer} was merged into {state.moved_to}: "
            f"run `tierstream explain {state.moved_to}`"
        )
    if state.erased:
        raise CommandFailed(f"{found.customer} was erased; nothing is kept that could be explained")
    if era is None or era.book is None or now is None:
        raise CommandFailed(
            f"nothing has been concluded about {found.customer} yet: activate a rulebook with "
            "`tierstream rules activate FILE`, and let the clock start (`tierstream clock status`)"
        )
    return era, Judge(era.book, era.given, state, state.concluded.band), now


def _tree(title: str, explanation: Explanation) -> Tree:
    tree = Tree(escape(title))
    for tier in explanation.tiers:
        verdict = "reached" if tier.qualifies else _VERDICTS[tier.held]
        branch = tree.add(f"tier {tier.name}: {verdict}")
        for rule in (tier.qualify, tier.keep):
            _add_rule(branch, rule)
    for dimension in explanation.dimensions:
        branch = tree.add(escape(f"{dimension.name}: {dimension.category or 'unknown'}"))
        _add_grounds(branch, dimension.evidence)
    tree.add(f"churn risk: {explanation.band or 'too little history'}")
    for policy in explanation.policies:
        name = policy.rule.split(".")[1]
        branch = tree.add(f"policy {name}: {'held' if policy.holds else 'not held'}")
        _add_grounds(branch, policy.evidence)
    return tree


def _add_rule(branch: Tree, rule: Explained) -> None:
    if rule.evidence:
        part = branch.add(f"{rule.rule.rpartition('.')[2]}: {_truth(rule.holds)}")
        _add_grounds(part, rule.evidence)


def _add_grounds(branch: Tree, evidence: Iterable[Mapping[str, Any]]) -> None:
    """Add each comparison and, where they are known, the newest of the events behind it."""
    for each in evidence:
        part = branch.add(escape(ground(each)))
        events = each.get("events", [])
        if len(events) > _EVENTS_SHOWN:
            part.add("earlier ones, left out here")
        for event in events[-_EVENTS_SHOWN:]:
            part.add(escape(_deed(event)))


def _deed(event: Mapping[str, Any]) -> str:
    """Write an event behind a fact: when, what, its id, and its amount."""
    what = event.get("kind") or " ".join(filter(None, (event["type"], event.get("action"))))
    amount = ""
    if "amount_minor" in event:
        amount = f", {money(event['amount_minor'], event['currency'])}"
    return f"{event['occurred_at']} {what} {event['id']}{amount}"


def _ways_up(judge: Judge, now: int) -> Iterator[str]:
    """Yield what is missing for the next tier."""
    tier = judge.state.concluded.tier
    if tier is None:
        return
    needs = missing_for_next(
        View(judge.book, judge.state, now, judge.band, judge.given, tier), tier
    )
    if needs is not None:
        wanted = "; ".join(map(_need, needs["needs"])) or "nothing, it is only a matter of time"
        yield f"For {needs['tier']} is missing: {wanted}"


def _warning(judge: Judge, now: int) -> Iterator[str]:
    """Yield what a running warning says, and what would avert it."""
    tier = judge.state.concluded.tier
    warned = visible_warning(judge.state.concluded.standing)
    if warned is None or tier is None:
        return
    name, reason = judge.book.tiers[tier].name, WARNING_REASONS[warned.reason].replace("_", " ")
    then, _ = lacks(judge, warned, tier, now)
    wanted = "; ".join(map(_lack, then)) or "nothing more, if all stays as it is"
    yield f"Warned ({reason}): {name} ends on {rfc3339(warned.ends_at)}. To keep it: {wanted}"


def _print_ahead(ahead: Ahead, zone: Calendar) -> None:
    """Say what changes by itself, and when."""
    if ahead.changes:
        out.print("Changes by itself, if nothing happens:")
        for change in ahead.changes:
            out.print(told(change, zone))
        return
    until = "" if ahead.quiet_until is None else f" before {rfc3339(ahead.quiet_until)}"
    out.print(f"Nothing changes by itself{until}.")


def _truth(holds: bool | None) -> str:  # noqa: FBT001 - three-valued
    return "unknown" if holds is None else ("yes" if holds else "no")


def _need(needed: dict[str, Any]) -> str:
    described = dict(needed)
    fact = described.pop("fact", None) or described.pop("expression", "")
    currency, points = described.pop("currency", None), _points(described.pop("parts", []))
    said = {
        name.removesuffix("_minor"): _said(each, name, currency) for name, each in described.items()
    }
    have, op, need = (said.pop(name, None) for name in ("have", "op", "need"))
    parts = [f"{name} {value}" for name, value in said.items()]
    if op is not None:
        parts.append(f"{op} {need}, now {have}")
    return f"{fact} ({', '.join(parts)}){points}"


def _points(parts: Iterable[Mapping[str, Any]]) -> str:
    """Write which points of a score are open, and what each takes."""
    written = [f"{each['points']} for {' and '.join(map(_need, each['needs']))}" for each in parts]
    return f", with points open: {', '.join(written)}" if written else ""


def _lack(lack: dict[str, Any]) -> str:
    """Write a comparison that a tier lacks: what it takes, and what she has."""
    arguments = ", ".join(f"{name}={value}" for name, value in lack.get("args", {}).items())
    fact = lack.get("expression") or lack["fact"] + (f"({arguments})" if arguments else "")
    names = ("need_minor", "have_minor") if "currency" in lack else ("need", "have")
    need, have = (_said(lack[name], name, lack.get("currency")) for name in names)
    return f"{fact} {lack['op']} {need} (now {have}){_points(lack.get('parts', ()))}"


def _said(value: object, name: str, currency: str | None) -> str:
    """Write what a comparison names, in its currency where it is an amount."""
    if value is None:
        return "unknown"
    if currency is not None and name.endswith("_minor") and isinstance(value, int | float):
        return money(int(value), currency)
    return str(value)

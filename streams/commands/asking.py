"""`tierstream customer` and `tierstream explain`: what is known of a customer, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.tree import Tree

from models.calendar import rfc3339
from rules.book import Book
from rules.explain import Explained, Explanation, explain, missing_for_next
from rules.view import View
from streams.commands.common import CommandFailed, out, reach, run, settings
from streams.commands.finding import Found, find
from streams.commands.telling import ground, money

CustomerId = Annotated[str, typer.Argument(help="The customer id, as in the events.")]


def customer(customer_id: CustomerId) -> None:
    """Show a customer's tier, churn risk, segments and facts, as the store has them."""
    found = run(_found(customer_id))
    table = Table(show_header=False, box=None)
    for name, value in _lines(found):
        table.add_row(name, value)
    out.print(table)


def explain_customer(customer_id: CustomerId) -> None:
    """Explain each conclusion about a customer: every fact, its value and its bound."""
    found = run(_found(customer_id))
    book, now = _concluded(found)
    concluded = found.state.concluded
    explanation = explain(book, found.state, now, concluded.band)
    out.print(_tree(customer_id, explanation))
    if concluded.tier is not None:
        needs = missing_for_next(View(book, found.state, now, concluded.band), concluded.tier)
        if needs is not None:
            wanted = "; ".join(map(_need, needs["needs"])) or "nothing, it is only a matter of time"
            out.print(f"For {needs['tier']} is missing: {wanted}")


async def _found(customer_id: str) -> Found:
    async with reach(settings()) as reached:
        return await find(reached, customer_id)


def _concluded(found: Found) -> tuple[Book, int]:
    if found.era is None or found.era.book is None or found.position.now is None:
        raise CommandFailed(
            f"nothing has been concluded about {found.customer} yet: activate a rulebook with "
            "`tierstream rules activate FILE`, and let the clock start (`tierstream clock status`)"
        )
    return found.era.book, found.position.now


def _lines(found: Found) -> Iterable[tuple[str, str]]:
    facts, concluded = found.state.facts, found.state.concluded
    yield "customer", f"{found.customer} (partition {found.partition})"
    book = None if found.era is None else found.era.book
    if book is not None and concluded.tier is not None:
        since = "" if concluded.tier_since is None else f" since {rfc3339(concluded.tier_since)}"
        yield "tier", book.tiers[concluded.tier].name + since
        if book.churn is not None and concluded.band is not None:
            score = "" if concluded.score is None else f" (score {concluded.score} when published)"
            yield "churn risk", book.churn.names[concluded.band] + score
        for dimension, index in zip(book.dimensions, concluded.categories, strict=False):
            yield dimension.name, "unknown" if index is None else dimension.categories[index].name
        yield "rulebook", f"{book.name} {book.version}"
    else:
        yield "tier", "none yet: no rulebook is active, or the clock has not started"
    if facts.first_purchase_at is not None and facts.last_purchase_at is not None:
        yield "first purchase", rfc3339(facts.first_purchase_at)
        yield "last purchase", rfc3339(facts.last_purchase_at)
        net = sum(facts.net_minor) + facts.pruned_net_minor
        orders = sum(facts.orders) + facts.pruned_orders
        yield "purchases", f"{orders:,} orders, {money(net, facts.currency or '')}, refunds aside"
    yield "complaints", str(sum(case.opened_at is not None for case in facts.complaints))
    yield "feedback", str(sum(case.given_at is not None for case in facts.feedback))
    if found.state.root is not None:
        root = found.state.root
        yield "last event", f"{root.type} {root.id} of {rfc3339(root.occurred_at)}"
    if found.state.due is not None:
        yield "looked at again", rfc3339(found.state.due)
    yield "outputs so far", str(concluded.revision)


def _tree(customer_id: str, explanation: Explanation) -> Tree:
    tree = Tree(f"{customer_id} at {explanation.at}")
    for tier in explanation.tiers:
        verdict = "reached" if tier.qualifies else ("held" if tier.held else "not reached")
        branch = tree.add(f"tier {tier.name}: {verdict}")
        for rule in (tier.qualify, tier.keep):
            _add_rule(branch, rule)
    for dimension in explanation.dimensions:
        branch = tree.add(f"{dimension.name}: {dimension.category or 'unknown'}")
        for each in dimension.evidence:
            branch.add(ground(each))
    tree.add(f"churn risk: {explanation.band or 'too little history'}")
    changes = explanation.changes_by_itself_at
    tree.add(f"changes by itself: {'never' if changes is None else f'not before {changes}'}")
    return tree


def _add_rule(branch: Tree, rule: Explained) -> None:
    if rule.evidence:
        part = branch.add(f"{rule.rule.rpartition('.')[2]}: {_truth(rule.holds)}")
        for each in rule.evidence:
            part.add(ground(each))


def _truth(holds: bool | None) -> str:  # noqa: FBT001 - three-valued
    return "unknown" if holds is None else ("yes" if holds else "no")


def _need(need: dict[str, Any]) -> str:
    described = dict(need)
    fact = described.pop("fact", None) or described.pop("expression", "")
    currency = described.pop("currency", None)
    parts = []
    for name, value in described.items():
        if currency is not None and name.endswith("_minor"):
            parts.append(f"{name.removesuffix('_minor')} {money(int(value), currency)}")
        else:
            parts.append(f"{name} {value}")
    return f"{fact} ({', '.join(parts)})"

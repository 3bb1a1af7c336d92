"""`tierstream customer`: what is known of a customer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from models.calendar import rfc3339
from models.customer import CustomerState, Standing
from rules.book import Book
from streams.commands.common import out, reach, readable, run, settings
from streams.commands.finding import Found, find
from streams.commands.telling import money

CustomerId = Annotated[
    str, typer.Argument(help="The customer id, as in the events.", callback=readable)
]


def customer(customer_id: CustomerId) -> None:
    """Show a customer's tier, churn risk, segments and facts, as the store has them."""
    found = run(_found(customer_id))
    table = Table(show_header=False, box=None)
    for name, value in _lines(found):
        table.add_row(name, escape(value))
    out.print(table)


async def _found(customer_id: str) -> Found:
    async with reach(settings()) as reached:
        return await find(reached, customer_id)


def _lines(found: Found) -> Iterable[tuple[str, str]]:
    facts, concluded = found.state.facts, found.state.concluded
    yield "customer", f"{found.customer} (partition {found.partition})"
    if found.state.erased or found.state.moved_to is not None:
        yield from _ended(found.state)
        return
    book = None if found.era is None else found.era.book
    if book is not None and concluded.tier is not None:
        since = "" if concluded.tier_since is None else f" since {rfc3339(concluded.tier_since)}"
        yield "tier", book.tiers[concluded.tier].name + since
        yield from by_hand(concluded.standing, book)
        if book.churn is not None and concluded.band is not None:
            score = "" if concluded.score is None else f" (score {concluded.score} when published)"
            yield "churn risk", book.churn.names[concluded.band] + score
        for dimension, category in zip(book.dimensions, concluded.categories, strict=False):
            names = dimension.names(category)
            yield dimension.name, "unknown" if names is None else ", ".join(names) or "none"
        held = [p.name for i, p in enumerate(book.policies) if concluded.policies >> i & 1]
        if held:
            yield "policies", ", ".join(held)
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


def by_hand(standing: Standing | None, book: Book) -> Iterable[tuple[str, str]]:
    """Name the override and the hold that people have put on a customer, and what they say."""
    if standing is None:
        return
    if (override := standing.override) is not None:
        mode = "exactly" if override.exactly else "at least"
        until = "" if override.until is None else f" until {rfc3339(override.until)}"
        said = f"{override.id} by {override.by}: {mode} {book.tiers[override.tier].name}{until}"
        beneath = standing.shadow
        rules = "" if beneath is None else f"; by the rules {book.tiers[beneath[0]].name}"
        yield "override", f"{said}, {override.reason}{rules}"
    if standing.hold_until is not None:
        yield "hold", f"until {rfc3339(standing.hold_until)}"


def _ended(state: CustomerState) -> Iterable[tuple[str, str]]:
    """Say why there is nothing more about a customer."""
    if state.moved_to is None:
        yield "erased", "nothing is kept but how many outputs there were"
    else:
        yield "merged into", state.moved_to
    yield "outputs so far", str(state.concluded.revision)

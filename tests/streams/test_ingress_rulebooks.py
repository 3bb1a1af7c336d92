"""Ingress and rulebooks: what is activated means the same for every worker."""

from __future__ import annotations

import pytest

from rules import catalog
from tests.streams.test_ingress import CONTROL, PARTITIONS, Rig, control, headers, records


async def test_a_rulebook_that_depends_on_the_worker_is_refused() -> None:
    """What it includes would be another text in another version."""
    rig = Rig()
    including = catalog.text("retail").replace(
        "currency: GBP\n", "currency: GBP\ninclude: [points]\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "NAMES", (*catalog.NAMES, "points"))
        patch.setattr(catalog, "text", {"points": _POINTS}.__getitem__)
        book = control("rulebook.activated", name="retail", version=1, text=including)
        await rig.ingress.handle(CONTROL, 0, records([book]))
    assert await rig.logged() == []
    (letter,) = await rig.held(f"{CONTROL}.dlq")
    assert b"which writes them out" in headers(letter)["dlq.message"]


async def test_a_rulebook_that_stands_alone_reaches_every_partition() -> None:
    rig = Rig()
    book = control("rulebook.activated", name="retail", version=1, text=catalog.text("retail"))
    await rig.ingress.handle(CONTROL, 0, records([book]))
    assert len(await rig.logged()) == PARTITIONS
    assert await rig.held(f"{CONTROL}.dlq") == []


async def test_a_rulebook_whose_zone_is_a_folder_of_zones_is_refused() -> None:
    rig = Rig()
    text = catalog.text("retail").replace("Europe/London", "Europe")
    book = control("rulebook.activated", name="retail", version=1, text=text)
    await rig.ingress.handle(CONTROL, 0, records([book]))
    assert await rig.logged() == []
    (letter,) = await rig.held(f"{CONTROL}.dlq")
    assert headers(letter)["dlq.reason"] == b"REFUSED"
    assert b"unknown time zone 'Europe'" in headers(letter)["dlq.message"]


_POINTS = """
rulebook: points
version: 1
zone: Europe/London
currency: GBP
parameters: {enough: {value: 3, unit: orders, why: a test}}
measures: {bought: orders(days=90)}
tiers: {ladder: [{name: all}]}
"""

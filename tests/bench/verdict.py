"""A run counts only if what came out of it is right: everything is read again and compared."""

from __future__ import annotations

from deploy.demo.audit import Audit, Findings
from streams.log.feed import kafka_feed
from streams.topics import LOG
from tests.bench.deployment import BenchFailed, Deployment


async def verified(deployment: Deployment) -> Findings:
    """Audit a deployment whose workers have ended: outputs, dead letters, changelog and store.

    Raises:
        BenchFailed: a dead letter, a repeated or missing output, or a store that differs.
    """
    reached, catalogue = deployment.reached, deployment.catalogue
    audit = Audit(catalogue)
    names = [topic for topic in audit.topics if topic != catalogue.name(LOG)]
    ends = await reached.positions.ends(names)
    bootstrap = reached.settings.kafka.bootstrap
    async with kafka_feed(bootstrap, names, from_start=True, client=reached.client) as feed:
        while True:
            items = await feed.take()
            audit.take(items)
            if not items and await feed.has_reached(ends):
                break
    findings = await audit.findings(0, reached.store)
    if findings.dead_letters or findings.duplicates or findings.missing or findings.differences:
        raise BenchFailed(f"the run is not right, so it does not count: {findings}")
    if not findings.changes:
        raise BenchFailed("the run published nothing, so it does not count")
    return findings

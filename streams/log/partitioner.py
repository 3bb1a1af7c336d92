"""Which partition a customer belongs to: Kafka's default partitioner, murmur2 of the key.

Java clients and aiokafka agree on it; librdkafka needs `partitioner=murmur2_random`.
"""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of a key.

    >>> partition_for(b"17850", 4)
    0
    """
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions

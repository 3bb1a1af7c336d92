"""The names of everything in the store: the only place that spells keys and fields.

A partition owns two keys, `<app>:h:{3}` (a hash) and `<app>:due:{3}` (a sorted set). The braces are
a hash tag: on a cluster both keys live on one node, so one script may touch both.

A field of the hash has the name of the changelog record that it mirrors, but for `__meta`, which
says how much of the changelog is mirrored and therefore cannot be in it.
"""

from __future__ import annotations

POSITION = b"__pos"
BOOK = b"__book"
ORIGIN = b"__origin"
SOURCES = b"__sources"
META = b"__meta"

_CUSTOMER = b"c:"
_SOURCE = b"__src/"


def hash_key(app: str, partition: int) -> bytes:
    """Return the key of a partition's hash of fields.

    >>> hash_key("tierstream", 3)
    b'tierstream:h:{3}'
    """
    return f"{app}:h:{{{partition}}}".encode()


def due_key(app: str, partition: int) -> bytes:
    """Return the key of a partition's due index, a sorted set of customers by second.

    >>> due_key("tierstream", 3)
    b'tierstream:due:{3}'
    """
    return f"{app}:due:{{{partition}}}".encode()


def customer_field(customer: bytes) -> bytes:
    """Return the field that holds a customer's packed state.

    >>> customer_field(b"17850")
    b'c:17850'
    """
    return _CUSTOMER + customer


def customer_of(field: bytes) -> bytes | None:
    """Return the customer whose state `field` holds, None where it holds something else.

    >>> customer_of(b"c:17850"), customer_of(b"__pos")
    (b'17850', None)
    """
    return field[len(_CUSTOMER) :] if field.startswith(_CUSTOMER) else None


def source_field(place: bytes) -> bytes:
    """Return the field of a source mark: the highest offset seen of that source partition.

    >>> source_field(b"customer.purchase.v1#1/0")
    b'__src/customer.purchase.v1#1/0'
    """
    return _SOURCE + place


def era_field(slot: int) -> bytes:
    """Return the field that holds one of the eras in force; slots are used again.

    >>> era_field(7)
    b'__book/7'
    """
    return b"%b/%d" % (BOOK, slot)

"""The errors of what touches the world.

    TierstreamError
    └── StreamError
        ├── Doubt           our view of a partition may be wrong: drop everything, take over again
        │   ├── Fenced      somebody newer owns it
        │   └── Unavailable a call failed or timed out; its outcome is unknown
        ├── Rejected        the log refused this batch, and would refuse it again
        └── Halt            a named condition that a person has to resolve; the partition stops

Time-outs live in the adapters (`log/kafka.py`, `store/redis.py`), which turn every library's error
into one of these, so that the protocol knows no library.
"""

from __future__ import annotations

from models.errors import TierstreamError


class StreamError(TierstreamError):
    """Base of the errors of the streams package."""


class Doubt(StreamError):
    """What we hold of a partition may not be true any more; take it over again."""


class Fenced(Doubt):
    """A newer owner exists: our writes are refused from here on."""


class Unavailable(Doubt):
    """A call failed or timed out: it may or may not have had its effect."""


class Rejected(StreamError):
    """The log refused a write that it would refuse again, such as a record above its limit."""


class Halt(StreamError):
    """Going on would be wrong; the message says what a person has to do."""

"""One at a time: set-up steps that several runs in one checkout must not do together."""

import contextlib
import fcntl
from collections.abc import Iterator

from deploy.local.paths import LOCAL


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock `name` for the block, waiting for whoever has it.

    The kernel releases it when its holder ends, however that happens.
    """
    LOCAL.mkdir(parents=True, exist_ok=True)
    with (LOCAL / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

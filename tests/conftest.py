"""What all tests share: how Hypothesis searches, and how a run is broken off."""

import signal

from hypothesis import settings

# No time limit per example: on a busy machine a slow one says nothing about the law it tests.
settings.register_profile("tierstream", deadline=None)
settings.load_profile("tierstream")


def pytest_configure() -> None:
    """Treat SIGTERM like Ctrl-C: fixtures and `with` blocks still stop the services they own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

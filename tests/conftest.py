"""What all tests share: how Hypothesis searches, threads, and how a run is broken off."""

import os
import signal

from hypothesis import HealthCheck, settings

# No time limits: on a busy machine slowness says nothing about the law that is tested.
settings.register_profile("tierstream", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tierstream")

# As the command line does: `streams.settings.calculate_in_one_thread` says why.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Treat SIGTERM like Ctrl-C: fixtures and `with` blocks still stop the services they own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

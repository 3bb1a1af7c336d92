"""What all tests share: how Hypothesis searches, threads, and how a run is broken off."""

import os
import signal

from hypothesis import HealthCheck, settings

# No time limits: on a busy machine slowness says nothing about the law that is tested.
_PROFILE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", _PROFILE, max_examples=30)
settings.register_profile("long", _PROFILE, max_examples=100)  # `dev.py test` asks for it
settings.load_profile("fast")

# As the command line does: `streams.settings.calculate_in_one_thread` says why.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Treat SIGTERM like Ctrl-C: fixtures and `with` blocks still stop the services they own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

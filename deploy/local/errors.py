"""What can go wrong while services are started. Each error says what to do next.

LocalError
├── MissingTool        a program that the machine lacks: Java, Maven, the Valkey wheel
├── SetupFailed        a set-up step ended with an error: pip, Maven, formatting the log folder
└── ServiceFailed      a service did not start, or ended by itself
"""


class LocalError(Exception):
    """A problem on this machine, with the advice that gets a newcomer past it."""

    def __init__(self, problem: str, advice: str) -> None:
        """Keep both sentences; `str()` shows the problem and, on its own line, the advice."""
        super().__init__(f"{problem}\n  → {advice}")
        self.problem = problem
        self.advice = advice


class MissingTool(LocalError):
    """A program is not installed."""


class SetupFailed(LocalError):
    """A set-up step failed; the problem quotes the end of its output."""


class ServiceFailed(LocalError):
    """A service did not come up in time, or died."""

"""What the process writes about itself: one line an event, as text for people or JSON for machines.

Libraries log through the standard library and come out the same way. aiokafka repeats itself in a
tight loop while a broker is away, so each of its messages is let through a few times a period and
then counted.
"""

from __future__ import annotations

import logging
import sys

import structlog

from streams.clock import Clock
from streams.settings import Log

REPEATS_MAX = 3
PERIOD_S = 10.0
_MESSAGES_MAX = 500
_QUIET = {
    "aiokafka": logging.WARNING,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    "mode.timers": logging.ERROR,  # a commit that waits for the broker is no news
}


class RateLimit(logging.Filter):
    """Lets each message of a logger through `REPEATS_MAX` times in `PERIOD_S` seconds.

    The first one of the next period says how many were left out. Messages are told apart by their
    template, so that changing arguments do not make them new.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._since = clock.monotonic()
        self._seen: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write the record."""
        now = self._clock.monotonic()
        if now - self._since >= PERIOD_S:
            self._left_out = {
                template: seen - REPEATS_MAX
                for template, seen in self._seen.items()
                if seen > REPEATS_MAX
            }
            self._since, self._seen = now, {}
        template = str(record.msg)[:200]
        if template not in self._seen and len(self._seen) >= _MESSAGES_MAX:
            return False
        self._seen[template] = self._seen.get(template, 0) + 1
        if left_out := self._left_out.pop(template, 0):
            record.msg = f"{record.msg} (and {left_out} more like it)"
        return self._seen[template] <= REPEATS_MAX


def configure(settings: Log, clock: Clock) -> None:
    """Set up logging for the process: to standard error, in the format asked for."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.format == "json"
        # Without the values of variables, which could be credentials.
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_OnlyOf("aiokafka", RateLimit(clock)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))


class _OnlyOf(logging.Filter):
    """Applies a filter to one library's loggers. A filter on a logger would miss its children."""

    def __init__(self, library: str, inner: logging.Filter) -> None:
        super().__init__(library)
        self._inner = inner

    def filter(self, record: logging.LogRecord) -> bool:
        return not super().filter(record) or bool(self._inner.filter(record))

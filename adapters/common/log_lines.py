"""Log lines that stay few: of what happens again and again, and of libraries."""

import logging

from bot.clock import Clock


class Repeated:
    """Logs the first occurrence at once, and then one line in `seconds` at most, which says how
    many were not logged since the last."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._last: float | None = None
        self._silent = 0

    def warn(self, logger: logging.Logger, line: str) -> None:
        """One more occurrence, which `line` explains."""
        now = self._clock.monotonic()
        if self._last is not None and now - self._last < self._seconds:
            self._silent += 1
            return
        more = f" ({self._silent} more since the last such line)" if self._silent else ""
        self._last, self._silent = now, 0
        logger.warning("%s%s", line, more)

    def reset(self) -> bool:
        """It is over: the next occurrence is logged at once. False where nothing had occurred."""
        occurred = self._last is not None
        self._last, self._silent = None, 0
        return occurred


def library_logger(name: str) -> logging.Logger:
    """A logger for a library that logs tracebacks of what a peer did wrong: WARNING and above, one
    line each."""
    log = logging.getLogger(name)
    log.setLevel(logging.WARNING)
    if not log.filters:
        log.addFilter(_NoTraceback())
    return log


class _NoTraceback(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True

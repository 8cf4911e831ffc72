"""The last warnings and errors of the log, for the operator's page."""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.logs import PACKAGES, Redacting

KEPT = 50
LONGEST = 500
"""Characters of a message."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the log."""

    at: datetime
    level: str
    """ "warning" or "error"."""
    place: str
    """The logger's name."""
    message: str
    """Without secrets, and without a traceback."""


class Problems(logging.Handler):
    """Keeps the newest records from WARNING up, of Parley's own loggers."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(logging.WARNING)
        self._newest: deque[Problem] = deque(maxlen=KEPT)
        self._line = Redacting(secrets, "%(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        bare = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        message = self._line.format(bare)[:LONGEST]
        level = "warning" if record.levelno < logging.ERROR else "error"
        at = datetime.fromtimestamp(record.created, UTC)
        self._newest.append(Problem(at, level, record.name, message))

    @property
    def newest(self) -> list[Problem]:
        """The newest first."""
        return list(reversed(self._newest))

    def listen(self) -> None:
        """Keep what is logged from now on."""
        for name in PACKAGES:
            logging.getLogger(name).addHandler(self)

    def close(self) -> None:
        """Keep nothing more."""
        for name in PACKAGES:
            logging.getLogger(name).removeHandler(self)
        super().close()

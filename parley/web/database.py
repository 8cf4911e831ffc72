"""Whether the database can be written, and its size; asked for in the background, so that a locked
database delays no page."""

import asyncio
import logging
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import StorageError
from bot.ports import Condition

logger = logging.getLogger(__name__)

FRESH = 5.0
"""Seconds for which a result is used again."""
PATIENCE = 2.0
"""Seconds that `look` waits for an answer."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What is known of the database."""

    writable: bool
    detail: str = ""
    """Why it is not writable, without the error's own text, which may name paths."""
    size: int | None = None
    """Bytes, as last found; None while that is not known."""


class DatabaseWatch:
    """Looks at a database, no more than once in `FRESH` seconds and once at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = DatabaseState(False, "not looked at yet")
        self._looked_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def latest(self) -> DatabaseState:
        """The newest state that is known."""
        return self._state

    async def look(self, database: Condition) -> DatabaseState:
        """The state of `database`. Waits `PATIENCE` seconds at most; then it is not writable."""
        now = self._clock.monotonic()
        fresh = self._looked_at is not None and now - self._looked_at < FRESH
        if self._task is None and not fresh:
            self._task = asyncio.create_task(self._look(database), name="state of the database")
        if self._task is not None:
            _, waiting = await asyncio.wait([self._task], timeout=PATIENCE)
            if waiting:
                detail = f"no answer within {PATIENCE:g} s"
                self._state = DatabaseState(False, detail, self._state.size)
        return self._state

    async def _look(self, database: Condition) -> None:
        try:
            size = await database.size()
            await database.check_writable()
        except StorageError as error:
            logger.warning("the database cannot be written: %s", error)
            self._state = DatabaseState(False, "it fails; the log says why", self._state.size)
        except Exception:
            logger.exception("the database's state is not known, by a defect of Parley")
            self._state = DatabaseState(False, "it fails; the log says why", self._state.size)
        else:
            self._state = DatabaseState(True, "", size)
        finally:
            self._looked_at = self._clock.monotonic()
            self._task = None

    async def aclose(self) -> None:
        """End what is being looked at."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

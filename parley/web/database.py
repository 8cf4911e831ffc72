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
GLANCE = 0.25
"""Seconds that `glance` waits for one."""


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
        self._state: DatabaseState | None = None
        self._looked_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._told = False
        """Whether the log says already that it fails."""

    @property
    def latest(self) -> DatabaseState | None:
        """The newest state that is known; None where none is."""
        return self._state

    async def look(self, database: Condition) -> DatabaseState:
        """The state of `database`. Waits `PATIENCE` seconds at most; then it is not writable."""
        if not await self._refreshed(database, PATIENCE):
            self._fails(f"no answer within {PATIENCE:g} s")
        assert self._state is not None
        return self._state

    async def glance(self, database: Condition) -> DatabaseState | None:
        """The newest state that is known, after `GLANCE` seconds at most; None where none is."""
        await self._refreshed(database, GLANCE)
        return self.latest

    async def _refreshed(self, database: Condition, patience: float) -> bool:
        """Look again where that is due; whether the state is that of now."""
        now = self._clock.monotonic()
        fresh = self._looked_at is not None and now - self._looked_at < FRESH
        if self._task is None and not fresh:
            self._task = asyncio.create_task(self._look(database), name="state of the database")
        if self._task is None:
            return True
        _, waiting = await asyncio.wait([self._task], timeout=patience)
        return not waiting

    async def _look(self, database: Condition) -> None:
        try:
            size = await database.size()
            await database.check_writable()
        except StorageError as error:
            if not self._told:
                logger.warning("the database cannot be written: %s", error)
            self._told = True
            self._fails("it fails; the log says why")
        except Exception:
            logger.exception("the database's state is not known, by a defect of Parley")
            self._fails("it fails; the log says why")
        else:
            self._state = DatabaseState(True, "", size)
            if self._told:
                logger.info("the database can be written again")
            self._told = False
        finally:
            self._looked_at = self._clock.monotonic()
            self._task = None

    def _fails(self, detail: str) -> None:
        size = self._state.size if self._state is not None else None
        self._state = DatabaseState(False, detail, size)

    async def aclose(self) -> None:
        """End what is being looked at."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

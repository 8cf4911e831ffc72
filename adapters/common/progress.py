"""Up to which moment a platform's messages were handled, recorded for the next connection."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bot.errors import StorageError
from bot.ports import Missed

logger = logging.getLogger(__name__)

BEFORE = timedelta(microseconds=1)


class Progress:
    """A low-water mark: every message up to it was handled, even where a newer one was handled
    before an older one. Moments are by the platform's clock. For one platform and one event loop.

    It is created paused: nothing is recorded until `resume`, so that what was missed before the
    first event is still found after a crash.
    """

    def __init__(self, store: Missed) -> None:
        self._store = store
        self._handling: list[datetime] = []
        self._newest: datetime | None = None
        self._saved: datetime | None = None
        self._paused = True
        self._saving = False

    def pause(self) -> datetime | None:
        """Record nothing until `resume`. Returns the mark as it stands; None where nothing was
        handled yet."""
        self._paused = True
        return self._mark()

    async def resume(self, platform: str) -> None:
        """Record the mark now and after each message. Raises nothing."""
        self._paused = False
        await self._save(platform)

    @asynccontextmanager
    async def handling(self, platform: str, at: datetime | None) -> AsyncIterator[None]:
        """Handle the message of the moment `at` while the body runs; None is not counted. Where the
        body raises or is cancelled, the message counts as not handled."""
        if at is None:
            yield
            return
        self._handling.append(at)
        yield
        self._handling.remove(at)
        self._newest = max(at, self._newest or at)
        await self._save(platform)

    def _mark(self) -> datetime | None:
        if self._newest is None or not self._handling:
            return self._newest
        return min(self._newest, min(self._handling) - BEFORE)

    async def _save(self, platform: str) -> None:
        """Save the mark; a save that is under way includes what comes meanwhile."""
        if self._saving:
            return
        self._saving = True
        try:
            while not self._paused and (mark := self._mark()) not in (None, self._saved):
                assert mark is not None
                await self._store.record_handled(platform, mark)
                self._saved = mark
        except StorageError as error:
            logger.warning("%s: how far messages were handled is not saved: %s", platform, error)
        finally:
            self._saving = False

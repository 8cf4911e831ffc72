"""Overwrites what is left of deleted rows, in the background, while others read and write.

Requests that wait share the next pass (`storage.gaps`). Each of its chunks is one turn in the
writer's queue, so that questions and answers that are to be stored wait for one chunk at most.
"""

import asyncio
import contextlib
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bot.errors import StorageError
from storage.errors import Location
from storage.gaps import Busy, DatabaseFile, ScrubPass, TrackLost, UnknownFormat, scrub_pending
from storage.transactions import uninterrupted

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE = 5.0
"""Seconds without progress after which a pass is given up for `RETRY`, and nobody waits for it."""
RETRY = 30.0
"""Seconds until a pass that was given up is begun again."""
RESUME_AFTER = 10.0
"""Seconds after the start until an interrupted pass is made again. Short commands end earlier."""


class Turn(Protocol):
    """Runs blocking work in a thread while no operation of this process writes."""

    def __call__(self, work: Callable[[], Result], /) -> Coroutine[Any, Any, Result]: ...


class Scrubber:
    """Makes one pass at a time, in the background. Requests that wait share the next pass."""

    def __init__(self, file: Path, location: Location, turn: Turn) -> None:
        self._path = file
        self._location = location
        self._turn = turn
        self._waiting: list[asyncio.Future[None]] = []
        """Wait for a pass that begins from now on."""
        self._served: list[asyncio.Future[None]] = []
        """Wait for the pass that runs."""
        self._running = False
        self._closed = False
        self._wake = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests in the context. At its end, a pass stops after its chunk."""
        serving = asyncio.create_task(self._serve(), name="storage-scrubber")
        try:
            yield
        finally:
            self._closed = True
            serving.cancel()
            await asyncio.wait([serving])
            self._release(self._served)
            self._release(self._waiting)

    async def scrub(self, *, deleted: bool) -> None:
        """Return when a pass is complete that began after this call; with ``deleted=False``, the
        one that runs is enough. Returns early, and the pass remains pending, where another program
        prevents it for `PATIENCE` (which is logged), or at shutdown. Raises StorageError."""
        if self._closed:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._served if self._running and not deleted else self._waiting).append(done)
        self._wake.set()
        await done

    async def pending(self) -> bool:
        """Whether something deleted was not followed by a complete pass. Raises StorageError."""
        return await uninterrupted(self._turn(lambda: scrub_pending(self._path)))

    async def truncate_log(self) -> None:
        """Remove deleted content from the write-ahead log. Where another program prevents it for
        `PATIENCE`, that is logged. Raises StorageError."""

        def work() -> None:
            with contextlib.closing(DatabaseFile(self._path)) as opened:
                opened.truncate_log()

        try:
            await self._patiently(work)
        except Busy:
            self._warn()

    async def _serve(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESUME_AFTER):
                await self._wake.wait()
        while True:
            self._wake.clear()
            complete = True
            try:
                with self._location.translated_errors():
                    if self._waiting or await self.pending():
                        complete = await self._pass()
            except Exception as exc:
                self._failed(exc)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if complete else RETRY):
                    await self._wake.wait()

    async def _pass(self) -> bool:
        """Make a pass, from its start again as often as its track is lost. False where it was given
        up because another program prevents it."""
        self._running = True
        try:
            for attempt in itertools.count():
                self._served += self._waiting
                self._waiting = []
                try:
                    try:
                        await self._chunks()
                    except UnknownFormat:
                        await self._patiently(self._vacuum)
                    self._release(self._served)
                    return True
                except TrackLost:
                    # The other process may be scrubbing, too: by chance one of them ends first.
                    await asyncio.sleep(random.uniform(0, min(0.05 * 2**attempt, 5.0)))
                except Busy:
                    self._warn()
                    self._release(self._served)
                    self._release(self._waiting)
                    return False
        finally:
            self._running = False
        raise AssertionError("unreachable")

    async def _chunks(self) -> None:
        started = time.monotonic()
        scrub = await uninterrupted(asyncio.to_thread(ScrubPass, self._path))
        try:
            last = False
            while not last:
                before = time.monotonic()
                last = await self._patiently(scrub.turn)
                taken = time.monotonic() - before
                await uninterrupted(asyncio.to_thread(scrub.prepare))
                await asyncio.sleep(0 if last else taken)  # leave half of the time to others
            await self._patiently(scrub.finish)
        finally:
            await uninterrupted(asyncio.to_thread(scrub.close))
        seconds = time.monotonic() - started
        logger.info(
            "%s: overwrote what was left of deleted text (in %d pages, %.1f s)",
            self._location.name,
            scrub.zeroed,
            seconds,
        )

    def _vacuum(self) -> None:
        with contextlib.closing(DatabaseFile(self._path)) as opened:
            opened.vacuum()

    async def _patiently(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a turn, again while it is Busy; raises Busy after `PATIENCE`. Work that has
        begun is completed where this is cancelled."""
        until, delay = time.monotonic() + PATIENCE, 0.01
        while True:
            try:
                return await uninterrupted(self._turn(work))
            except Busy:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(delay)
            delay = min(2 * delay, 0.5)

    def _warn(self) -> None:
        logger.warning(
            "%s: another program is reading the database. Deleted text is no longer in it, but "
            "copies remain in its files until that program has ended; Parley tries again then",
            self._location.name,
        )

    def _release(self, waiting: list[asyncio.Future[None]]) -> None:
        for done in waiting:
            if not done.done():
                done.set_result(None)
        waiting.clear()

    def _failed(self, exc: Exception) -> None:
        waiting = [*self._served, *self._waiting]
        self._served, self._waiting = [], []
        error = exc
        if not isinstance(exc, StorageError):
            logger.error("overwriting deleted text failed", exc_info=exc)
            error = StorageError(
                f"deleted text in {self._location.name} could not be overwritten; see the log"
            )
        elif not waiting:
            logger.error("deleted text could not be overwritten: %s", exc)
        for done in waiting:
            if not done.done():
                done.set_exception(error)

"""Clears the messages of deleted questions: removes their buttons, or deletes the messages."""

import contextlib
import logging
from collections.abc import Sequence

from bot.clock import Clock
from bot.engine.job import Job
from bot.errors import MessageGone, StorageError, SurfaceBusy, SurfaceError
from bot.messages import Person, Question
from bot.ports import AnswerState, Leftover, QuestionEdits, StoredAnswer, Surface, SurfaceFinder

logger = logging.getLogger(__name__)

RETRIES = 5
"""Attempts to clear a message while the platform asks to wait; then it is left for the next
start."""


class Cleanup:
    """Clears leftovers. Raises nothing: what cannot be done now is recorded or logged."""

    def __init__(self, store: QuestionEdits, clock: Clock, *, delete_messages: bool) -> None:
        """`delete_messages`: delete them, instead of removing their buttons."""
        self._store = store
        self._clock = clock
        self._delete_messages = delete_messages

    async def after(self, answer: StoredAnswer, job: Job | None, find: SurfaceFinder) -> None:
        """Clear the messages of an answer whose question was deleted, those included that were on
        their way."""
        try:
            messages, readable = answer.messages, bool(answer.text.strip())
            if job is not None:
                await job.ended()
                messages, readable = job.messages, job.text_shown  # the text may not be shown yet
            remove = self._delete_messages or not readable
            place = answer.question.shown_at
            leftovers = [Leftover(place, message, remove) for message in messages]
            await self._leave(leftovers)
            surface = await find(answer)
            await self._clear(leftovers, surface)
            if surface is not None and not messages:
                await surface.leave()
        except SurfaceError as error:
            logger.info("a status of a deleted question may stay: %s", error)
        except StorageError as error:
            logger.error("what is left of a deleted question stays for now: %s", error)
        except Exception:  # whatever a driver raises: answers go on
            logger.exception("what is left of a deleted question stays for now")

    async def _leave(self, leftovers: Sequence[Leftover]) -> None:
        """Record them for the next start, as far as the database can: they are cleared now all the
        same."""
        try:
            for leftover in leftovers:
                await self._store.leave(leftover)
        except Exception as error:
            logger.warning("messages of a deleted question are not recorded: %s", error)

    async def _clear(self, leftovers: Sequence[Leftover], surface: Surface | None) -> None:
        """Remove these messages, or their buttons. What the platform refuses, or has no time for,
        is left for the next start: a place may be closed to the bot for a while. Raises
        StorageError."""
        for leftover in leftovers:
            try:
                if surface is not None:
                    await self._patiently(leftover, surface)
            except SurfaceBusy as busy:
                logger.info("%s: a message is cleared later: %s", leftover.conversation, busy)
                continue
            except SurfaceError as error:
                logger.warning(
                    "%s: a message stays until the next start: %s", leftover.conversation, error
                )
                continue
            await self._store.cleared(leftover)

    async def _patiently(self, leftover: Leftover, surface: Surface) -> None:
        for _ in range(RETRIES):
            try:
                return await self._remove(leftover, surface)
            except SurfaceBusy as busy:
                await self._clock.sleep(busy.retry_after)
        return await self._remove(leftover, surface)

    @staticmethod
    async def _remove(leftover: Leftover, surface: Surface) -> None:
        with contextlib.suppress(MessageGone):
            if leftover.remove:
                await surface.remove(leftover.message)
            else:
                await surface.retire(leftover.message)

    async def leftovers(self, platform: str, find: SurfaceFinder) -> None:
        """Clear what an earlier run left on this platform."""
        try:
            for leftover in await self._store.leftovers(platform):
                nobody = Person(platform, "", "")
                question = Question(leftover.conversation, nobody, "", "")
                unknown = StoredAnswer(0, 0, question, AnswerState.DONE, "")
                await self._clear([leftover], await find(unknown))
        except StorageError as error:
            logger.error("what is left of deleted questions stays for now: %s", error)
        except Exception:  # whatever a driver raises: answers go on
            logger.exception("what is left of deleted questions stays for now")

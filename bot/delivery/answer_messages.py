"""The messages that show one answer, and the calls that update them.

For each message, its content is tracked where it is certain. It is unknown after a call that failed
(which may have taken effect), after a post that may have been a repetition (a platform that
deduplicates by the part's key then returns the first message, with that one's content), and for
messages of an earlier run. A message of unknown content is edited once more.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bot.delivery.rendering import PLACEHOLDER, Pages
from bot.errors import MessageGone, StorageError, SurfaceBusy, SurfaceError
from bot.ports import AnswerLedger, AnswerState, Part, StoredAnswer, Surface

logger = logging.getLogger(__name__)

FILE_NAME = "answer.md"


@dataclass(frozen=True, slots=True)
class Step:
    """A call to the surface that is to be made."""

    call: Callable[[], Awaitable[None]]
    first: bool = False
    """Whether it shows a new message, or the first text of one, which has priority over edits."""
    post: bool = False
    """Whether it posts a new message; the least interval between edits does not apply to it."""
    newest: bool = False
    """Whether it shows the newest text, so that the reader's lag is zero after it."""


@dataclass(slots=True)
class Message:
    """The message of one part."""

    ref: str = ""
    """The surface's reference; "" while it is not posted."""
    shown: Part | None = None
    """Its content, or None where that is uncertain."""
    ours: bool = False
    """Whether it was posted or edited since this object was created."""
    doubtful: bool = False
    """Whether a post was attempted and its outcome is unknown."""


class AnswerMessages:
    """The messages of one answer on one surface. Not concurrent: `next` and the calls alternate."""

    def __init__(
        self,
        answer: StoredAnswer,
        surface: Surface,
        ledger: AnswerLedger,
        pages: Pages,
        max_messages: int,
    ) -> None:
        self._answer_id = answer.id
        self._surface = surface
        self._ledger = ledger
        self._pages = pages
        self._max_messages = max_messages
        # A crash while references moved up by one leaves duplicates; "" is a removed message.
        self._messages = [Message(ref) for ref in dict.fromkeys(answer.messages) if ref]
        self._fresh = answer.state is AnswerState.QUEUED and not (answer.text or answer.messages)
        self._settled = 0  # parts before this are shown and final
        self._text_shown = False
        self._attached = False
        self._unrecorded: dict[int, str] = {}
        self._settle_known()

    def _settle_known(self) -> None:
        """Skip messages of an earlier run that need no edit: a message was final before the next
        one was posted, and splitting is deterministic."""
        self._pages.update(0.0)
        while self._settled + 1 < len(self._messages) and self._pages.closed(self._settled):
            self._settled += 1

    def next(self, *, ending: bool) -> Step | None:
        """The next call that is needed to show `pages`, or None where the messages agree with it.
        With `ending`, superfluous messages are removed and a long answer is attached as a file."""
        for index in range(self._settled, self._pages.count):
            message, part = self._message(index), self._pages.part(index)
            if not message.ref:
                return Step(partial(self._send, index), True, True, part.last)
            if message.shown != part:
                first = not self._text_shown and part.text != PLACEHOLDER
                return Step(partial(self._edit, index), first, False, part.last)
            if self._pages.closed(index):
                self._settled = index + 1
        return self._last_step() if ending else None

    def _last_step(self) -> Step | None:
        """What is left to do once the whole text is shown."""
        for index in range(len(self._messages) - 1, self._pages.count - 1, -1):
            if self._messages[index].ref:
                return Step(partial(self._remove, index))
        if self._pages.count > self._max_messages and not self._attached:
            return Step(self._attach)
        return None

    def _message(self, index: int) -> Message:
        while len(self._messages) <= index:
            self._messages.append(Message())
        return self._messages[index]

    # ---------------------------------------------------------------- calls

    async def _send(self, index: int) -> None:
        message, part = self._messages[index], self._pages.part(index)
        # An answer may look fresh although a message was posted, where a crash came before it was
        # recorded. Then the content is uncertain; it is trusted only if a later edit corrects it.
        more_follows = index > 0 or part.state in (AnswerState.QUEUED, AnswerState.WRITING)
        certain = self._fresh and not message.doubtful and more_follows
        message.doubtful = True
        message.ref = await self._surface.send(part)
        message.shown, message.ours = part if certain else None, True
        self._text_shown = part.text != PLACEHOLDER
        await self._record(index)

    async def _edit(self, index: int) -> None:
        message, part = self._messages[index], self._pages.part(index)
        message.shown = None
        try:
            await self._surface.edit(message.ref, part)
        except MessageGone:
            await self._miss(index)
            return
        message.shown, message.ours = part, True
        self._text_shown = part.text != PLACEHOLDER
        await self._record()

    async def _miss(self, index: int) -> None:
        """The message to edit no longer exists.

        Raises MessageGone where that means that the answer is unwanted: the message was deleted
        while it showed the answer, or it was the only one. A message of an earlier run that was
        one of several is dropped: the ones after it move up, and missing ones are posted anew.
        """
        message = self._messages[index]
        if message.ours or len(self._messages) == 1:
            raise MessageGone(f"message {message.ref} was deleted while it showed the answer")
        del self._messages[index]
        for later in range(index, len(self._messages)):
            self._unrecorded[later] = self._messages[later].ref
        self._unrecorded[len(self._messages)] = ""
        await self._record()

    async def _remove(self, index: int) -> None:
        try:
            await self._surface.remove(self._messages[index].ref)
        except (SurfaceBusy, MessageGone):
            raise
        except SurfaceError as error:
            logger.warning("a superfluous message could not be deleted: %s", error)
        del self._messages[index:]
        self._unrecorded[index] = ""
        await self._record()

    async def _attach(self) -> None:
        try:
            await self._surface.attach(FILE_NAME, self._pages.text)
        except SurfaceBusy:
            raise
        except SurfaceError as error:
            logger.warning("the answer could not be posted as a file: %s", error)
        self._attached = True

    # ---------------------------------------------------------------- the ledger

    async def _record(self, index: int | None = None) -> None:
        """Record in the ledger which message shows the part, and whatever failed to be recorded
        before.

        A ledger that fails does not stop the answer: it is logged and retried with the next call.
        Only a restart meanwhile would post messages anew."""
        if index is not None:
            self._unrecorded[index] = self._messages[index].ref
        for part, ref in sorted(self._unrecorded.items()):
            try:
                await self._ledger.shown(self._answer_id, part, ref)
            except StorageError as error:
                logger.error("the message of part %d could not be recorded: %s", part, error)
                return
            del self._unrecorded[part]

"""The messages that show one answer, and the calls that bring them nearer to it.

What is known to be shown is kept for each message. It is unknown after a call that failed (it may
have taken effect all the same), after a post that may have been the second of its kind (a platform
that knows the part's key gives the first message then, with what that shows), and for messages
that were there before; then the message is edited once more.
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
    """A call to make."""

    call: Callable[[], Awaitable[None]]
    first: bool = False
    """Something new begins to be seen: a message, or an answer's first text."""
    post: bool = False
    """It is a message of its own, to which the distance of edits does not apply."""
    newest: bool = False
    """It shows the newest text."""


@dataclass(slots=True)
class Message:
    """A message of the answer."""

    ref: str = ""
    """The platform's reference; "" while it is not posted."""
    shown: Part | None = None
    """What it shows, where that is certain."""
    ours: bool = False
    """It was posted or edited since the answer was opened."""
    doubtful: bool = False
    """It may have been posted without our knowledge."""


class AnswerMessages:
    """The messages of one answer on one surface."""

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
        # A reference twice is what a crash leaves while messages move up; "" is one removed.
        self._messages = [Message(ref) for ref in dict.fromkeys(answer.messages) if ref]
        self._fresh = answer.state is AnswerState.QUEUED and not (answer.text or answer.messages)
        self._settled = 0  # parts before this one are shown and will not change
        self._text_shown = False
        self._attached = False
        self._unrecorded: dict[int, str] = {}
        self._trust()

    def _trust(self) -> None:
        """A message that has a successor showed its part to the end before that was posted. The
        parts of a text are the same every time, so those need no second look."""
        self._pages.update(0.0)
        while self._settled + 1 < len(self._messages) and self._pages.closed(self._settled):
            self._settled += 1

    def next(self, *, ending: bool) -> Step | None:
        """The next call that brings the messages nearer to `pages`, or None where they agree."""
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
        """What is left to do when all of the text is shown."""
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
        # An answer may be fresh only because a crash came before its first message was recorded;
        # if more calls follow, they set right what that message shows.
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
        """The message is gone. Raises MessageGone where that is somebody's wish not to read on.

        A message from before, which a person or an earlier end of the answer has removed, is
        replaced by the ones after it, or by a new one where it was not the only one.
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
            logger.warning("a message that is not needed any more stays: %s", error)
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
        """Let the ledger know which message shows the part, and what it could not be told before.

        An answer goes on without its ledger: it is shown, and only a restart would post anew."""
        if index is not None:
            self._unrecorded[index] = self._messages[index].ref
        for part, ref in sorted(self._unrecorded.items()):
            try:
                await self._ledger.shown(self._answer_id, part, ref)
            except StorageError as error:
                logger.error("the message of part %d was not recorded: %s", part, error)
                return
            del self._unrecorded[part]

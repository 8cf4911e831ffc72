"""The messages that show one answer, and the calls that update them.

For each message, its content is tracked where it is certain. It is unknown after a call that failed
(which may have taken effect), after a post that may have been a repetition (a platform that
deduplicates by the part's key then returns the first message, with that one's content), and for
messages of an earlier run. A message of unknown content is edited once more.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from bot.delivery.records import Records
from bot.delivery.rendering import PLACEHOLDER, Pages, is_thinking_note
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.ports import AnswerLedger, AnswerState, Form, Part, StoredAnswer, Surface

logger = logging.getLogger(__name__)

FILE_NAME = "answer.md"

RETRIES = 2
"""How often a call that a platform refuses is repeated before its message takes a simpler form: a
proxy's error page, or a hiccup, says nothing of the message."""
RETRY_SECONDS = 1.0
"""Before the first of these retries; doubled after each."""
HELD_POSTS = 5
"""How often a post waits for a ledger that does not know the messages before it, with the same
seconds as these retries: 31 in all, longer than other writers usually hold SQLite's lock."""


Save = Callable[[], Awaitable[bool]]
"""Saves the text so far in the ledger. Returns whether that was possible; raises nothing."""


class Refused(SurfaceError):
    """A call was refused; the next attempt is to be made after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Step:
    """A call to the surface that is to be made."""

    call: Callable[[], Awaitable[None]]
    first: bool = False
    """Whether it shows a new message, or the first text of one, which has priority over edits."""
    post: bool = False
    """Whether it posts a new message; the least interval between edits does not apply to it."""
    spare: bool = False
    """Whether it only shows for how long the model has been thinking."""
    newest: bool = False
    """Whether it shows the newest text, so that the reader's lag is zero after it."""


@dataclass(slots=True)
class Message:
    """The message of one part."""

    ref: str = ""
    """The surface's reference; "" while it is not posted."""
    shown: Part | None = None
    """Its content, or None where that is uncertain; without `ref`, what the surface shows beside
    messages."""
    ours: bool = False
    """Whether it was posted or edited since this object was created."""
    doubtful: bool = False
    """Whether a post was attempted and its outcome is unknown."""
    attempt: int = 0
    """`Part.attempt`."""
    before: str = ""
    """The message that could not be edited any more, and in whose place this one is posted."""

    @property
    def unknown(self) -> bool:
        """Whether it may have been posted, with a reference that is unknown."""
        return self.doubtful and not self.ref


class AnswerMessages:
    """The messages of one answer on one surface. Not concurrent: `next` and the calls alternate."""

    def __init__(
        self,
        answer: StoredAnswer,
        surface: Surface,
        ledger: AnswerLedger,
        pages: Pages,
        max_messages: int,
        tag: str = "",
        *,
        resumed: bool = False,
        unrecorded: bool = False,
        save: Save | None = None,
    ) -> None:
        """`tag`: `Part.tag`. `resumed`: an earlier run, which was interrupted, may have posted one
        message more than `answer` has. `unrecorded`: the ledger may not know those it has.
        `save`: saves the text in the ledger; see `SurfaceLimits.found_by_text`."""
        self._save = save
        self._maybe_posted = resumed
        self._stray = ""
        """A message that was found, of which the answer has no need, and is to be deleted."""
        self._frozen: list[str] = []
        """Messages that could not be edited any more, and have others in their places."""
        self._tag = tag
        self._answer_id = answer.id
        self._surface = surface
        self._pages = pages
        self._max_messages = max_messages
        # A crash while references moved up by one leaves duplicates; "" is a removed message.
        self._messages = [Message(ref) for ref in dict.fromkeys(answer.messages) if ref]
        self._fresh = answer.state is AnswerState.QUEUED and not (answer.text or answer.messages)
        self._form = Form.FULL
        self._refusals = 0  # consecutive, in this form
        self._held_posts = 0
        self._text_shown = False
        self._had_text = bool(answer.text.strip() and answer.messages)
        self._attached = False
        self.forgotten = False
        """Nothing is stored of the answer any more: what it has of messages shows its end without
        buttons; no further one is posted, and one that may have been posted is deleted."""
        self._records = Records(ledger, answer)
        if unrecorded:
            self._put_from(0)
        self._settled = self._known_to_be_settled(answer.settled)

    def _known_to_be_settled(self, recorded: int) -> int:
        """How many parts of an earlier run need no edit: those that the ledger knows to be final
        and whose text is saved to their end. Of others the text that is generated now may differ
        from what is shown. Splitting is deterministic."""
        self._pages.update(0.0)
        settled = 0
        most = min(recorded, len(self._messages))
        while settled < most and self._pages.closed(settled):
            settled += 1
        return settled

    @property
    def refs(self) -> tuple[str, ...]:
        """The surface's references of all messages that are known."""
        return tuple(message.ref for message in self._messages if message.ref)

    @property
    def text_shown(self) -> bool:
        """Whether the messages show some of the text, as far as is known: one of an earlier run
        may."""
        return self._text_shown or (self._had_text and not any(m.ours for m in self._messages))

    def part(self, index: int) -> Part:
        """What the message of this part should show now."""
        attempt = self._messages[index].attempt if index < len(self._messages) else 0
        part = self._pages.part(index, last=self.forgotten and index + 1 == len(self.refs))
        form = max(self._form, Form.NO_BUTTONS) if self.forgotten else self._form
        return replace(part, form=form, attempt=attempt, tag=self._tag)

    def next(self, *, ending: bool) -> Step | None:
        """The next call that is needed to show `pages`, or None where the messages agree with it.
        With `ending`, superfluous messages are removed and a long answer is attached as a file."""
        if self.forgotten:
            self._post_nothing()
        if self._frozen and not any(message.unknown for message in self._messages):
            return Step(self._remove_frozen)  # a removal changes how a lost post is asked for
        for index in range(self._settled, self._most):
            message, part = self._message(index), self.part(index)
            if not message.ref and not _same(message.shown, part):
                return Step(partial(self._post, index), True, True, newest=part.last)
            if message.ref and not _same(message.shown, part):
                first = not self._text_shown and part.text != PLACEHOLDER
                return Step(
                    partial(self._edit, index),
                    first,
                    spare=_only_seconds(message.shown, part),
                    newest=part.last,
                )
            if self._pages.closed(index):
                self._settled = index + 1
        return self._last_step() if ending else None

    @property
    def _most(self) -> int:
        """How many parts are to be shown in a message."""
        return min(self._pages.count, len(self.refs)) if self.forgotten else self._pages.count

    def _post_nothing(self) -> None:
        """Keep the messages that there are, and search for those that there may be."""
        self._settled = max(0, min(self._settled, len(self.refs) - 1))
        self._maybe_posted = self._maybe_posted or any(one.unknown for one in self._messages)
        self._frozen += [one.before for one in self._messages if one.before]
        self._messages = [message for message in self._messages if message.ref]

    def _last_step(self) -> Step | None:
        """What is left to do once the whole text is shown."""
        if len(self._messages) > max(self._pages.count, 1) and self._messages[-1].unknown:
            # The text began anew and is shorter now: what may have been posted is searched for.
            del self._messages[-1]
            self._maybe_posted = True
        if self._maybe_posted:
            return Step(self._remove_unrecorded)
        for index in range(len(self._messages) - 1, self._pages.count - 1, -1):
            if self._messages[index].ref:
                return Step(partial(self._remove, index))
        if self._most > self._max_messages and not self._attached:
            return Step(self._attach)
        return None

    def _message(self, index: int) -> Message:
        while len(self._messages) <= index:
            self._messages.append(Message())
        return self._messages[index]

    @property
    def unposted(self) -> bool:
        """Whether the surface shows the answer's state without a message."""
        return any(message.shown is not None and not message.ref for message in self._messages)

    def fade(self) -> None:
        """What is shown without a message is not to be seen any more, and to be shown again."""
        for message in self._messages:
            message.shown = message.shown if message.ref else None

    def restart(self) -> None:
        """The text begins anew: what is shown of it is replaced."""
        self._settled = 0

    # ---------------------------------------------------------------- calls

    async def _post(self, index: int) -> None:
        """Show a new message, once the ledger knows the ones before it: a crash leaves one at most
        that it does not know, the last, which has the buttons by which it is found. A ledger that
        fails for long does not stop the answer.

        Raises Refused where this is to be called again."""
        if not await self.record() and self._held_posts < HELD_POSTS:
            self._held_posts += 1
            wait = RETRY_SECONDS * 2.0 ** (self._held_posts - 1)
            raise Refused("the messages before it could not be recorded", wait)
        self._held_posts = 0
        await self._send(index)

    async def _send(self, index: int) -> None:
        saved = await self._saved(self.part(index))
        message, part = self._messages[index], self.part(index)
        # An answer may look fresh although a message was posted, where a crash came before it was
        # recorded. Then the content is uncertain; it is trusted only if a later edit corrects it.
        more_follows = index > 0 or part.state in (AnswerState.QUEUED, AnswerState.WRITING)
        first_attempt = self._fresh and not message.doubtful and not self._maybe_posted
        certain = first_attempt and more_follows
        message.doubtful = True
        await self._records.unsettle(self._settled)
        try:
            found = await self._posted_before(part) if self._maybe_posted else ""
            message.ref = found or await self._surface.send(replace(part, saved=saved))
        except SurfaceError as error:
            raise self._refused(index, error) from error
        self._refusals = 0
        self._maybe_posted = False
        if not message.ref:  # shown without a message
            message.shown, message.doubtful = part, False
            return
        message.shown, message.ours = part if certain else None, True
        if first_attempt:  # else it may be an earlier message, with that one's content
            self._text_shown = part.text != PLACEHOLDER
        self._records.put(index, message.ref)
        await self.record()
        if message.before:
            self._frozen.append(message.before)
            message.before = ""

    async def _saved(self, part: Part) -> bool:
        """Save the text that is about to be posted, where it is what the message is found by."""
        grows = part.state.open and part.text != PLACEHOLDER
        needed = grows and self._surface.limits.found_by_text
        return needed and self._save is not None and await self._save()

    async def _posted_before(self, part: Part) -> str:
        """The message that an earlier run posted for this part, or "". Where the history may not be
        read, the platform's own memory of the part's key, which is short, is left."""
        try:
            return await self._find(part)
        except (SurfaceBusy, MessageGone):
            raise
        except SurfaceError as error:
            logger.info("whether a message was posted before is unknown: %s", error)
            return ""

    async def _find(self, part: Part) -> str:
        """A message of this part that is not known yet, or ""."""
        before = (message.before for message in self._messages if message.before)
        return await self._surface.find(part, (*self.refs, *before, *self._frozen)) or ""

    async def _edit(self, index: int) -> None:
        message, part = self._messages[index], self.part(index)
        message.shown = None
        await self._records.unsettle(self._settled)
        try:
            await self._surface.edit(message.ref, part)
        except MessageGone:
            await self._miss(index)
            return
        except SurfaceError as error:
            raise self._refused(index, error) from error
        self._refusals = 0
        message.shown, message.ours = part, True
        self._text_shown = part.text != PLACEHOLDER
        await self.record()

    def _refused(self, index: int, error: SurfaceError) -> SurfaceError:
        """What to raise for a call that failed: `error` itself where it says what to do, or where
        nothing is left to try. Else the next attempt takes the next step down: the same once more,
        without buttons, the plain text, a new message in place of one that cannot be edited."""
        if isinstance(error, (SurfaceBusy, MessageGone)):
            return error
        self._refusals += 1
        if self._refusals > RETRIES:
            if self._form is Form.PLAIN and not self._replace(index):
                return error
            self._form = Form(min(self._form + 1, Form.PLAIN))
            self._refusals = 0
        logger.warning("a message is refused, trying again (%s): %s", self._form.name, error)
        return Refused(str(error), RETRY_SECONDS * 2.0**self._refusals)

    def _replace(self, index: int) -> bool:
        """Give up a message that cannot be edited, so that another one is posted; False where it is
        a new message that is refused. The old one stays, also in the ledger, until
        there is another one, and is deleted then: it may be the channel that refuses everything
        for a while."""
        message = self._messages[index]
        if not message.ref or message.attempt:
            return False
        self._messages[index] = Message(attempt=1, before=message.ref)
        return True

    @property
    def doubtful(self) -> bool:
        """Whether a message may have been posted whose reference is unknown."""
        return self._maybe_posted or any(message.unknown for message in self._messages)

    async def resolve_doubt(self) -> None:
        """Learn the reference of a message whose post was attempted with an unknown outcome, by
        repeating the attempt, which the platform answers with the first message. The same for the
        message that an earlier run may have posted. For the answer that takes over these messages.
        Raises Refused where this is to be called again, and SurfaceError."""
        if self._maybe_posted and len(self.refs) < max(self._pages.count, 1):
            self._message(len(self.refs)).doubtful = True
        elif self._maybe_posted:
            await self._remove_unrecorded()
        for index, message in enumerate(self._messages):
            if message.unknown:
                await self._send(index)
        while self._frozen:
            await self._remove_frozen()

    async def _miss(self, index: int) -> None:
        """The message to edit no longer exists.

        Raises MessageGone where that means that the answer is unwanted: the message was deleted
        while it showed the answer, or it was the only one; and SurfaceBusy or Refused where this is
        to be called again. A message of an earlier run that was one of several is dropped: the ones
        after it move up, and missing ones are posted anew.
        """
        message = self._messages[index]
        if message.ours or len(self._messages) == 1:
            await self._remove_unrecorded()
            raise MessageGone(f"message {message.ref} was deleted while it showed the answer")
        del self._messages[index]
        self._put_from(index)
        self._records.put(len(self._messages), "")
        await self.record()

    def _put_from(self, index: int) -> None:
        """The messages from this part on are to be recorded."""
        for later in range(index, len(self._messages)):
            self._records.put(later, self._messages[later].ref)

    async def _remove_unrecorded(self) -> None:
        """After a crash, a message may have been posted that was not recorded: find it, and delete
        it, since nothing is to be shown in it: its answer is unwanted, or ended before it.

        Raises SurfaceBusy or Refused where this is to be called again."""
        if not self._maybe_posted:
            return
        index = len(self.refs)
        part = Part(self._answer_id, index, PLACEHOLDER, AnswerState.DONE, False, tag=self._tag)
        try:
            self._stray = self._stray or await self._find(part)
            if self._stray:
                await self._surface.remove(self._stray)
        except SurfaceBusy:
            raise
        except SurfaceError as error:
            self._refusals += 1
            if self._refusals <= RETRIES:
                raise Refused(str(error), RETRY_SECONDS * 2.0**self._refusals) from error
            logger.info("whether a message is left of an answer is unknown: %s", error)
        self._maybe_posted = False

    async def _remove(self, index: int) -> None:
        try:
            await self._surface.remove(self._messages[index].ref)
        except (SurfaceBusy, MessageGone):
            raise
        except SurfaceError as error:
            logger.warning("a superfluous message could not be deleted: %s", error)
        del self._messages[index:]
        self._records.put(index, "")
        await self.record()

    async def _remove_frozen(self) -> None:
        """Delete a message that could not be edited, now that there is another in its place."""
        try:
            await self._surface.remove(self._frozen[0])
        except (SurfaceBusy, MessageGone):
            raise
        except SurfaceError as error:
            logger.warning("a message that could not be edited stays: %s", error)
        del self._frozen[0]

    async def _attach(self) -> None:
        try:
            await self._surface.attach(FILE_NAME, self._pages.text)
        except SurfaceBusy:
            raise
        except SurfaceError as error:
            logger.warning("the answer could not be posted as a file: %s", error)
        self._attached = True

    async def record(self) -> bool:
        """Record what failed to be recorded before. Returns whether the ledger knows all messages
        now."""
        return await self._records.write(self._settled)


def _only_seconds(shown: Part | None, wanted: Part) -> bool:
    """Whether only the time that the model has been thinking for differs."""
    return (
        shown is not None
        and shown.text == wanted.text == PLACEHOLDER
        and is_thinking_note(shown.note)
        and is_thinking_note(wanted.note)
        and shown.state is wanted.state
    )


def _same(shown: Part | None, wanted: Part) -> bool:
    """Whether a message needs no edit. A form alone is no reason for one: what was shown with its
    buttons may keep them."""
    return shown is not None and replace(shown, form=wanted.form) == wanted

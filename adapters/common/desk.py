"""The desk: where every event of a platform enters, on all platforms alike.

An adapter parses an event into a `Place`, a `Member` and what was asked, and calls one method here.
A posted message goes through `Desk.receive`: is it for the bot (`addressing`), may the person ask
(`Desk.person`), is it a command (`operations`) or a question (`asking`)? Refusals are exceptions
(`bot.errors.Refusal`) whose text is for the person; `Desk.explained` is the boundary that turns
them, and everything unexpected, into that text.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable

from adapters.common import model_choice, texts
from adapters.common.addressing import Addressing, author_key
from adapters.common.asking import Asking
from adapters.common.coming import ComingQuestion
from adapters.common.control_words import ControlWord, control_word
from adapters.common.known import KnownIn
from adapters.common.operations import Operations
from adapters.common.place import Member, Place
from adapters.common.platform import Heard, Notes, Platform, Read, Reply
from adapters.common.progress import Progress
from adapters.common.question import Message
from adapters.common.rules import Rules
from adapters.common.since import LAST_MESSAGE
from bot.engine import Engine
from bot.errors import (
    NotAllowed,
    NothingToDo,
    ParleyError,
    Refusal,
    ShuttingDown,
)
from bot.locks import KeyedLocks
from bot.messages import ConversationKey, Person
from bot.ports import Store
from bot.recent import Seen

logger = logging.getLogger(__name__)


class Desk(Operations):
    """All that one platform's events ask for: messages here, commands and buttons in `Operations`.
    For one event loop; keeps nothing that must outlive it."""

    def __init__(self, engine: Engine, store: Store, platform: Platform, rules: Rules) -> None:
        super().__init__(engine, store, platform, rules)
        self._seen: Seen[str] = Seen()
        self._orders: KeyedLocks[tuple[ConversationKey, str]] = KeyedLocks()
        """One person's questions in a conversation keep their order; nobody else waits for them."""
        self._addressing = Addressing(rules, store)
        self._asking = Asking(engine, store, platform, rules)
        self.progress = Progress(store)
        """How far messages were handled; `adapters.common.catch_up` begins there."""

    # ------------------------------------------------------------ the boundary

    async def explained(self, where: object, work: Awaitable[str]) -> str:
        """The text that `work` returns, or why it failed. Raises nothing but CancelledError: what
        one event does wrong ends here, and is logged with `where`."""
        try:
            return await work
        except ShuttingDown:
            self.progress.pause()  # the platform keeps the message; the next run finds it
            return ""
        except Refusal as refusal:
            return refusal.user_text
        except ParleyError as error:
            logger.error("%s: %s", where, error)
            return error.user_text
        except Exception:
            logger.exception("%s: a defect of Parley", where)
            return texts.DEFECT

    async def _told(self, where: object, reply: Reply, work: Awaitable[str]) -> None:
        if text := await self.explained(where, work):
            await reply(text, answered=isinstance(text, Notes))

    # ------------------------------------------------------------ who and where

    def speaks_in(self, place: Place) -> bool:
        """Whether the configuration lets the bot answer here at all."""
        return self.rules.access.place(place.workspace, place.ids, direct=place.direct)

    async def person(self, place: Place, member: Member) -> Person:
        """Who this is, with their rights here and now. In a direct message everybody is the admin
        of their own conversation. Raises NotAllowed where they may not ask."""
        access = self.rules.access
        if not self.speaks_in(place):
            raise NotAllowed(texts.NOT_HERE)
        if place.direct and not self.rules.direct_messages:
            raise NotAllowed(texts.NO_DIRECT_MESSAGES)
        if not access.person(member.id, member.roles):
            raise NotAllowed(texts.NOT_YOU)
        profile = await member.profile()
        admin = place.direct or profile.admin or access.named_admin(member.id, member.roles)
        return Person(place.key.platform, member.key or member.id, profile.name, admin=admin)

    # ------------------------------------------------------------ messages

    def may_concern(self, place: Place, heard: Heard) -> bool:
        """See `Addressing.may_concern`."""
        return self._addressing.may_concern(place, heard)

    async def receive(
        self,
        place: Place,
        member: Member,
        read: Read,
        heard: Heard,
        reply: Reply,
    ) -> None:
        """A message was posted. It is answered, obeyed, or not for the bot; once, however often the
        same event is delivered. One person's questions in a conversation are asked in the
        order of these calls; a control word waits for no question."""
        if not self.may_concern(place, heard):
            return
        async with self.progress.handling(place.key.platform, heard.at):
            if not self.speaks_in(place):
                logger.info("%s: [%s] allows no answers here", place.key, place.key.platform)
            elif self._seen.add(heard.event_id):
                await self._told(place.key, reply, self._received(place, member, read, heard))

    async def _received(self, place: Place, member: Member, read: Read, heard: Heard) -> str:
        if word := _control_word(place, heard.typed):
            if not await self._addressing.addressed(place, member, heard):
                return ""
            return await self.obey(word, place, await self.person(place, member))
        author = author_key(place, member)
        with self._coming.one(place.key, author, heard.message_id) as coming:
            async with self._orders((place.key, author)):
                if not await self._addressing.addressed(place, member, heard):
                    return ""
                person = await self.person(place, member)
                return await self._answer(place, person, await read(), coming)

    async def _answer(
        self, place: Place, person: Person, message: Message, coming: ComingQuestion
    ) -> str:
        coming.is_command = True
        if word := _control_word(place, message.text):
            return await self.obey(word, place, person)
        name = model_choice.model_word(message.text)
        if name is not None and self.models and name in ("", *self.models):
            return await self.model(place, person, name)
        said = await self._platform.command(place, person, message.text)
        if said is not None:
            return said
        coming.is_command = False
        return Notes("\n".join(await self._asking.ask(place, person, message, coming) or ()))

    async def obey(self, word: ControlWord, place: Place, person: Person) -> str:
        """Do what a control word says. Raises Refusal."""
        if word is ControlWord.RESET:
            return await self.reset(place, person)
        if word is ControlWord.SUMMARIZE:
            return await self.summarize(place, person, LAST_MESSAGE)
        return await self.stop(place, person)

    async def edited(
        self, place: Place, member: Member, read: Read, heard: Heard, reply: Reply
    ) -> None:
        """A message has a new text. Where it is a question, it is answered again in the same
        messages if it is the newest, and only the history changes if not. One that was edited down
        to nothing leaves the history with its answer. One that was no question before, since the
        mention was missing or nothing was asked, is asked now."""
        async with self.progress.handling(place.key.platform, heard.at):
            if self.speaks_in(place):
                await self._told(place.key, reply, self._edited(place, member, read, heard))

    async def _edited(self, place: Place, member: Member, read: Read, heard: Heard) -> str:
        author = author_key(place, member)
        async with self._orders((place.key, author)):
            concerns = self.may_concern(place, heard)
            if not (concerns or await KnownIn(self._store, place).asked(heard.message_id)):
                return ""
            message = await read()
            if _control_word(place, message.text):
                return ""
            if self._addressing.left_alone(place, heard):
                return await self._delete(place, message.message_id)
            try:
                composed = await self._asking.recompose(place, message)
            except NothingToDo:
                if not await self._emptied(place, message):
                    return ""
                person = await self.person(place, member)
            else:
                person = await self.person(place, member)
                if await self._apply_edit(place, message.message_id, composed.text):
                    return ""
            if not concerns or not await self._addressing.addressed(place, member, heard):
                return ""
            with self._coming.one(place.key, author, message.message_id) as coming:
                return await self._answer(place, person, message, coming)

    async def _apply_edit(self, place: Place, message_id: str, text: str) -> bool:
        """Whether the message was a question; it has the new text then."""
        for there in place.holding(message_id):
            if await self.engine.question_edited(there.key, message_id, text, self._find):
                return True
        return False

    async def _emptied(self, place: Place, message: Message) -> bool:
        """A message was edited down to nothing: if it was a question, it leaves the history.
        Whether it may be one now, as a mention alone of what was said before."""
        was_question = await KnownIn(self._store, place).asked(message.message_id)
        await self._delete(place, message.message_id)
        return message.bare and message.look is not None and not was_question

    async def deleted(self, place: Place, message_ids: Iterable[str]) -> None:
        """Messages were deleted. Those that were questions leave the history with their answers;
        those that were about to be are not asked."""
        for message_id in message_ids:
            await self.explained(place.key, self._delete(place, message_id))

    async def _delete(self, place: Place, message_id: str) -> str:
        for there in place.holding(message_id):
            self._coming.withdraw(there.key, message_id=message_id)
            if await self.engine.question_deleted(there.key, message_id, self._find):
                break
        return ""

    # ------------------------------------------------------------ asking

    async def ask_shown(
        self,
        place: Place,
        person: Person,
        message: Message,
        take_back: Callable[[], Awaitable[None]],
    ) -> str:
        """Ask a question that a command has shown to the channel in `message`. Where it is refused,
        or was asked before, `take_back` deletes the message. Returns notes for the person. Raises
        Refusal and StorageError."""
        with self._coming.one(place.key, person.key, message.message_id) as coming:
            async with self._orders((place.key, person.key)):
                try:
                    notes = await self._asking.ask(place, person, message, coming)
                except BaseException:
                    await take_back()
                    raise
                if notes is None:
                    await take_back()
        return "\n".join(notes or ())


def _control_word(place: Place, text: str) -> ControlWord | None:
    """The command that a message is. "summarize" is one in channels only: in a thread, and in a
    direct message, it is a question about what is said there."""
    word = control_word(text)
    if word is ControlWord.SUMMARIZE and (place.direct or place.key.thread):
        return None
    return word

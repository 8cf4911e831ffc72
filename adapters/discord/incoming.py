"""Messages as they come in, change and go: what each of them asks of the engine."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Iterable
from dataclasses import replace

import discord

from adapters.common.texts import control_word
from adapters.discord.desk import Asked, Desk
from adapters.discord.places import Place, permissions_in, place_of
from adapters.discord.reading import from_a_person, is_addressed, question_text
from adapters.discord.threads import open_thread, thread_key
from bot.errors import ParleyError, Refusal
from bot.messages import ConversationKey, Person

logger = logging.getLogger(__name__)

REMEMBERED = 4096
"""Messages whose handling is remembered: RESUME replays events, and Discord sends an update when
a link's preview is ready, with the text unchanged."""


class MessageHandling:
    """Handles the events of messages. Raises nothing that a person or Discord can cause."""

    def __init__(self, desk: Desk, me: discord.ClientUser) -> None:
        self._desk = desk
        self._me = me
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._told: set[tuple[int, int]] = set()

    # ------------------------------------------------------------ a new message

    async def came(self, message: discord.Message) -> None:
        """A message was posted."""
        if not from_a_person(message) or not is_addressed(message, self._me):
            return
        if message.id in self._texts:
            return
        self._remember(message)
        place = _place(message)
        if not self._desk.speaks_in(place):
            logger.info("%s: not among the places where Parley speaks", place.key)
            return
        async with self._desk.order(place.key):
            try:
                await self._handle(message, place)
            except ParleyError as error:
                if not isinstance(error, Refusal):
                    logger.error("%s: %s", place.key, error)
                await self._say(message, error.user_text)

    async def _handle(self, message: discord.Message, place: Place) -> None:
        person = self._person(message, place)
        text = question_text(message, self._me)
        if word := control_word(text):
            await self._say(message, await self._desk.obey(word, place, person))
            return
        if not await self._may_write(message, place):
            return
        asked = Asked(message.id, message.id, text, message.attachments)
        if self._desk.rules.thread_per_question:
            place = await open_thread(message, place, text)
        if notes := await self._desk.ask(asked, place, person):
            await self._say(message, "\n".join(notes), place)

    def _person(self, message: discord.Message, place: Place) -> Person:
        permissions = permissions_in(message.channel, message.author)
        return self._desk.person(message.author, place, permissions)

    async def _may_write(self, message: discord.Message, place: Place) -> bool:
        """Whether answers can be shown here; if not, the log and the person are told."""
        guild = message.guild
        if guild is None:
            return True
        may = permissions_in(message.channel, guild.me)
        in_thread = isinstance(message.channel, discord.Thread)
        if may.send_messages_in_threads if in_thread else may.send_messages:
            return True
        told = (message.channel.id, message.author.id)
        if told not in self._told:
            self._told.add(told)
            logger.warning(
                "%s: Parley was asked but may not write there. Give its role View Channel, Send "
                "Messages, Send Messages in Threads and Read Message History.",
                place.key,
            )
            text = f"I may not write in <#{message.channel.id}>. An admin there can allow it."
            await _quietly(message.author.send(text), place)
        return False

    # ------------------------------------------------------------ a message that changes or goes

    async def changed(self, message: discord.Message) -> None:
        """A message was edited; one that was a question may be answered anew."""
        if not from_a_person(message) or message.edited_at is None:
            return
        if self._texts.get(message.id) == message.content:
            return
        place = _place(message)
        text = question_text(message, self._me)
        if not self._desk.speaks_in(place) or control_word(text):
            return
        try:
            await self._answer_anew(message, place, text)
        except ParleyError as error:
            if not isinstance(error, Refusal):
                logger.error("%s: %s", place.key, error)
            await self._say(message, error.user_text)

    async def _answer_anew(self, message: discord.Message, place: Place, text: str) -> None:
        known = message.id in self._texts
        if not known and not is_addressed(message, self._me):
            return
        self._remember(message)
        self._person(message, place)
        asked = Asked(message.id, message.id, text, message.attachments)
        for key in _candidates(place.key, message.id):
            there = replace(place, key=key)
            async with self._desk.order(key):
                composed = await self._desk.compose(asked)
                surface = self._desk.surface(there, message.id)
                engine = self._desk.engine
                if await engine.question_edited(key, str(message.id), composed.text, surface):
                    return

    async def gone(self, place: Place, messages: Iterable[int]) -> None:
        """Messages were deleted: those that were questions leave the history."""
        for message in messages:
            for key in _candidates(place.key, message):
                try:
                    if await self._desk.engine.question_deleted(key, str(message)):
                        break
                except ParleyError as error:
                    logger.error("%s: %s", key, error)

    # ------------------------------------------------------------ inside

    def _remember(self, message: discord.Message) -> None:
        self._texts[message.id] = message.content
        self._texts.move_to_end(message.id)
        if len(self._texts) > REMEMBERED:
            self._texts.popitem(last=False)

    async def _say(self, message: discord.Message, text: str, place: Place | None = None) -> None:
        """A short reply; into the thread of the question, where it has got one."""
        here = _place(message)
        thread = message.thread if place is not None and place.key != here.key else None
        if thread is not None:
            await _quietly(thread.send(text), here)
        else:
            await _quietly(message.reply(text), here)


def _place(message: discord.Message) -> Place:
    guild = message.guild.id if message.guild else None
    return place_of(message.channel, message.channel.id, guild)


def _candidates(key: ConversationKey, message: int) -> tuple[ConversationKey, ...]:
    """The conversations in which a message may be a question: that of its channel, and that of
    the thread which it opened (a thread has the id of its first message)."""
    if key.thread or not key.workspace:
        return (key,)
    return (key, thread_key(key, message))


async def _quietly(sending: Awaitable[object], place: Place) -> None:
    """Send something of lesser importance; where that fails, the log says so."""
    try:
        await sending
    except discord.HTTPException as error:
        logger.warning("%s: a short reply could not be sent: %s", place.key, error)

"""Discord's messages as they are posted, edited and deleted, parsed for the desk."""

import logging
from collections.abc import Awaitable, Iterable
from dataclasses import replace

import discord
from discord.utils import snowflake_time

from adapters.common.desk import Desk
from adapters.common.place import Member, Place
from adapters.common.platform import Heard, Read, Reply
from adapters.common.question import Message
from adapters.common.texts import MAY_NOT_WRITE
from adapters.discord.content import holds_nothing, is_named, mentions, readable
from adapters.discord.malformed import reading
from adapters.discord.places import may_send, member_of, permissions_in, place_of
from adapters.discord.pointed import answers_the_bot, from_a_person, message_of
from bot.recent import Recent, Seen

logger = logging.getLogger(__name__)

REMEMBERED = 4096
"""Messages whose text is remembered: Discord sends an update when a link's preview is ready, with
the text unchanged."""


class Incoming:
    """Hands the events of messages to the desk. Raises nothing that a person or Discord causes."""

    def __init__(self, desk: Desk, me: discord.ClientUser) -> None:
        self._desk = desk
        self._me = me
        self._texts: Recent[int, str] = Recent(REMEMBERED)
        self._told: Seen[tuple[int, int]] = Seen()
        self._deletions: Seen[int] = Seen()
        """The ids of deleted messages, whose own event may come later."""

    async def posted(self, message: discord.Message) -> None:
        """A message was posted; RESUME may deliver it again."""
        with reading("message"):
            place, heard = place_in(message), heard_in(message, self._me)
            from_one, member = from_a_person(message), _author(message)
        if not from_one or not self._desk.may_concern(place, heard):
            return
        if self._is_deleted(message):
            return
        self._texts.put(message.id, message.content)
        read, reply = self._read(message), self._reply(message)
        await self._desk.receive(place, member, read, heard, reply)

    async def edited(self, message: discord.Message) -> None:
        """A message was edited."""
        with reading("message"):
            if not from_a_person(message) or message.edited_at is None:
                return
            place, member = place_in(message), _author(message)
            heard = replace(heard_in(message, self._me), at=message.edited_at)
        if self._is_deleted(message):
            return
        before = self._texts.get(message.id)
        if before == message.content:
            return
        if before is None and not self._desk.may_concern(place, heard):
            return
        self._texts.put(message.id, message.content)
        read, reply = self._read(message), self._reply(message)
        await self._desk.edited(place, member, read, heard, reply)

    async def deleted(self, place: Place, messages: Iterable[int]) -> None:
        """Messages were deleted."""
        ids = list(messages)
        for message in ids:
            self._deletions.add(message)
        await self._desk.deleted(place, [str(message) for message in ids])

    def _is_deleted(self, message: discord.Message) -> bool:
        """Whether the event of a message's deletion came before this one."""
        if message.id not in self._deletions:
            return False
        logger.info("message %s was deleted before its event came", message.id)
        return True

    def _read(self, message: discord.Message) -> Read:
        async def read() -> Message:
            with reading("message"):
                return message_of(message, self._me)

        return read

    # ------------------------------------------------------------ replies

    def _reply(self, message: discord.Message) -> Reply:
        """A short reply; into the thread of the question, where it has one."""

        async def reply(text: str, /, *, answered: bool = False) -> None:
            del answered  # it stands beside the question in any case
            if not _may_answer(message):
                await self._tell_directly(message)
            elif message.thread is not None and self._desk.rules.thread_per_question:
                await _quietly(message.thread.send(text), message)
            else:
                await _quietly(message.reply(text), message)

        return reply

    async def _tell_directly(self, message: discord.Message) -> None:
        """Say once to each person that the bot may not write in a channel."""
        if self._told.add((message.channel.id, message.author.id)):
            text = MAY_NOT_WRITE.replace("this channel", f"<#{message.channel.id}>")
            await _quietly(message.author.send(text), message)


def _may_answer(message: discord.Message) -> bool:
    guild = message.guild
    return guild is None or may_send(message.channel, permissions_in(message.channel, guild.me))


async def _quietly(sending: Awaitable[object], message: discord.Message) -> None:
    """Send something of lesser importance; where that fails, the log says so."""
    try:
        await sending
    except discord.HTTPException as error:
        logger.warning("channel %s: a reply could not be sent: %s", message.channel.id, error)


# ---------------------------------------------------------------- what a message says


def place_in(message: discord.Message) -> Place:
    """Where a message was posted."""
    guild = message.guild.id if message.guild else None
    return place_of(message.channel, message.channel.id, guild)


def _author(message: discord.Message) -> Member:
    return member_of(message.author, permissions_in(message.channel, message.author))


def heard_in(message: discord.Message, me: discord.ClientUser) -> Heard:
    """How a message concerns the bot. A thread is the bot's own where the bot opened it."""
    channel = message.channel
    in_own_thread = isinstance(channel, discord.Thread) and channel.owner_id == me.id
    return Heard(
        event_id=str(message.id),
        message_id=str(message.id),
        mentioned=mentions(message, me) or answers_the_bot(message, me),
        to_others=any(user.id != me.id and is_named(user, message) for user in message.mentions),
        typed=readable(message, me),
        own_thread=in_own_thread and not holds_nothing(message),
        hidden=holds_nothing(message),
        at=snowflake_time(message.id),
    )

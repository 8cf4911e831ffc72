"""What people said around a question on Discord, read from its message history.

GET /channels/{channel.id}/messages and …/messages/{message.id}
(https://discord.com/developers/docs/resources/message), through discord.py, which keeps the rate
limits. Without Read Message History Discord returns an empty list, and without the Message Content
intent messages without a text. The gateway's cache is used where it is there: answers are resumed
before the gateway is connected.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from typing import TypeVar

import discord

from adapters.common.pointed import joined
from adapters.common.surroundings import newest_within
from adapters.discord.busy import busy_where_it_fails
from adapters.discord.content import attachments_of, carried, readable
from adapters.discord.incoming import heard_in
from adapters.discord.malformed import Malformed, reading
from adapters.discord.places import permissions_in
from bot.errors import MessageGone, SurfaceBusy, SurfaceError, Unreadable
from bot.messages import Question
from bot.names import clean_name
from bot.ports import Around, Remark

logger = logging.getLogger(__name__)

T = TypeVar("T")

HISTORY = "the permission Read Message History here"
PARENTS_HISTORY = "the permission Read Message History in the channel that this thread belongs to"
CONTENT = "the Message Content intent, without which Discord shows me no text of other people"
SAID = frozenset(
    {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    }
)
"""The types of messages that somebody, or some bot, wrote."""


class DiscordSurroundings:
    """`bot.ports.Surroundings`. Makes at most five calls: pages of 100 messages, and the message
    that a long thread was opened on."""

    def __init__(self, client: discord.Client) -> None:
        """`client`: logged in."""
        self._client = client

    async def thread(self, question: Question, *, messages: int, characters: int) -> Around:
        key = question.conversation
        listed, older = await self._listed(int(key.thread), question, messages)
        first = [one for one in listed if str(one.id) == key.thread]  # of a forum post
        around = self._around(question, [m for m in listed if m not in first], older, characters)
        if first:
            return self._begun_by(around, question, first[0])
        return await self._with_starter(around, question, listed, whole=not older)

    async def channel(self, question: Question, *, messages: int, characters: int) -> Around:
        number = int(question.conversation.channel)
        if isinstance(self._client.get_channel(number), discord.ForumChannel):
            return Around()
        listed, older = await self._listed(number, question, messages)
        return self._around(question, listed, older, characters)

    # ------------------------------------------------------------ the messages

    async def _listed(
        self, channel: int, question: Question, most: int
    ) -> tuple[list[discord.Message], bool]:
        """Up to `most` messages before the question, newest first, and whether there are more. The
        question's own message is asked for as well: an empty list then says that the
        permission is missing."""
        if not self._may_read(channel):
            raise Unreadable(f"channel {channel}: Read Message History is denied", HISTORY)
        asked = int(question.message_id)
        history = self._messages_of(channel, question).history(
            limit=most + 2, before=discord.Object(asked + 1)
        )
        listed = await _answer_of(_all(history))
        if not listed:
            raise Unreadable(f"channel {channel}: Discord shows no messages", HISTORY)
        before = [message for message in listed if message.id != asked]
        return before[:most], len(before) > most

    def _may_read(self, channel: int) -> bool:
        """False where it is known that the bot may not. Another answer is for Discord to give."""
        cached = self._client.get_channel(channel)
        guild = getattr(cached, "guild", None)
        if guild is None:
            return True
        return permissions_in(cached, guild.me).read_message_history

    def _messages_of(self, channel: int, question: Question) -> discord.PartialMessageable:
        guild = question.conversation.workspace
        return self._client.get_partial_messageable(channel, guild_id=int(guild) if guild else None)

    def _around(
        self,
        question: Question,
        newest_first: Sequence[discord.Message],
        older: bool,
        characters: int,
    ) -> Around:
        said = [one for message in newest_first if (one := self._remark(question, message))]
        remarks, dropped = newest_within(said, characters, lambda one: len(one.text))
        unread = any(one.empty for one in remarks) and not self._client.intents.message_content
        return Around(tuple(remarks), older=older or dropped, lacking=CONTENT if unread else "")

    def _remark(self, question: Question, message: discord.Message) -> Remark | None:
        """What somebody wrote; None where nobody did, or to Parley."""
        me = self._client.user
        assert me is not None, "the client is logged in"
        try:
            with reading("message"):
                if message.type not in SAID or message.author.id == me.id:
                    return None
                if heard_in(message, me).mentioned:
                    return None
                author, number = str(message.author.id), str(message.id)
                name = clean_name(message.author.display_name, f"user {author}")
                if author == question.author.id:  # the name in this server, which history lacks
                    name = question.author.name
                beside = carried(message)
                said = joined((readable(message, me), beside.text))
                files = [*attachments_of(message.attachments), *beside.files]
                names = tuple(file.name for file in files)
                return Remark(number, number, name, said, message.created_at, names)
        except Malformed as error:
            logger.warning("%s", error)
            return None

    # ------------------------------------------------------------ the thread's first message

    async def _with_starter(
        self, around: Around, question: Question, listed: Sequence[discord.Message], *, whole: bool
    ) -> Around:
        """With the message of the channel that the thread was opened on. The oldest message of such
        a thread is Discord's own and quotes it; a thread without that was opened on none."""
        kind = discord.MessageType.thread_starter_message
        marks = [one for one in listed if one.type is kind and one.reference is not None]
        if not marks and whole:
            return around
        quoted = marks[0].reference.resolved if marks and marks[0].reference else None
        if isinstance(quoted, discord.DeletedReferencedMessage):
            return replace(around, starter_gone=True)
        if quoted is None:
            try:
                quoted = await self._opened_on(question)
            except Unreadable as refused:
                logger.warning("%s: %s", question.conversation, refused)
                return replace(around, lacking=around.lacking or refused.lacking)
            except MessageGone:  # deleted, or in a long thread that was opened on no message
                return replace(around, starter_gone=bool(marks))
        return self._begun_by(around, question, quoted)

    def _begun_by(self, around: Around, question: Question, message: discord.Message) -> Around:
        me = self._client.user
        if me is not None and message.author.id == me.id:
            return replace(around, starter_gone=True)
        starter = self._remark(question, message)
        if starter is None:
            return around
        unread = starter.empty and not self._client.intents.message_content
        lacking = around.lacking or (CONTENT if unread else "")
        return replace(around, starter=starter, lacking=lacking)

    async def _opened_on(self, question: Question) -> discord.Message:
        """Fetch it: from the channel, or from the thread itself, where it is a forum post. Raises
        MessageGone where it is in neither."""
        key, number = question.conversation, int(question.conversation.thread)
        try:
            return await _answer_of(
                self._messages_of(int(key.channel), question).fetch_message(number)
            )
        except Unreadable as refused:
            raise Unreadable(str(refused), PARENTS_HISTORY) from refused
        except SurfaceBusy:
            raise
        except SurfaceError:
            return await _answer_of(self._messages_of(number, question).fetch_message(number))


async def _all(history: AsyncIterator[discord.Message]) -> list[discord.Message]:
    return [message async for message in history]


async def _answer_of(call: Awaitable[T]) -> T:
    """What Discord answers. Raises Unreadable, MessageGone, SurfaceBusy, SurfaceError, and
    Malformed."""
    try:
        with busy_where_it_fails(), reading("page of messages"):
            return await call
    except discord.Forbidden as error:
        raise Unreadable(f"Discord refused to show messages: {error}", HISTORY) from error
    except discord.NotFound as error:
        raise MessageGone("the message or its channel no longer exists") from error
    except discord.HTTPException as error:
        raise SurfaceError(f"Discord refused to show messages: {error}") from error

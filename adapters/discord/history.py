"""Discord's message history, for catching up.

GET /channels/{channel.id}/messages
(https://discord.com/developers/docs/resources/message#get-channel-messages), through discord.py,
which keeps the rate limits. Without Read Message History Discord returns no messages. Bots cannot
list their direct messages: only those that the database knows are read.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import discord
from discord.utils import snowflake_time

from adapters.common.catch_up import MOST_MESSAGES, Found, Page
from adapters.discord.busy import busy_where_it_fails
from adapters.discord.incoming import Incoming, heard_in, place_in
from adapters.discord.places import PLATFORM, channel_id, place_of
from adapters.discord.pointed import from_a_person
from bot.errors import SurfaceError
from bot.messages import ConversationKey
from bot.ports import RecentConversation

logger = logging.getLogger(__name__)

FIRST = datetime(2015, 1, 1, tzinfo=UTC)
"""The beginning of Discord's ids: before every message."""

_Readable = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.PartialMessageable
)


class DiscordHistory:
    """`adapters.common.catch_up.History`."""

    platform = PLATFORM

    def __init__(self, client: discord.Client, incoming: Incoming, me: discord.ClientUser) -> None:
        self._client = client
        self._incoming = incoming
        self._me = me

    async def page(
        self, place: RecentConversation, since: datetime, _known: datetime, /
    ) -> Page | None:
        channel = self._channel(place)
        if channel is None:
            return None
        try:
            with busy_where_it_fails():
                messages = [message async for message in channel.history(limit=MOST_MESSAGES)]
        except discord.HTTPException as error:
            raise SurfaceError(f"Discord refused to show the messages: {error}") from error
        messages.reverse()
        whole = len(messages) < MOST_MESSAGES
        return Page(
            [self._found(message) for message in messages],
            FIRST if whole else messages[0].created_at,
            threads=[] if place.direct else self._threads(channel, place.conversation, since),
        )

    def always_read(self, answer_all: frozenset[str]) -> list[RecentConversation]:
        channels = [self._client.get_channel(int(number)) for number in sorted(answer_all)]
        named = [one for channel in channels for one in _within(channel)]
        places = [place_of(one, one.id, one.guild.id) for one in named]
        return [RecentConversation(place.key, direct=False) for place in places]

    def posted_at(self, message_id: str) -> datetime | None:
        return snowflake_time(int(message_id)) if message_id.isdecimal() else None

    def _channel(self, place: RecentConversation) -> _Readable | None:
        """None where the channel is gone, closed to the bot, archived, or has no messages of its
        own (a forum). A message in an archived thread would have opened it again."""
        number = int(channel_id(place.conversation))
        if place.direct:
            return self._client.get_partial_messageable(number, type=discord.ChannelType.private)
        channel = self._client.get_channel(number)
        return channel if isinstance(channel, _Readable) else None

    def _threads(
        self, channel: _Readable, key: ConversationKey, since: datetime
    ) -> list[ConversationKey]:
        """The active threads of a channel with messages since then. The gateway lists them, with
        the id of their last message, when a session begins."""
        if not isinstance(channel, discord.TextChannel):
            return []
        return [
            ConversationKey(PLATFORM, key.channel, str(thread.id), key.workspace)
            for thread in channel.threads
            if thread.last_message_id and snowflake_time(thread.last_message_id) > since
        ]

    def _found(self, message: discord.Message) -> Found:
        heard = heard_in(message, self._me) if from_a_person(message) else None
        return Found(
            str(message.id),
            message.created_at,
            message.edited_at,
            place_in(message),
            heard,
            partial(self._as_event, message, self._incoming.posted),
            partial(self._as_event, message, self._incoming.edited),
        )

    async def _as_event(
        self, message: discord.Message, handle: Callable[[discord.Message], Awaitable[None]]
    ) -> None:
        """Handle it as an event. Events name the author's roles in the server, history does not.
        Raises SurfaceBusy where Discord fails to tell them."""
        if message.guild is not None and not isinstance(message.author, discord.Member):
            try:
                with busy_where_it_fails():
                    message.author = await message.guild.fetch_member(message.author.id)
            except discord.HTTPException as error:
                logger.warning(
                    "channel %s: a missed question is left out, its author %s is not known: %s",
                    message.channel.id,
                    message.author.id,
                    error,
                )
                return
        await handle(message)


def _within(channel: object) -> Iterator[discord.abc.GuildChannel | discord.Thread]:
    """The channels with messages that `channel` is, or holds: a category, a forum with its posts
    that are not archived."""
    if isinstance(channel, discord.CategoryChannel):
        for one in channel.channels:
            yield from _within(one)
    elif isinstance(channel, discord.ForumChannel):
        yield from channel.threads
    elif isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        yield channel

"""Reads what was said in a place on Discord, for a summary.

GET /channels/{channel.id}/messages
(https://discord.com/developers/docs/resources/message#get-channel-messages), through discord.py,
which keeps the rate limits. Without Read Message History Discord returns no messages, and without
the Message Content intent no text of other people's.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime

import discord

from adapters.common.place import Place
from adapters.common.since import Since, asks_for_summary
from adapters.common.texts import WORKING
from adapters.common.transcripts import MOST_MESSAGES
from adapters.discord.busy import busy_where_it_fails
from adapters.discord.content import readable
from adapters.discord.malformed import Malformed, reading
from adapters.discord.places import channel_id, permissions_in
from bot.engine.transcript import Spoken, Transcript
from bot.errors import NotAllowed, SurfaceError
from bot.messages import Person
from bot.names import clean_name, file_marks

NO_HISTORY = (
    "I lack the permission Read Message History here, so I cannot read what was said. An admin can "
    "give it to me."
)
NO_MESSAGES = (
    "Discord shows me no messages here: either there are none, or I lack the permission Read "
    "Message History."
)
NO_CONTENT = (
    "I lack the Message Content intent, without which Discord shows me no text of other people. "
    "Whoever runs me can switch it on."
)
YOU_MAY_NOT = "You may not read the history of this channel, so I don't sum it up for you."
SPOKEN = frozenset(
    {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    }
)
"""The types of messages that somebody, or some bot, wrote."""
_LINK = re.compile(r"\S*/channels/(?:\d+|@me)/(\d+)/(\d+)/?>?")
_SMALL_PRINT = re.compile(r"^(?:> )?-# .*$", re.MULTILINE)


class DiscordTranscripts:
    """`adapters.common.transcripts.Transcripts`."""

    def __init__(self, client: discord.Client) -> None:
        """`client`: logged in when it reads."""
        self._client = client

    async def read(
        self, place: Place, asker: Person, since: Since, *, last: str = ""
    ) -> Transcript:
        channel = int(channel_id(place.key))
        found: list[discord.Message] = []
        number = 0
        try:
            with busy_where_it_fails():
                await self._check(channel, asker)
                async for message in self._newest_first(channel, place, last):
                    number += 1
                    if self._is_request(message, asker):
                        continue
                    if _is_before(message, since, asker):
                        return self._transcript(found)
                    found.append(message)
        except discord.Forbidden as error:
            raise NotAllowed(NO_HISTORY) from error
        except discord.HTTPException as error:
            raise SurfaceError(f"Discord refused to show the messages: {error}") from error
        if not number and not place.direct:
            raise NotAllowed(NO_MESSAGES)
        return self._transcript(found, older=number >= MOST_MESSAGES)

    def _is_request(self, message: discord.Message, asker: Person) -> bool:
        """Whether it is the message by which the asker asks for the summary."""
        me = self._client.user
        assert me is not None, "the client is logged in"
        return str(message.author.id) == asker.id and asks_for_summary(readable(message, me))

    async def _check(self, channel: int, asker: Person) -> None:
        """Raise NotAllowed where it is known that the bot, or the asker, may not read. Before the
        gateway is connected nothing is known: a summary that is taken up was allowed when it was
        asked for. Raises discord.py's exceptions."""
        cached = self._client.get_channel(channel)
        guild: discord.Guild | None = getattr(cached, "guild", None)
        if guild is None:
            return
        number = int(asker.id)
        try:
            member = guild.get_member(number) or await guild.fetch_member(number)
        except discord.NotFound as error:
            raise NotAllowed(YOU_MAY_NOT) from error
        if not permissions_in(cached, member).read_message_history:
            raise NotAllowed(YOU_MAY_NOT)
        if not permissions_in(cached, guild.me).read_message_history:
            raise NotAllowed(NO_HISTORY)
        if not self._client.intents.message_content:
            raise NotAllowed(NO_CONTENT)

    def _newest_first(
        self, channel: int, place: Place, last: str
    ) -> AsyncIterator[discord.Message]:
        guild = place.key.workspace
        where = self._client.get_partial_messageable(
            channel, guild_id=int(guild) if guild else None
        )
        before = discord.Object(int(last) + 1) if last else None
        return where.history(limit=MOST_MESSAGES, before=before)

    def _transcript(
        self, newest_first: list[discord.Message], *, older: bool = False
    ) -> Transcript:
        if not newest_first:
            return Transcript(())
        messages = newest_first[::-1]
        spoken = tuple(one for one in map(self._spoken, messages) if one is not None)
        return Transcript(spoken, str(messages[0].id), str(messages[-1].id), older=older)

    def _spoken(self, message: discord.Message) -> Spoken | None:
        """None where it has nothing to read: Discord's own, and a placeholder of an answer."""
        me = self._client.user
        assert me is not None, "the client is logged in"
        try:
            with reading("message"):
                if message.type not in SPOKEN or message.flags.ephemeral:
                    return None
                text = readable(message, me)
                if message.author.id == me.id:
                    text = _SMALL_PRINT.sub("", text).strip()
                    text = "" if text == WORKING else text
                files = file_marks(str(file.filename) for file in message.attachments)
                text = " ".join(filter(None, (text, files)))
                name = clean_name(message.author.display_name, f"user {message.author.id}")
        except Malformed:
            return None
        return Spoken(name, text) if text.strip() else None

    def linked(self, place: Place, text: str) -> str:
        found = _LINK.fullmatch(text.strip().lstrip("<"))
        return found[2] if found and found[1] == channel_id(place.key) else ""

    def link(self, place: Place) -> str:
        return f"<#{channel_id(place.key)}>"


def _is_before(message: discord.Message, since: Since, asker: Person) -> bool:
    """Whether it was posted before what is asked for begins."""
    if since.message:
        return message.id < int(since.message)
    if since.moment is not None:
        return _posted(message) < since.moment
    return str(message.author.id) == asker.id


def _posted(message: discord.Message) -> datetime:
    return message.created_at


def check_reader(interaction_permissions: discord.Permissions, place: Place) -> None:
    """Raise NotAllowed where the asker may not read the history of the place."""
    if not place.direct and not interaction_permissions.read_message_history:
        raise NotAllowed(YOU_MAY_NOT)

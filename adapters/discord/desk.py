"""Discord as the desk needs it: where answers are shown, and threads for questions."""

import logging
from typing import Literal

import aiohttp
import discord

from adapters.common.place import Place
from adapters.common.question import Message
from adapters.discord.api import MessageWrites
from adapters.discord.direct import DiscordDirect
from adapters.discord.places import channel_id, may_send, permissions_in
from adapters.discord.surface import DiscordSurface
from adapters.discord.transcripts import DiscordTranscripts
from bot.messages import ConversationKey, Person, Question
from bot.ports import StoredAnswer

logger = logging.getLogger(__name__)

LONGEST_TITLE = 90
"""Characters of a thread's name; Discord takes 100."""
QUIET_MINUTES: Literal[1440] = 1440
"""After a day without a message Discord archives the thread; a new message brings it back."""
THREAD_EXISTS = 160004
"""Discord's code: the message has a thread already."""


class DiscordPlatform:
    """`adapters.common.platform.Platform`."""

    reset_command = "`/reset`"
    forget_command = "`/forget me`"
    export_command = "`/export me`"

    def __init__(self, client: discord.Client, writes: MessageWrites) -> None:
        self._client = client
        self._writes = writes
        self.transcripts = DiscordTranscripts(client)

    async def command(self, place: Place, person: Person, text: str) -> None:
        """Discord has slash commands everywhere: a typed one is a question."""

    async def direct(self, person: Person) -> DiscordDirect:
        return DiscordDirect(self._writes, person.id)

    # ------------------------------------------------------------ showing

    async def surface(self, question: Question) -> DiscordSurface | None:
        """None, with a line in the log, where the bot may not write in a channel that it knows."""
        if not self._may_write(question.conversation):
            logger.warning(
                "%s: Parley was asked but may not write there. Give its role View Channel, Send "
                "Messages, Send Messages in Threads and Read Message History.",
                question.conversation,
            )
            return None
        return self._surface(question)

    async def find(self, answer: StoredAnswer) -> DiscordSurface | None:
        """A `bot.ports.SurfaceFinder` for answers of an earlier run: None where the channel is
        gone. Where Discord cannot say so now, or the bot may not see the channel, which an admin
        can change, the surface is returned: its calls find out, and the asker is told."""
        surface = self._surface(answer.question)
        try:
            await self._client.fetch_channel(int(surface.channel))
        except (discord.NotFound, ValueError):
            return None
        except (discord.HTTPException, discord.InvalidData, aiohttp.ClientError) as error:
            logger.warning("channel %s could not be looked up: %s", surface.channel, error)
        return surface

    def _surface(self, question: Question) -> DiscordSurface:
        return DiscordSurface(
            self._writes,
            channel_id(question.conversation),
            seed=question.message_id,
            reply_to=question.message_id,
            asker=question.author.id,
        )

    def _may_write(self, key: ConversationKey) -> bool:
        channel = self._client.get_channel(int(channel_id(key)))
        guild = getattr(channel, "guild", None)
        if guild is None:  # a direct message, or not cached: the call itself finds out
            return True
        return may_send(channel, permissions_in(channel, guild.me))

    # ------------------------------------------------------------ threads

    async def open_thread(self, place: Place, message: Message) -> Place:
        channel = self._client.get_channel(int(place.key.channel))
        if not isinstance(channel, discord.TextChannel):
            return place
        question = channel.get_partial_message(int(message.message_id))
        try:
            await question.create_thread(
                name=_title(message.text), auto_archive_duration=QUIET_MINUTES
            )
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                logger.warning(
                    "%s: no thread could be opened (%s). Give Parley's role Create Public Threads "
                    "there. The answer comes in the channel.",
                    place.key,
                    error,
                )
                return place
        return place.thread(message.message_id)


def _title(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > LONGEST_TITLE:
        words = f"{words[:LONGEST_TITLE].rsplit(' ', 1)[0]}…"
    return words or "A question"

"""A thread for each question, where the configuration wants it."""

import logging
from typing import Literal

import discord

from adapters.discord.places import PLATFORM, Place
from bot.messages import ConversationKey

logger = logging.getLogger(__name__)

LONGEST_TITLE = 90
"""Characters of a thread's name; Discord takes 100."""
QUIET_MINUTES: Literal[1440] = 1440
"""After a day without a word Discord folds the thread away; a new word brings it back."""
THREAD_EXISTS = 160004


async def open_thread(
    message: discord.Message | discord.PartialMessage, place: Place, text: str
) -> Place:
    """The thread that the question in `message` opens; the same place where there can be none: in
    a thread, in a direct message, or where Parley may not open threads."""
    if not isinstance(message.channel, discord.TextChannel):
        return place
    try:
        await message.create_thread(name=_title(text), auto_archive_duration=QUIET_MINUTES)
    except discord.HTTPException as error:
        if error.code != THREAD_EXISTS:
            logger.warning(
                "%s: no thread could be opened (%s). Give Parley's role Create Public Threads "
                "there. The answer comes in the channel.",
                place.key,
                error,
            )
            return place
    return Place(thread_key(place.key, message.id), (str(message.id), *place.above))


def thread_key(key: ConversationKey, message: int) -> ConversationKey:
    """The conversation of the thread that a message in the channel `key` opened: a thread has the
    id of its first message."""
    return ConversationKey(PLATFORM, key.channel, str(message), key.workspace)


def _title(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > LONGEST_TITLE:
        words = f"{words[:LONGEST_TITLE].rsplit(' ', 1)[0]}…"
    return words or "A question"

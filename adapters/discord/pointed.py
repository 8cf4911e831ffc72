"""What a question on Discord points at: the message that it replies to, and what was said before a
mention that stands alone.

A reply comes with the message that it replies to, or with null where that was deleted; where the
field is missing, the message is fetched once
(https://discord.com/developers/docs/resources/message#message-object, ``referenced_message``).
A forward refers to a message of another place: that one is never fetched.
"""

from datetime import timedelta

import aiohttp
import discord

from adapters.common.pointed import (
    DELETED,
    LOOK_MESSAGES,
    LOOK_MINUTES,
    Earlier,
    Find,
    Look,
    Pointed,
    Quoted,
    Root,
    joined,
)
from adapters.common.question import Message
from adapters.discord.content import (
    attachments_of,
    carried,
    holds_nothing,
    mentions,
    readable,
)
from adapters.discord.malformed import reading
from bot.errors import SurfaceError
from bot.names import clean_name

ORDINARY = (discord.MessageType.default, discord.MessageType.reply)
_SMALL = "-# "
"""The mark of the small print below the bot's own answers."""


def from_a_person(message: discord.Message) -> bool:
    """Whether a human wrote it: no bot (this one included), no webhook, no system message."""
    if message.author.bot or message.webhook_id is not None:
        return False
    return message.type in ORDINARY


def message_of(message: discord.Message, me: discord.ClientUser) -> Message:
    """What the person typed, without the mention of the bot, and what it points at."""
    replied = replied_to(message)
    answered = replied if isinstance(replied, discord.Message) else None
    about = quoted(answered, me) if answered else None
    own = answered if answered and answered.author.id == me.id else None
    return Message(
        event_id=str(message.id),
        message_id=str(message.id),
        text=readable(message, me),
        files=attachments_of(message.attachments),
        quoted=None if own else about,
        answer=(str(own.id), about) if about and own else None,
        carried=carried(message),
        find=_find(message, me) if _is_reply(message) and about is None else None,
        look=_look(message, me) if mentions(message, me) else None,
        root=_root(message, me) if _in_thread(message) else None,
    )


def quoted(message: discord.Message, me: discord.ClientUser) -> Quoted:
    """A message that a question is about."""
    name = clean_name(message.author.display_name, f"user {message.author.id}")
    beside = carried(message)
    text = readable(message, me)
    if message.author.id == me.id:
        text = "\n".join(line for line in text.split("\n") if not line.startswith(_SMALL))
    files = [*attachments_of(message.attachments), *beside.files]
    return Quoted(name, joined((text, beside.text)), files, beside.notes)


# ---------------------------------------------------------------- replies


def replied_to(message: discord.Message) -> object:
    """The message that this one replies to: discord.py's object for it, or for one that was
    deleted. None where it is no reply, or the event does not hold it."""
    if not _is_reply(message):
        return None
    return message.reference.resolved if message.reference else None


def answers_the_bot(message: discord.Message, me: discord.ClientUser) -> bool:
    """Whether it is a reply to the bot. Where the event does not hold the message that is replied
    to, only a reply that pings the bot is known to be one."""
    replied = replied_to(message)
    if isinstance(replied, discord.Message):
        return replied.author.id == me.id
    return _is_reply(message) and any(user.id == me.id for user in message.mentions)


def _is_reply(message: discord.Message) -> bool:
    """Whether it refers to a message of its own place; a forward refers to anywhere."""
    reference = message.reference
    return (
        reference is not None
        and message.type is discord.MessageType.reply
        and reference.message_id is not None
        and reference.channel_id == message.channel.id
    )


def _find(message: discord.Message, me: discord.ClientUser) -> Find:
    """Fetches what a reply points at, once."""

    async def find() -> Pointed:
        reference = message.reference
        if isinstance(replied_to(message), discord.DeletedReferencedMessage):
            return Pointed(notes=(DELETED,))
        assert reference is not None
        assert reference.message_id is not None
        found = await _fetched(message.channel, reference.message_id)
        if found is None:
            return Pointed(notes=(DELETED,))
        with reading("message"):
            return quoted(found, me).pointed

    return find


async def _fetched(channel: object, message_id: int) -> discord.Message | None:
    """None where it does not exist. Raises SurfaceError."""
    fetch = getattr(channel, "fetch_message", None)
    if fetch is None:
        raise SurfaceError(f"channel {getattr(channel, 'id', '?')} has no messages of its own")
    try:
        found: discord.Message = await fetch(message_id)
    except discord.NotFound:
        return None
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        raise SurfaceError(f"Discord did not show message {message_id}: {error}") from error
    return found


# ---------------------------------------------------------------- a mention alone


def _look(message: discord.Message, me: discord.ClientUser) -> Look:
    """Reads the newest messages before this one, and the first one of a thread."""

    async def look() -> Earlier:
        own = await _own_before(message)
        if own is not None:
            with reading("message"):
                return Earlier(own=message_of(own, me))
        first = await _first_of_thread(message)
        if first is None:
            return Earlier()
        with reading("message"):
            number = str(first.id)
            return Earlier(root=Message(number, number, "", quoted=quoted(first, me)))

    return look


def _in_thread(message: discord.Message) -> bool:
    """Whether it stands in a thread, and is not the post of a forum that the thread begins with."""
    return isinstance(message.channel, discord.Thread) and message.id != message.channel.id


def _root(message: discord.Message, me: discord.ClientUser) -> Root:
    """Reads the message that the thread hangs on."""

    async def root() -> Quoted | None:
        first = await _first_of_thread(message)
        if first is None or first.author.id == me.id:
            return None
        with reading("message"):
            return quoted(first, me)

    return root


async def _own_before(message: discord.Message) -> discord.Message | None:
    """The asker's newest message before this one. Raises SurfaceError."""
    oldest = message.created_at - timedelta(minutes=LOOK_MINUTES)
    try:
        async for one in message.channel.history(limit=LOOK_MESSAGES, before=message):
            if one.created_at < oldest:
                break
            if one.author.id == message.author.id and from_a_person(one):
                return None if holds_nothing(one) else one
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        raise SurfaceError(f"Discord did not show the messages before: {error}") from error
    return None


async def _first_of_thread(message: discord.Message) -> discord.Message | None:
    """The message that a thread was opened on; a forum post has it in itself. Raises
    SurfaceError."""
    thread = message.channel
    if not isinstance(thread, discord.Thread):
        return None
    home = thread if isinstance(thread.parent, discord.ForumChannel) else thread.parent
    return await _fetched(home, thread.id)

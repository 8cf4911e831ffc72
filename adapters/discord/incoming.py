"""Discord's messages as they are posted, edited and deleted, parsed for the desk."""

import logging
import re
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import replace

import aiohttp
import discord
from discord.utils import snowflake_time

from adapters.common.attachments import Attachment, read_at_most
from adapters.common.control_words import after_mention
from adapters.common.desk import Desk
from adapters.common.place import Member, Place
from adapters.common.platform import Heard, Read, Reply
from adapters.common.question import Message, Quoted
from adapters.common.texts import MAY_NOT_WRITE
from adapters.discord.malformed import reading
from adapters.discord.places import may_send, member_of, permissions_in, place_of
from bot.errors import SurfaceError
from bot.names import clean_name
from bot.recent import Recent, Seen

logger = logging.getLogger(__name__)

ORDINARY = (discord.MessageType.default, discord.MessageType.reply)

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

        async def reply(text: str) -> None:
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


def from_a_person(message: discord.Message) -> bool:
    """Whether a human wrote it: no bot (this one included), no webhook, no system message."""
    if message.author.bot or message.webhook_id is not None:
        return False
    return message.type in ORDINARY


def heard_in(message: discord.Message, me: discord.ClientUser) -> Heard:
    """How a message concerns the bot. A thread is the bot's own where the bot opened it."""
    channel = message.channel
    in_own_thread = isinstance(channel, discord.Thread) and channel.owner_id == me.id
    return Heard(
        event_id=str(message.id),
        message_id=str(message.id),
        mentioned=_mentions(message, me) or _answered(message, me),
        to_others=any(user.id != me.id and _is_named(user, message) for user in message.mentions),
        typed=readable(message, me),
        own_thread=in_own_thread and bool(message.content.strip()),
        at=snowflake_time(message.id),
    )


def message_of(message: discord.Message, me: discord.ClientUser) -> Message:
    """What the person typed, without the mention of the bot, and with the message of somebody else
    that it replies to."""
    replied = message.reference.resolved if message.reference else None
    to_another = isinstance(replied, discord.Message) and replied.author.id != me.id
    return Message(
        event_id=str(message.id),
        message_id=str(message.id),
        text=readable(message, me),
        files=attachments_of(message.attachments),
        quoted=quoted(replied, me) if isinstance(replied, discord.Message) and to_another else None,
    )


def quoted(message: discord.Message, me: discord.ClientUser) -> Quoted:
    """A message that a question is about."""
    name = clean_name(message.author.display_name, f"user {message.author.id}")
    return Quoted(name, readable(message, me))


def attachments_of(files: Sequence[discord.Attachment]) -> list[Attachment]:
    """The files beside a message."""
    return [_attachment(file) for file in files]


def _attachment(file: discord.Attachment) -> Attachment:
    # discord.py checks no types. Where the size is no number, the limit of what is read holds.
    declared: object = file.size
    size = declared if isinstance(declared, int) else 0
    url = str(file.url)

    # discord.py's own `read` has no limit: the size that Discord declares is the uploader's word.
    async def read(most: int) -> bytes:
        try:
            async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as http:
                async with http.get(url, allow_redirects=False) as response:
                    if response.status != 200:
                        raise SurfaceError(f"attachment {file.id}: HTTP {response.status}")
                    return await read_at_most(response, most)
        except (aiohttp.ClientError, ValueError) as exc:
            raise SurfaceError(f"attachment {file.id}: {exc}") from exc

    return Attachment(str(file.filename or "a file"), str(file.content_type or ""), size, read)


def _mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    """Whether the bot, or its own role, is mentioned; what stands in code is no mention."""
    users = {user.id for user in message.mentions if _is_named(user, message)}
    return me.id in users or _own_role(message) in {role.id for role in message.role_mentions}


def _is_named(user: discord.abc.User, message: discord.Message) -> bool:
    """Whether the text names the user. A reply lists whom it pings, too."""
    return user.id in message.raw_mentions


def _answered(message: discord.Message, me: discord.ClientUser) -> bool:
    replied = message.reference.resolved if message.reference else None
    return isinstance(replied, discord.Message) and replied.author.id == me.id


def _own_role(message: discord.Message) -> int | None:
    """The role that Discord made for the bot: people pick it by mistake, for it has its name."""
    role = message.guild.self_role if message.guild else None
    return role.id if role else None


_TOKEN = re.compile(
    r"<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)|a?:(?P<emoji>\w+):\d+"
    r"|/(?P<command>[^:>]+):\d+)>"
)


def readable(message: discord.Message, me: discord.ClientUser) -> str:
    """The content as people see it (https://discord.com/developers/docs/reference, "Message
    Formatting"), without the bot's own mention."""
    users = {str(user.id): user.display_name for user in message.mentions}
    own = {str(me.id), str(_own_role(message))}

    def name(token: re.Match[str]) -> str:
        number = token["user"] or token["role"]
        if number in own:
            return ""
        if token["user"]:
            return f"@{clean_name(users.get(number, ''), 'somebody')}"
        if token["role"]:
            role = message.guild.get_role(int(number)) if message.guild else None
            return f"@{role.name if role else 'a role'}"
        if token["channel"]:
            channel = message.guild.get_channel(int(token["channel"])) if message.guild else None
            return f"#{channel.name if channel else 'a channel'}"
        return f":{token['emoji']}:" if token["emoji"] else f"/{token['command']}"

    text = _TOKEN.sub(name, message.content).strip()
    return after_mention(text) if _mentions(message, me) else text

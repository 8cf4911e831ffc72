"""What a Discord message asks of Parley, if anything."""

import re
from collections.abc import Sequence

import aiohttp
import discord

from adapters.common.attachments import Attachment
from adapters.common.texts import clean_name
from bot.errors import SurfaceError

ORDINARY = (discord.MessageType.default, discord.MessageType.reply)


def from_a_person(message: discord.Message) -> bool:
    """Whether a human wrote it: no bot (this one included), no webhook, no system message."""
    if message.author.bot or message.webhook_id is not None:
        return False
    return message.type in ORDINARY


def is_addressed(message: discord.Message, me: discord.ClientUser) -> bool:
    """Whether the message is meant for the bot: in a DM, by a mention of it (or of its own role),
    as a reply to it, or in a thread that the bot opened (unless somebody else is mentioned)."""
    if message.guild is None:
        return True
    if _mentions(message, me) or _answered(message, me):
        return True
    channel = message.channel
    in_own_thread = isinstance(channel, discord.Thread) and channel.owner_id == me.id
    return in_own_thread and bool(message.content.strip()) and not message.raw_mentions


def question_text(message: discord.Message, me: discord.ClientUser) -> str:
    """What the person typed: without the mention of the bot, with mentions and emoji as names.
    A reply to somebody else's message carries that message along."""
    text = _readable(message.content, message, me)
    quoted = message.reference.resolved if message.reference else None
    if isinstance(quoted, discord.Message) and quoted.author.id != me.id:
        return quoting(quoted, text, me)
    return text


def quoting(quoted: discord.Message, text: str, me: discord.ClientUser) -> str:
    """A question about another message."""
    said = _readable(quoted.content, quoted, me)
    if not said:
        return text
    name = clean_name(quoted.author.display_name, f"user {quoted.author.id}")
    return f"{name} wrote:\n{said}\n\n{text}".strip()


def attachments_of(files: Sequence[discord.Attachment]) -> list[Attachment]:
    return [_attachment(file) for file in files]


def _attachment(file: discord.Attachment) -> Attachment:
    async def read() -> bytes:
        try:
            return await file.read()
        except (discord.DiscordException, aiohttp.ClientError, TimeoutError) as exc:
            raise SurfaceError(f"attachment {file.id}: {exc}") from exc

    return Attachment(file.filename, file.content_type or "", file.size, read)


def _mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    return me.id in message.raw_mentions or _own_role(message) in message.raw_role_mentions


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


def _readable(content: str, message: discord.Message, me: discord.ClientUser) -> str:
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

    return _TOKEN.sub(name, content).strip()

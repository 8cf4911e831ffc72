"""What a message on Discord says: its words as people see them, embeds, a poll, forwarded messages,
files.

Formats: https://discord.com/developers/docs/resources/message (message, message snapshot, embed),
…/resources/poll, …/components/reference, and …/reference, "Message Formatting". A forwarded message
comes as a snapshot, without its author; only what the snapshot holds is used, since whoever reads
the forward may not be able to see the place that it comes from.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import aiohttp
import discord

from adapters.common.attachments import Attachment, read_at_most
from adapters.common.control_words import after_mention
from adapters.common.pointed import (
    Pointed,
    embed_text,
    forward_text,
    joined,
    left_out,
    poll_text,
)
from bot.errors import SurfaceError
from bot.names import clean_name

# ---------------------------------------------------------------- mentions


def mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    """Whether the bot, or its own role, is mentioned; what stands in code is no mention."""
    users = {user.id for user in message.mentions if is_named(user, message)}
    return me.id in users or own_role(message) in {role.id for role in message.role_mentions}


def is_named(user: discord.abc.User, message: discord.Message) -> bool:
    """Whether the text names the user. A reply lists whom it pings, too."""
    return user.id in message.raw_mentions


def own_role(message: discord.Message) -> int | None:
    """The role that Discord made for the bot: people pick it by mistake, for it has its name."""
    role = message.guild.self_role if message.guild else None
    return role.id if role else None


# ---------------------------------------------------------------- words

_TOKEN = re.compile(
    r"<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)|a?:(?P<emoji>\w+):\d+"
    r"|/(?P<command>[^:<>]{1,100}):\d+)>"
)
"""A command's name has 32 characters at most, and those of its group and subcommand as many.
Without a limit, a text of nothing but beginnings would be searched to its end from each of them."""


def readable(message: discord.Message, me: discord.ClientUser) -> str:
    """The content as people see it, without the bot's own mention."""
    own = {str(me.id), str(own_role(message))}
    text = _named(message.content, _users(message), message.guild, own)
    return after_mention(text) if mentions(message, me) else text


def _users(message: discord.Message) -> dict[str, str]:
    return {str(user.id): user.display_name for user in message.mentions}


def _named(
    text: str,
    users: Mapping[str, str] | None = None,
    guild: discord.Guild | None = None,
    own: set[str] | None = None,
) -> str:
    """`text` with names in place of mentions, without those in `own`. Without a `guild` roles and
    channels have no names: the text may come from a server that the reader cannot see."""

    def name(token: re.Match[str]) -> str:
        number = token["user"] or token["role"]
        if number in (own or ()):
            return ""
        if token["user"]:
            return f"@{clean_name((users or {}).get(number, ''), 'somebody')}"
        if token["role"]:
            role = guild.get_role(int(number)) if guild else None
            return f"@{role.name if role else 'a role'}"
        if token["channel"]:
            channel = guild.get_channel(int(token["channel"])) if guild else None
            return f"#{channel.name if channel else 'a channel'}"
        return f":{token['emoji']}:" if token["emoji"] else f"/{token['command']}"

    return _TOKEN.sub(name, text).strip()


# ---------------------------------------------------------------- the rest of a message


def holds_nothing(message: discord.Message) -> bool:
    """Whether there is nothing in it at all: so it looks where Discord hides it from the bot."""
    if message.content.strip():
        return False
    beside = (message.attachments, message.embeds, message.stickers, message.message_snapshots)
    return not (any(beside) or message.poll or message.components)


def carried(message: discord.Message) -> Pointed:
    """What a message holds beside its words and its own files."""
    users, guild = _users(message), message.guild
    forwards = [_forwarded(snapshot) for snapshot in message.message_snapshots]
    parts = [
        *_shown(message.components, users, guild),
        *_embedded(message.embeds, users, guild),
        *([_poll(message.poll)] if message.poll else []),
        *(forward.text for forward in forwards),
    ]
    return Pointed(
        joined(parts),
        [file for forward in forwards for file in forward.files],
        (*_stickers(message.stickers), *(note for one in forwards for note in one.notes)),
    )


def _forwarded(snapshot: discord.MessageSnapshot) -> Pointed:
    """A forwarded message. Of its mentions only ids are known."""
    parts = [_named(snapshot.content), *_shown(snapshot.components), *_embedded(snapshot.embeds)]
    notes = _stickers(snapshot.stickers)
    files = attachments_of(snapshot.attachments)
    text = forward_text(joined(parts))
    if not (text or files or notes):
        notes = (left_out("The forwarded message"),)
    return Pointed(text, files, notes)


def _embedded(
    embeds: Sequence[discord.Embed],
    users: Mapping[str, str] | None = None,
    guild: discord.Guild | None = None,
) -> Iterator[str]:
    for embed in embeds:
        fields = [f"{field.name}: {field.value}" for field in embed.fields]
        lines = [embed.author.name, embed.title, embed.description, *fields, embed.footer.text]
        yield embed_text(_named(str(line), users, guild) for line in lines if line)


def _shown(
    components: Sequence[object],
    users: Mapping[str, str] | None = None,
    guild: discord.Guild | None = None,
) -> Iterator[str]:
    """The texts among the components, of which a bot may build a whole message."""
    for component in components:
        if isinstance(component, discord.TextDisplay):
            yield _named(component.content, users, guild)
        elif isinstance(component, discord.Container | discord.SectionComponent):
            yield from _shown(component.children, users, guild)


def _poll(poll: discord.Poll) -> str:
    question = _named(str(poll.question or ""))
    answers = [(_named(str(one.text or one.emoji or "")), one.vote_count) for one in poll.answers]
    return poll_text(question, answers, ended=poll.is_finalised())


def _stickers(stickers: Sequence[discord.StickerItem]) -> tuple[str, ...]:
    return tuple(
        left_out(f"The sticker {clean_name(str(sticker.name), 'here')}") for sticker in stickers
    )


# ---------------------------------------------------------------- files


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

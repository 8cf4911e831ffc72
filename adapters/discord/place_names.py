"""What a conversation's server, channel and topic are called on Discord, for system prompts.

From what the gateway told; before it has (an answer is resumed at the start), from the REST API.
"""

import discord

from bot.messages import ConversationKey
from bot.ports import PlaceNames


async def place_names(client: discord.Client, conversation: ConversationKey) -> PlaceNames:
    """A `bot.ports.PlaceNamesFinder`; a thread's are those of its channel. Raises discord.py's
    exceptions where Discord cannot be asked."""
    if not conversation.workspace:
        return PlaceNames(bot=_bot(client, None), direct=True)
    guild = await _guild(client, int(conversation.workspace))
    channel = await _channel(client, int(conversation.channel))
    return PlaceNames(
        server=guild.name if guild else "",
        channel=getattr(channel, "name", ""),
        topic=getattr(channel, "topic", None) or "",
        bot=_bot(client, guild),
    )


def _bot(client: discord.Client, guild: discord.Guild | None) -> str:
    """The bot's name there: its nickname in a server whose members are known."""
    if client.user is None:
        return ""
    member = guild.get_member(client.user.id) if guild else None
    return (member or client.user).display_name


async def _guild(client: discord.Client, guild_id: int) -> discord.Guild | None:
    """None where Discord does not show it to the bot."""
    known = client.get_guild(guild_id)
    if known is not None and not known.unavailable:
        return known
    try:
        return await client.fetch_guild(guild_id, with_counts=False)
    except (discord.NotFound, discord.Forbidden):
        return None


async def _channel(client: discord.Client, channel_id: int) -> object:
    """discord.py's object for a channel; None where Discord does not show it to the bot."""
    channel: object = client.get_channel(channel_id)
    if channel is None:
        try:
            channel = await client.fetch_channel(channel_id)
        except (discord.NotFound, discord.Forbidden):
            return None
    return channel.parent or channel if isinstance(channel, discord.Thread) else channel

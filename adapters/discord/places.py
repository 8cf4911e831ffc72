"""Discord's channels and people as Parley's conversations and persons."""

import discord
from discord import app_commands

from bot.access import Access, AllowBlock
from bot.commands import clean_name
from bot.config import DiscordSettings
from bot.messages import ConversationKey, Person

PLATFORM = "discord"

Somebody = discord.User | discord.Member
Channel = (
    discord.abc.MessageableChannel
    | discord.interactions.InteractionChannel
    | discord.app_commands.AppCommandChannel
)


def access_of(settings: DiscordSettings) -> Access:
    """The lists of the configuration."""
    return Access(
        workspaces=AllowBlock(settings.allowed_guilds, settings.blocked_guilds),
        channels=AllowBlock(settings.allowed_channels, settings.blocked_channels),
        roles=AllowBlock(settings.allowed_roles, settings.blocked_roles),
        people=AllowBlock(settings.allowed_people, settings.blocked_people),
        admin_roles=settings.admin_roles,
        admin_people=settings.admin_people,
    )

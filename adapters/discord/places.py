"""Discord's channels and people as the desk knows them."""

import discord

from adapters.common.access import Access, AllowBlock
from adapters.common.place import Member, Place, Profile
from bot.config import DiscordSettings
from bot.messages import ConversationKey
from bot.names import clean_name

PLATFORM = "discord"

Somebody = discord.User | discord.Member


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


def channel_id(key: ConversationKey) -> str:
    """The id of the channel, or thread, in which a conversation's messages are."""
    return key.thread or key.channel


def place_of(channel: object, channel_id: int, guild_id: int | None) -> Place:
    """The place. `channel` is discord.py's object for it, None where it has none: then a thread
    cannot be told from a channel."""
    own, guild = str(channel_id), str(guild_id or "")
    if isinstance(channel, discord.Thread):
        parent = str(channel.parent_id)
        ids = (own, parent, *_category(channel.parent))
        return Place(ConversationKey(PLATFORM, parent, own, guild), ids)
    key = ConversationKey(PLATFORM, own, workspace=guild)
    return Place(key, (own, *_category(channel)), direct=not guild)


def _category(channel: object) -> tuple[str, ...]:
    category = getattr(channel, "category_id", None)
    return (str(category),) if category else ()


def member_of(user: Somebody, permissions: discord.Permissions) -> Member:
    """Somebody with these permissions in the place of an event. Members with Manage Messages are
    its admins."""
    known = Profile(
        clean_name(user.display_name, f"user {user.id}"), admin=permissions.manage_messages
    )

    async def profile() -> Profile:
        return known

    roles = frozenset(str(role.id) for role in getattr(user, "roles", ()))
    return Member(str(user.id), profile, roles)


def permissions_in(channel: object, user: Somebody) -> discord.Permissions:
    """What a member may do in a channel, as far as it can be known: nothing where the member or
    the channel is unknown."""
    if not isinstance(user, discord.Member):
        return discord.Permissions.none()
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return user.guild_permissions
    if isinstance(channel, (discord.Thread, discord.abc.GuildChannel)):
        return channel.permissions_for(user)
    return discord.Permissions.none()


def may_send(channel: object, permissions: discord.Permissions) -> bool:
    """Whether `permissions` let the bot post in `channel`."""
    in_thread = isinstance(channel, discord.Thread)
    return permissions.send_messages_in_threads if in_thread else permissions.send_messages

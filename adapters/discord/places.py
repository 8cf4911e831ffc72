"""Discord's channels and people as Parley's conversations and persons.

Who may ask and who is an admin is computed anew for each event from what Discord says of the
member and the channel at that moment; no button and no command carries a right by itself.
"""

from dataclasses import dataclass

import discord

from adapters.common.access import Access, AllowBlock
from adapters.common.texts import clean_name
from bot.config import DiscordSettings
from bot.messages import ConversationKey, Person

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


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, as an event names it."""

    key: ConversationKey
    above: tuple[str, ...]
    """The ids that lists may name it by: its own, a thread's channel, the category."""

    @property
    def channel_id(self) -> str:
        """Where its messages are."""
        return channel_id(self.key)

    @property
    def direct(self) -> bool:
        return not self.key.workspace


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
    return Place(ConversationKey(PLATFORM, own, workspace=guild), (own, *_category(channel)))


def _category(channel: object) -> tuple[str, ...]:
    category = getattr(channel, "category_id", None)
    return (str(category),) if category else ()


def roles_of(user: Somebody) -> frozenset[str]:
    return frozenset(str(role.id) for role in getattr(user, "roles", ()))


def person_of(
    user: Somebody, place: Place, permissions: discord.Permissions, access: Access
) -> Person:
    """Who asks. In a DM everybody is the admin of their own conversation; in a channel the members
    with Manage Messages, and whom the configuration names."""
    named = access.named_admin(str(user.id), roles_of(user))
    admin = place.direct or permissions.manage_messages or named
    name = clean_name(user.display_name, f"user {user.id}")
    return Person(PLATFORM, str(user.id), name, admin=admin)


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

"""Slack's channels, threads and people as the desk knows them.

A channel has one conversation and each of its threads one of its own. A direct message is a
conversation like a channel, and its threads (the app's agent view opens them) are conversations of
their own.
"""

from adapters.common.access import Access, AllowBlock
from adapters.common.place import Member, Place, Profile
from adapters.slack.payloads import Malformed
from adapters.slack.workspaces import Workspace
from bot.config import SlackSettings
from bot.messages import ConversationKey

PLATFORM = "slack"


def access_of(settings: SlackSettings) -> Access:
    """The lists of the configuration."""
    return Access(
        workspaces=AllowBlock(settings.allowed_workspaces, settings.blocked_workspaces),
        channels=AllowBlock(settings.allowed_channels, settings.blocked_channels),
        people=AllowBlock(settings.allowed_people, settings.blocked_people),
        admin_people=settings.admin_people,
    )


def place_of(workspace: str, channel: str, thread: str = "") -> Place:
    """The place. `workspace`: a `Workspace.key`. Raises Malformed where an id holds a slash."""
    try:
        key = ConversationKey(PLATFORM, channel, thread, workspace)
    except ValueError as exc:
        raise Malformed("an id of a channel or thread holds a slash") from exc
    return Place(key, (channel,), direct=channel.startswith("D"))


def place_of_message(workspace: str, channel: str, ts: str, thread_ts: str) -> Place:
    """Where a message stands. A thread's first message stands in the channel."""
    return place_of(workspace, channel, "" if thread_ts == ts else thread_ts)


def member_of(workspace: Workspace, user: str) -> Member:
    """Somebody of a workspace. Its admins and owners are the admins of every place in it."""

    async def profile() -> Profile:
        return await workspace.people.profile(user)

    return Member(user, profile, key=f"{workspace.key}.{user}")

"""What a conversation's workspace, channel and topic are called on Slack, for system prompts.

auth.test names the workspace and the bot; conversations.info
(https://docs.slack.dev/reference/methods/conversations.info) the channel. Without the scopes
channels:read and groups:read the channel has no name.
"""

import logging
from typing import Any

from adapters.slack import mrkdwn
from adapters.slack.errors import Refused
from adapters.slack.places import place_of
from adapters.slack.workspaces import Workspace, Workspaces
from bot.errors import MessageGone
from bot.messages import ConversationKey
from bot.ports import PlaceNames

logger = logging.getLogger(__name__)


async def place_names(workspaces: Workspaces, conversation: ConversationKey) -> PlaceNames:
    """A `bot.ports.PlaceNamesFinder`; a thread's are those of its channel. Raises SurfaceBusy
    where Slack cannot be asked now, StorageError."""
    workspace = await workspaces.by_key(conversation.workspace)
    if workspace is None:
        return PlaceNames()
    direct = place_of(conversation.workspace, conversation.channel).direct
    channel = {} if direct else await _channel(workspace, conversation.channel)
    identity, _ = await workspace.gateway.identify()
    topic = channel.get("topic")
    written = _text(topic.get("value")) if isinstance(topic, dict) else ""
    return PlaceNames(
        server=_text(identity.get("team")),
        channel=_text(channel.get("name")),
        topic=await mrkdwn.plain(written, workspace.people.name),
        bot=_text(identity.get("user")),
        direct=direct,
    )


async def _channel(workspace: Workspace, channel: str) -> dict[str, Any]:
    """What Slack tells of a channel; {} where it does not, for want of a scope or a membership."""
    try:
        response = await workspace.gateway.call("conversations.info", channel=channel)
    except (Refused, MessageGone) as error:
        logger.warning("channel %s: Slack does not tell its name: %s", channel, error)
        return {}
    found = response.get("channel")
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

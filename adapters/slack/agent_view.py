"""The app's agent view: chats in the direct message with the app, their titles and the prompts that
are suggested there.

With ``agent_view`` (https://docs.slack.dev/ai/migrating-to-agent-messaging) each message in the
direct message opens a chat, which is the thread below it; app_home_opened says that somebody opened
it, app_context_changed what they look at. Apps with the older ``assistant_view`` are told by
assistant_thread_started and assistant_thread_context_changed, which name the thread.
"""

import logging

from adapters.common.handlers import Handlers
from adapters.slack.manifest import PROMPTS
from adapters.slack.payloads import JSON, Malformed, record, text
from adapters.slack.workspaces import Workspace
from bot.errors import SurfaceError
from bot.recent import Seen

logger = logging.getLogger(__name__)

MOST_TITLE_CHARACTERS = 60
"""Of a chat's title; Slack takes 200."""
_REMEMBERED = 1000
"""Places in which prompts were suggested, and chats that have a title."""


def title_of(question: str) -> str:
    """The title of a chat: the beginning of its first question, in one line."""
    line = " ".join(question.split())
    if len(line) <= MOST_TITLE_CHARACTERS:
        return line
    cut = line[:MOST_TITLE_CHARACTERS]
    return f"{cut.rpartition(' ')[0] or cut}…"


class AgentView:
    """Handles its events. Each call returns at once; Slack's refusals are logged, since all of
    this is decoration."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._suggested: Seen[tuple[str, str]] = Seen(_REMEMBERED)
        """Channel and thread of the chats of ``assistant_view`` that have prompts."""

    def opened(self, workspace: Workspace, event: JSON) -> None:
        """Somebody opened the messages tab. Raises Malformed."""
        self._handlers.start(_suggest(workspace, text(event, "channel")))

    def started(self, workspace: Workspace, event: JSON) -> None:
        """A chat of ``assistant_view`` was opened, or the person in it looks at something else. The
        prompts depend on neither: they are suggested once. Raises Malformed."""
        thread = record(event, "assistant_thread")
        channel, ts = text(thread, "channel_id"), text(thread, "thread_ts")
        if not channel.startswith("D"):
            raise Malformed("channel_id is no direct message")
        workspace.threads.chats.add((channel, ts))
        if self._suggested.add((channel, ts)):
            self._handlers.start(_suggest(workspace, channel, ts))

    def context_changed(self, workspace: Workspace, event: JSON) -> None:
        """The person looks at something else. Parley reads nothing of it: the model is given what
        people write to it alone. Raises Malformed."""
        record(event, "context")
        logger.debug("workspace %s: the context of an agent view changed", workspace.key)


async def _suggest(workspace: Workspace, channel: str, thread: str = "") -> None:
    try:
        await workspace.gateway.call(
            "assistant.threads.setSuggestedPrompts",
            channel_id=channel,
            thread_ts=thread or None,
            title="Ask me something",
            prompts=list(PROMPTS),
        )
    except SurfaceError as error:  # a decoration
        logger.info("prompts cannot be suggested: %s", error)


async def set_title(workspace: Workspace, channel: str, thread: str, question: str) -> None:
    """Name a chat by its first question. Raises nothing."""
    try:
        await workspace.gateway.call(
            "assistant.threads.setTitle",
            channel_id=channel,
            thread_ts=thread,
            title=title_of(question),
        )
    except SurfaceError as error:
        logger.info("a chat cannot be given a title: %s", error)

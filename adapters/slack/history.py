"""Slack's message history, for catching up: conversations.history, newest first, for channels, and
conversations.replies, oldest first, for threads.

https://docs.slack.dev/reference/methods/conversations.history and …/conversations.replies. Both
need the scope ``channels:history``, ``groups:history``, ``im:history`` or ``mpim:history``.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from adapters.common.catch_up import MOST_MESSAGES, Found, Page
from adapters.common.text_commands import is_text_command
from adapters.slack.api import JSON
from adapters.slack.errors import Refused
from adapters.slack.incoming import Incoming, Said, moment_of
from adapters.slack.pages import fetch_page
from adapters.slack.payloads import Malformed, record, text
from adapters.slack.places import PLATFORM, place_of, place_of_message
from adapters.slack.workspaces import Workspace, Workspaces
from bot.messages import ConversationKey
from bot.ports import RecentConversation

logger = logging.getLogger(__name__)

MOST_PAGES = 3
"""Calls for one place at most. Slack returns fewer messages than asked for to some apps."""
DELETED = "tombstone"
"""The subtype of a deleted message whose thread goes on."""


class SlackHistory:
    """`adapters.common.catch_up.History`."""

    platform = PLATFORM

    def __init__(self, workspaces: Workspaces, incoming: Incoming) -> None:
        self._workspaces = workspaces
        self._incoming = incoming
        self._denied: set[str] = set()
        """Workspaces that did not grant the scopes; each is logged once."""

    async def page(
        self, place: RecentConversation, since: datetime, known: datetime, /
    ) -> Page | None:
        workspace = await self._workspaces.by_key(place.conversation.workspace)
        if workspace is None or workspace.key in self._denied:
            return None
        try:
            if place.conversation.thread:
                return await self._thread(workspace, place.conversation, since, known)
            return await self._channel(workspace, place.conversation, since)
        except Refused as refused:
            if refused.code != "missing_scope":
                raise
            self._denied.add(workspace.key)
            logger.warning("missed questions cannot be looked for: %s", refused)
            return None

    def always_read(self, answer_all: frozenset[str]) -> list[RecentConversation]:
        """Where the app is installed in several workspaces, an id does not tell in which: none."""
        key = self._workspaces.only_key
        places = [place_of(key, channel) for channel in sorted(answer_all)] if key else []
        return [RecentConversation(place.key, direct=False) for place in places]

    def posted_at(self, message_id: str) -> datetime | None:
        return moment_of(message_id)

    async def _channel(self, workspace: Workspace, key: ConversationKey, since: datetime) -> Page:
        """The newest messages. Where Slack returns few at a time, back to `since`."""
        listed, cursor = await fetch_page(
            workspace, "conversations.history", limit=MOST_MESSAGES, channel=key.channel
        )
        for _ in range(MOST_PAGES - 1):
            oldest = moment_of(listed[-1]["ts"]) if listed else None
            if not cursor or len(listed) >= MOST_MESSAGES or oldest is None or oldest < since:
                break
            more, cursor = await fetch_page(
                workspace,
                "conversations.history",
                limit=MOST_MESSAGES,
                channel=key.channel,
                cursor=cursor,
            )
            listed += more
        listed.reverse()
        first = moment_of(listed[0]["ts"]) if listed else None
        whole_from = first if cursor else datetime.fromtimestamp(0, UTC)
        threads = [
            ConversationKey(PLATFORM, key.channel, str(message["ts"]), key.workspace)
            for message in listed
            if (latest := moment_of(message.get("latest_reply"))) and latest > since
        ]
        return Page(self._found(workspace, key, listed), whole_from, threads=threads)

    async def _thread(
        self, workspace: Workspace, key: ConversationKey, since: datetime, known: datetime
    ) -> Page:
        """The first messages of a thread from `known` on, and where there are more, those since
        `since`. Slack adds the thread's first message to each."""
        method = "conversations.replies"
        thread = {"limit": MOST_MESSAGES, "channel": key.channel, "ts": key.thread}
        listed, cursor = await fetch_page(workspace, method, **thread, oldest=_before(known))
        whole_to = moment_of(listed[-1]["ts"]) if listed and cursor else None
        arguments: JSON = {"oldest": _before(since)}
        for _ in range(MOST_PAGES - 1):
            if not cursor:
                break
            more, cursor = await fetch_page(workspace, method, **thread, **arguments)
            listed += [one for one in more if one not in listed]
            arguments = {"cursor": cursor}
        return Page(self._found(workspace, key, listed), known, whole_to)

    def _found(
        self, workspace: Workspace, key: ConversationKey, listed: Sequence[JSON]
    ) -> list[Found]:
        found = []
        for message in listed:
            try:
                one = self._one(workspace, key.channel, message)
            except Malformed as error:
                logger.warning("a message of Slack's history is ignored: %s", error)
                continue
            if one is not None:
                found.append(one)
        return found

    def _one(self, workspace: Workspace, channel: str, message: JSON) -> Found | None:
        ts = text(message, "ts")
        posted_at = moment_of(ts)
        if posted_at is None or message.get("subtype") == DELETED:
            return None
        said = Said.of(message, channel)
        heard = None if said is None else said.heard(workspace)
        if said is None or (heard is not None and is_text_command(heard.typed)):
            said, heard = None, None  # a command of the past is not obeyed
        place = place_of_message(workspace.key, channel, ts, text(message, "thread_ts", ""))
        return Found(
            ts,
            posted_at,
            moment_of(record(message, "edited").get("ts")),
            place,
            heard,
            partial(self._posted, workspace, said),
            partial(self._edited, workspace, said),
        )

    async def _posted(self, workspace: Workspace, said: Said | None) -> None:
        if said is not None:
            await self._incoming.receive(workspace, said)

    async def _edited(self, workspace: Workspace, said: Said | None) -> None:
        if said is not None:
            await self._incoming.edit(workspace, said)


def _before(moment: datetime) -> str:
    """The ``ts`` just before a moment: ``oldest`` is exclusive."""
    return f"{(moment - timedelta(milliseconds=1)).timestamp():.6f}"

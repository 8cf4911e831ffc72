"""Slack's channels and threads as Parley's conversations.

A channel has one conversation and each of its threads one of its own. With the scope ``thread``
each question in a channel opens a thread. A direct message is a conversation like a channel, and
its threads (the app's agent view opens them) are conversations of their own.
"""

from dataclasses import dataclass
from typing import Literal

from bot.messages import ConversationKey

PLATFORM = "slack"

Scope = Literal["channel", "thread"]


@dataclass(frozen=True, slots=True)
class Place:
    """A channel or a thread of a workspace."""

    workspace: str
    """The team's id; ``enterprise.team`` for a workspace of an organisation."""
    channel: str
    thread: str = ""

    @property
    def key(self) -> ConversationKey:
        return ConversationKey(PLATFORM, self.channel, self.thread, self.workspace)

    @property
    def direct(self) -> bool:
        """Between one person and the bot."""
        return self.channel.startswith("D")

    @classmethod
    def of(cls, key: ConversationKey) -> "Place":
        return cls(key.workspace, key.channel, key.thread)

    @classmethod
    def of_message(cls, workspace: str, channel: str, ts: str, thread_ts: str) -> "Place":
        """Where a message stands. A thread's first message stands in the channel."""
        return cls(workspace, channel, "" if thread_ts == ts else thread_ts)

    def asked_in(self, scope: Scope, ts: str) -> "Place":
        """Where the question in message `ts` is answered."""
        if self.thread or self.direct or scope == "channel":
            return self
        return Place(self.workspace, self.channel, ts)

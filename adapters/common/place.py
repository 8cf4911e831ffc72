"""Where something happens on a platform, and who did it, as an adapter reads them from an event."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.messages import ConversationKey


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, a thread or a direct message."""

    key: ConversationKey
    """Its conversation."""
    ids: tuple[str, ...] = ()
    """The ids by which allow and block lists may name it: its own, a thread's channel, a
    category."""
    direct: bool = False
    """Between one person and the bot."""
    answers_in: str = ""
    """The thread in which a question that is asked here is answered, while it belongs to the
    conversation of this channel; "" where the answer stands beside the question."""

    @property
    def workspace(self) -> str:
        """The server's or team's id, as lists name it; "" in Discord's direct messages. (The key
        of a team in an organisation is ``enterprise.team``.)"""
        return self.key.workspace.rpartition(".")[2]

    def thread(self, message_id: str) -> "Place":
        """The thread that the message opens here. On Slack and Discord a thread carries the id of
        the message that it was opened on."""
        key = replace(self.key, thread=message_id)
        return replace(self, key=key, ids=(message_id, *self.ids), answers_in="")

    def holding(self, message_id: str) -> tuple["Place", ...]:
        """The places whose conversation may hold the question in a message that was posted here:
        this one, and the thread that the message may have opened, or the channel of the thread that
        it opened."""
        if not self.key.thread:
            return (self, self.thread(message_id))
        if self.key.thread == message_id:
            return (self, replace(self, key=replace(self.key, thread="")))
        return (self,)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the platform says of a person, here and now."""

    name: str
    """Harmless: see `names.clean_name`."""
    admin: bool = False
    """May manage this place, by the platform's own rights."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who did something. Rights are looked up for each event: no button and no command
    carries a right by itself."""

    id: str
    """As lists name them."""
    profile: Callable[[], Awaitable[Profile]]
    """Asks the platform; only called where the lists let the person pass. Raises nothing."""
    roles: frozenset[str] = frozenset()
    key: str = ""
    """Unique on the platform where `id` is not (Slack: ``team.user``); "" where it is."""

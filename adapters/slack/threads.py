"""Who has spoken in the threads of a workspace, as far as it was seen or asked for.

The first message of a thread says who replied: ``reply_users`` (five at most) and
``reply_users_count`` (https://docs.slack.dev/messaging/retrieving-messages#threading). Parley asks
for it once, and follows the events of the thread from then on.
"""

import asyncio
import logging

from adapters.slack.api import JSON, Gateway
from adapters.slack.rate_limits import Tiers
from bot.clock import Clock, sleep_unless
from bot.errors import SurfaceError
from bot.recent import Recent, Seen

logger = logging.getLogger(__name__)

KEPT = 2000
"""Threads that are remembered; the one that was used longest ago is forgotten."""
MOST_SPEAKERS = 3
"""Speakers that are remembered of a thread: more make no difference."""
_MANY = frozenset({"several", "other", "people"})
"""Stands for more speakers than Slack names."""


class Threads:
    """The threads of one workspace. For one event loop; keeps no text."""

    def __init__(self, gateway: Gateway, tiers: Tiers, bot: frozenset[str]) -> None:
        """`bot`: the ids of the bot itself."""
        self._gateway = gateway
        self._tiers = tiers
        self._bot = bot
        self._speakers: Recent[tuple[str, str], frozenset[str]] = Recent(KEPT)
        """Who replied in a thread, without the bot, of threads of which that is known whole."""
        self._begun: Seen[tuple[str, str]] = Seen(KEPT)
        self._waited: dict[tuple[str, str], asyncio.Event] = {}
        """Threads without a message in which somebody is to be told something."""
        self.chats: Seen[tuple[str, str]] = Seen(KEPT)
        """Chats of ``assistant_view`` that were opened and have no title yet."""
        self.working: dict[tuple[str, str], set[str]] = {}
        """By channel and thread: the questions whose answers have set the session's status to
        "processing", by their ``ts``."""
        self.own: Seen[tuple[str, str]] = Seen(KEPT)
        """Channel and ``ts`` of the messages that this run of Parley posted for answers."""

    def replied(self, channel: str, thread: str, user: str) -> None:
        """Somebody, or the bot itself, has posted a message in this thread."""
        self._begun.add((channel, thread))
        if (waited := self._waited.pop((channel, thread), None)) is not None:
            waited.set()
        known = self._speakers.get((channel, thread))
        if known is not None and user not in self._bot and len(known) < MOST_SPEAKERS:
            self._speakers.put((channel, thread), known | {user})

    def begun(self, channel: str, thread: str) -> bool:
        """Whether the thread is known to have a message. Slack shows no ephemeral message in a
        thread that has none (https://docs.slack.dev/reference/methods/chat.postEphemeral)."""
        return (channel, thread) in self._begun

    async def begins(self, channel: str, thread: str, clock: Clock, seconds: float) -> None:
        """Returns when the thread has a message, or after `seconds`."""
        if self.begun(channel, thread):
            return
        event = self._waited.setdefault((channel, thread), asyncio.Event())
        try:
            await sleep_unless(clock, seconds, event)
        finally:
            if self._waited.get((channel, thread)) is event:
                del self._waited[channel, thread]

    async def alone(self, channel: str, thread: str, user: str) -> bool:
        """Whether nobody but `user` and the bot has replied in this thread. True where Slack does
        not say. Raises nothing."""
        known = self._speakers.get((channel, thread))
        if known is None:
            try:
                known = await self._asked(channel, thread)
            except SurfaceError as error:
                logger.info("who has spoken in a thread is unknown: %s", error)
                return True
            self._speakers.put((channel, thread), known)
        return known <= {user}

    async def _asked(self, channel: str, thread: str) -> frozenset[str]:
        """Who has replied so far, as Slack says. Raises SurfaceError."""
        await self._tiers.turn("conversations.replies")
        listed = await self._gateway.patiently(
            "conversations.replies", channel=channel, ts=thread, limit=1
        )
        found = [one for one in listed.get("messages") or () if one.get("ts") == thread]
        return _repliers(found[0]) - self._bot if found else frozenset()


def _repliers(first: JSON) -> frozenset[str]:
    """Who replied to the first message of a thread."""
    users = frozenset(str(user) for user in first.get("reply_users") or ())
    number = first.get("reply_users_count") or 0
    return users | _MANY if isinstance(number, int) and number > len(users) else users

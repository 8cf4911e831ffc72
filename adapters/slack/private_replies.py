"""Replies that only one person sees."""

import logging
from dataclasses import dataclass
from typing import Any

import aiohttp

from adapters.common.place import Place
from adapters.slack.mrkdwn import escaped, harmless
from adapters.slack.response_urls import respond
from adapters.slack.workspaces import Workspace
from bot.errors import SurfaceError

logger = logging.getLogger(__name__)


LONGEST = 9000
"""Characters of one message; a markdown block takes 12,000."""
MOST_PIECES = 5
ANSWER_SECONDS = 60.0
"""Wait for an answer's first message, before a note about its question stands in the channel."""


def split(text: str) -> list[str]:
    """`text` in pieces of at most `LONGEST` characters, cut between lines where there are any."""
    pieces: list[str] = []
    while len(text) > LONGEST:
        cut = text.rfind("\n", 0, LONGEST) + 1 or LONGEST
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def shortened(pieces: list[str]) -> list[str]:
    """At most `MOST_PIECES` of them; the last one says how much is left out."""
    left = sum(map(len, pieces[MOST_PIECES:]))
    if not left:
        return pieces
    kept = pieces[:MOST_PIECES]
    return [*kept[:-1], f"{kept[-1]}…\n\nThis is too long to be shown: {left:,} more characters."]


@dataclass(frozen=True, slots=True)
class PrivateReply:
    """Replies to one person, in one place; an `adapters.common.platform.Reply`."""

    workspace: Workspace
    place: Place
    user: str
    response_url: str = ""
    """Of a command or a button: it reaches the person even where the bot may not write. Five uses
    in half an hour."""

    asked: str = ""
    """The ``ts`` of the message that is replied to."""

    async def __call__(self, text: str, /, *, answered: bool = False) -> None:
        """With `answered` it stands in the answer's thread, which is waited for. Raises nothing:
        what cannot be delivered is logged. A long text comes in several messages, as many as the
        response URL takes; the last of them says where more is left out."""
        if answered and (thread := self._unopened):
            key, workspace = self.place.key, self.workspace
            await workspace.threads.begins(key.channel, thread, workspace.clock, ANSWER_SECONDS)
        for piece in shortened(split(text)):
            await self._send(piece)

    @property
    def _thread(self) -> str | None:
        """The thread of the answer, as soon as it has a message: before that nobody would see what
        stands in it."""
        return None if self._unopened else self._answers_in or None

    @property
    def _answers_in(self) -> str:
        return self.place.key.thread or self.place.answers_in

    @property
    def _unopened(self) -> str:
        """The thread of the answer, where it is the question's own and has no message yet; else
        ""."""
        thread = self._answers_in
        own = thread == self.asked or bool(self.place.answers_in)
        if own and not self.workspace.threads.begun(self.place.key.channel, thread):
            return thread
        return ""

    async def with_menu(self, text: str, menu: dict[str, Any]) -> None:
        """The same with an element of Block Kit below a short text."""
        await self._send(text, {"type": "actions", "elements": [menu]})

    async def _send(self, text: str, *below: dict[str, Any]) -> None:
        try:
            if self.response_url:
                await respond(self.response_url, text, *below)
                return
            await self.workspace.gateway.patiently(
                "chat.postEphemeral",
                channel=self.place.key.channel,
                user=self.user,
                thread_ts=self._thread,
                text=escaped(text),
                blocks=[{"type": "markdown", "text": harmless(text)}, *below],
            )
        except SurfaceError as error:
            logger.warning("%s: a private reply could not be delivered: %s", self.place.key, error)
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            logger.warning("%s: a response URL failed: %s", self.place.key, type(error).__name__)

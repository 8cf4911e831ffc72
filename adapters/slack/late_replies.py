"""Private replies to a command that may come minutes after it."""

import logging

import aiohttp

from adapters.common.direct import in_messages
from adapters.slack.private_replies import LONGEST
from adapters.slack.response_urls import respond
from bot.clock import Clock

logger = logging.getLogger(__name__)

LIFE = 29 * 60.0
"""Seconds. A response URL is good for 30 minutes and five uses
(https://docs.slack.dev/interactivity/handling-user-interaction#message_responses)."""
MOST_MESSAGES = 4
"""One use is left for what is said before."""


class LateReply:
    """`adapters.common.summaries.Private`, by the response URL of a command or shortcut."""

    def __init__(self, response_url: str, clock: Clock) -> None:
        self._url = response_url
        self._clock = clock
        self._begun = clock.monotonic()

    async def __call__(self, text: str) -> bool:
        parts = in_messages(text, LONGEST)
        late = self._clock.monotonic() - self._begun > LIFE
        if not self._url or late or len(parts) > MOST_MESSAGES:
            return False
        try:
            return all([await respond(self._url, part) for part in parts])
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            logger.warning("a response URL failed: %s", type(error).__name__)
            return False

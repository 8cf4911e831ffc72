"""Slack's native text streaming: a message to which text is appended.

chat.startStream, chat.appendStream and chat.stopStream (https://docs.slack.dev/reference/methods).
Slack ends a stream after about five minutes, or when a person presses its stop button; the message
stays and can then be edited with chat.update.
"""

import logging
from collections.abc import Sequence
from typing import Any

from adapters.slack.api import Gateway
from adapters.slack.errors import OutcomeUnknown, Refused
from adapters.slack.rate_limits import Tiers
from bot.clock import Clock
from bot.errors import MessageGone

logger = logging.getLogger(__name__)

MAX_SECONDS = 240.0
"""Age at which Parley ends a stream, before Slack does."""

ENDED = frozenset({"message_not_in_streaming_state", "stopped_by_user"})
"""Slack's error codes for a stream that has ended."""


class Stream:
    """A stream that this process started; `ts` is its message. Calls must not overlap: Slack
    appends in the order in which requests arrive."""

    def __init__(
        self, gateway: Gateway, tiers: Tiers, clock: Clock, channel: str, ts: str, sent: str = ""
    ) -> None:
        """`sent`: the text with which it was started."""
        self._gateway = gateway
        self._tiers = tiers
        self._clock = clock
        self._channel = channel
        self._began = clock.monotonic()
        self.ts = ts
        self.sent = sent
        """The text that Slack has acknowledged."""
        self.open = True
        """False once Slack has ended it, or it was stopped."""
        self._certain = True
        """False once the outcome of a call is unknown: its text may or may not be in the
        message."""

    def can_append(self, text: str) -> bool:
        """Whether the message can become `text` by appending: the stream is open, younger than
        `MAX_SECONDS`, and what it holds is known and a beginning of `text`."""
        young = self._clock.monotonic() - self._began < MAX_SECONDS
        return self.open and self._certain and young and text.startswith(self.sent)

    async def append(self, text: str) -> bool:
        """Append what `text`, which `can_append`, has more than the message. False where Slack
        refuses: the message has to be edited then. Raises SurfaceBusy for a rate limit and where
        the outcome is unknown, and MessageGone."""
        if text == self.sent:
            return True
        done = await self._try("chat.appendStream", markdown_text=text[len(self.sent) :])
        if done:
            self.sent = text
        return done

    async def finish(self, text: str, blocks: Sequence[Any], *, ends: bool) -> bool:
        """Append up to `text`, end the stream, and add `blocks` below the text. With `ends` nothing
        more is written in the thread's session. Returns and raises as `append` does."""
        if not self._tiers.take("chat.stopStream"):
            if not await self.append(text):  # show the text before the wait for the rate limit
                return False
            await self._tiers.turn("chat.stopStream")
        done = await self._try(
            "chat.stopStream",
            markdown_text=text[len(self.sent) :] or None,
            blocks=list(blocks) or None,
            session_status="active" if ends else None,
        )
        self.open = self.open and not done
        return done

    async def stop(self) -> None:
        """End it as it is, so that the message can be edited. Idempotent. Raises SurfaceBusy and
        MessageGone."""
        if self.open:
            await self._tiers.turn("chat.stopStream")
            await self._try("chat.stopStream")
            self.open = False

    async def _try(self, method: str, **arguments: Any) -> bool:
        try:
            await self._gateway.call(method, channel=self._channel, ts=self.ts, **arguments)
        except Refused as refused:
            logger.info("a stream ended; its message is edited instead: %s", refused)
            self.open = self.open and refused.code not in ENDED
            return False
        except OutcomeUnknown:
            self._certain = False
            raise
        except MessageGone:
            self.open = False
            raise
        return True

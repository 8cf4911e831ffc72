"""One native stream: a message that Slack lets grow without edits.

chat.startStream, chat.appendStream and chat.stopStream (https://docs.slack.dev/reference/methods).
Slack ends a stream by itself after about five minutes, or when a person presses its stop button;
the message stays and can then be edited like any other.
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

LONGEST = 240.0
"""Seconds after which a stream is ended by this side, before Slack does it."""

ENDED = frozenset({"message_not_in_streaming_state", "stopped_by_user"})
"""Slack's words for a stream that takes nothing any more."""


class Stream:
    """A stream that this process opened. Calls must not overlap: Slack appends in the order in
    which they arrive."""

    def __init__(self, gateway: Gateway, tiers: Tiers, clock: Clock, channel: str, ts: str) -> None:
        self._gateway = gateway
        self._tiers = tiers
        self._clock = clock
        self._channel = channel
        self._began = clock.monotonic()
        self.ts = ts
        self.sent = ""
        """The text that Slack has taken."""
        self.open = True
        """False once Slack says that it ended, or it was stopped."""
        self._certain = True
        """False where a call broke off: nobody knows whether its text arrived."""

    def takes(self, text: str) -> bool:
        """Whether the message can become `text` by appending."""
        young = self._clock.monotonic() - self._began < LONGEST
        return self.open and self._certain and young and text.startswith(self.sent)

    async def append(self, text: str) -> bool:
        """Let the message grow to `text`, which it `takes`; False where Slack does not take it: the
        message has to be edited. Raises SurfaceBusy where Slack asks to wait, and MessageGone."""
        if text == self.sent:
            return True
        done = await self._try("chat.appendStream", markdown_text=text[len(self.sent) :])
        if done:
            self.sent = text
        return done

    async def finish(self, text: str, blocks: Sequence[Any], *, whole: bool) -> bool:
        """Let it grow to `text` and end it with `blocks` below. `whole`: the answer has ended too.
        Returns and raises as `append` does."""
        if not self._tiers.take("chat.stopStream"):
            if not await self.append(text):  # the reader need not wait for the turn to stop
                return False
            await self._tiers.turn("chat.stopStream")
        done = await self._try(
            "chat.stopStream",
            markdown_text=text[len(self.sent) :] or None,
            blocks=list(blocks) or None,
            session_status="active" if whole else None,
        )
        self.open = self.open and not done
        return done

    async def end(self) -> None:
        """Stop it as it is, so that the message can be edited. Raises SurfaceBusy, MessageGone."""
        if self.open:
            await self._tiers.turn("chat.stopStream")
            await self._try("chat.stopStream")
            self.open = False

    async def _try(self, method: str, **arguments: Any) -> bool:
        try:
            await self._gateway.call(method, channel=self._channel, ts=self.ts, **arguments)
        except Refused as refused:
            logger.info("a stream goes on as edits of its message: %s", refused)
            self.open = self.open and refused.code not in ENDED
            return False
        except OutcomeUnknown:
            self._certain = False
            raise
        except MessageGone:
            self.open = False
            raise
        return True

"""A channel as the place where one answer is shown."""

from hashlib import blake2s
from typing import Any

from adapters.discord.api import MessageWrites, Upload
from adapters.discord.rendering import PINGS_NOBODY, TEXT_UNITS, payload, utf16_units
from bot.errors import MessageGone
from bot.ports import Part, SurfaceLimits

EDITS_PER_SECOND = 1.0
"""What a channel sustains in practice; replaced by what Discord's own headers say."""
BURST = 2
"""Edits at once: the first words of one answer and the end of another need not wait. Discord's
windows would allow 5, but then none for the rest of the window."""
POSTS_BURST = 5
"""New messages at once; they draw on a bucket of their own."""


class DiscordSurface:
    """One answer's place; a `bot.ports.Surface`. References are the ids of messages."""

    def __init__(
        self, writes: MessageWrites, channel: str, *, seed: str = "", reply_to: str = ""
    ) -> None:
        """`seed` tells this question from others, so that the nonces of another database, or of
        another run with the same numbers, are not taken for ours. `reply_to`: the message that
        the answer's first message replies to; one that is gone is no hindrance."""
        self._writes = writes
        self.channel = channel
        self._seed = seed
        self._reply_to = reply_to
        self._removals = 0

    @property
    def limits(self) -> SurfaceLimits:
        return SurfaceLimits(
            max_units=TEXT_UNITS,
            units=utf16_units,
            budget=f"discord:{self.channel}",
            edits_per_second=self._writes.edit_rate or EDITS_PER_SECOND,
            burst=BURST,
            posts_burst=POSTS_BURST,
        )

    async def send(self, part: Part) -> str:
        message = payload(part) | self._once(part.key)
        if part.index == 0 and self._reply_to:
            message["message_reference"] = {
                "message_id": self._reply_to,
                "fail_if_not_exists": False,
            }
        return await self._writes.create(self.channel, message)

    async def edit(self, message: str, part: Part) -> None:
        await self._writes.edit(self.channel, message, payload(part))

    async def remove(self, message: str) -> None:
        self._removals += 1
        try:
            await self._writes.delete(self.channel, message)
        except MessageGone:
            return

    async def attach(self, name: str, text: str) -> str | None:
        data = text.encode("utf-8", "replace")
        message: dict[str, Any] = {
            "content": "-# The whole answer as a file:",
            "allowed_mentions": PINGS_NOBODY,
        }
        message |= self._once(blake2s(data).hexdigest())
        return await self._writes.create(self.channel, message, Upload(name, data))

    def _once(self, key: str) -> dict[str, Any]:
        """A nonce, the same for each attempt to post the same: Discord makes one message of them.
        After something was removed it is another, lest the removed message is found again."""
        whole = f"{self._seed} {key} {self._removals}"
        nonce = blake2s(whole.encode(), digest_size=12).hexdigest()  # Discord takes 25 characters
        return {"nonce": nonce, "enforce_nonce": True}

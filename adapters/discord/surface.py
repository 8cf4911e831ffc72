"""The surface of one answer in a Discord channel, thread or direct message."""

from collections.abc import Collection
from contextlib import suppress
from hashlib import blake2s
from typing import Any

from adapters.discord.api import MessageWrites, Refused, Upload
from adapters.discord.rendering import (
    PINGS_NOBODY,
    TEXT_UNITS,
    payload,
    shows_answer,
    utf16_units,
)
from bot.errors import MessageGone
from bot.ports import Dialect, Form, Part, SurfaceLimits

EDITS_PER_SECOND = 1.0
"""In one channel, until Discord's rate-limit headers say more exactly (5 in 5 seconds)."""
BURST = 2
"""Edits that may come at once, so that the first words of one answer and the end of another need
not wait. Discord's window would allow 5, but then none until it ends."""
NO_HISTORY = 160002
"""Discord's code: a reply needs the permission Read Message History."""
POSTS_BURST = 5
"""New messages that may come at once; they have a rate-limit bucket of their own."""


class DiscordSurface:
    """Shows one answer; a `bot.ports.Surface`. References are message ids. Raises as
    `MessageWrites` does."""

    def __init__(
        self,
        writes: MessageWrites,
        channel: str,
        *,
        seed: str = "",
        reply_to: str = "",
        asker: str = "",
    ) -> None:
        """`seed`, the question's message id, is part of every nonce, so that an answer with the
        same number in another database has other nonces. `reply_to`: the message to which
        the answer's first message replies; it may have been deleted. `asker`: the id of the person
        who asked."""
        self._writes = writes
        self.channel = channel
        self._seed = seed
        self._reply_to = reply_to
        self._asker = asker
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
            markdown=Dialect.DISCORD,
            quote="> -# ",
        )

    async def send(self, part: Part) -> str:
        message = payload(part) | self._nonce(part.key)
        if part.index or not self._reply_to or part.form is Form.PLAIN:
            return await self._writes.create(self.channel, message)
        to = {"message_id": self._reply_to, "fail_if_not_exists": False}
        try:
            return await self._writes.create(self.channel, message | {"message_reference": to})
        except Refused as refused:
            if refused.code != NO_HISTORY:
                raise
            self._reply_to = ""  # without Read Message History the bot may post, but not reply
            return await self._writes.create(self.channel, message)

    async def edit(self, message: str, part: Part) -> None:
        await self._writes.edit(self.channel, message, payload(part))

    async def remove(self, message: str) -> None:
        self._removals += 1
        try:
            await self._writes.delete(self.channel, message)
        except MessageGone:
            return

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """By its buttons, which name the answer: Discord does not list nonces."""
        begin = max((self._seed or "0", *known), key=int)
        for message in await self._writes.after(self.channel, begin):
            reference = str(message.get("id", ""))
            if shows_answer(message, part.answer_id, part.tag) and reference not in known:
                return reference
        return None

    async def retire(self, message: str) -> None:
        with suppress(MessageGone):
            await self._writes.edit(self.channel, message, {"components": []})

    async def leave(self) -> None:
        """Nothing is shown beside the messages."""

    async def whisper(self, text: str) -> None:
        if self._asker:
            direct = await self._writes.direct_channel(self._asker)
            await self._writes.create(direct, {"content": text, "allowed_mentions": PINGS_NOBODY})

    async def attach(self, name: str, text: str) -> str | None:
        data = text.encode("utf-8", "replace")
        message: dict[str, Any] = {
            "content": "-# The complete answer as a file:",
            "allowed_mentions": PINGS_NOBODY,
        }
        message |= self._nonce(blake2s(data).hexdigest())
        return await self._writes.create(self.channel, message, Upload(name, data))

    def _nonce(self, key: str) -> dict[str, Any]:
        """The fields that make posting idempotent: retries of a post carry the same nonce, and
        Discord creates one message for it. After a removal the nonce changes; Discord would
        otherwise return the removed message."""
        source = f"{self._seed} {key} {self._removals}"
        nonce = blake2s(source.encode(), digest_size=12).hexdigest()  # at most 25 characters
        return {"nonce": nonce, "enforce_nonce": True}

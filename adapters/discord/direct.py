"""Direct messages on Discord."""

import secrets
from typing import Any

from adapters.common.direct import in_messages, patiently
from adapters.common.texts import DIRECT_CLOSED
from adapters.discord.api import MessageWrites, Payload, Refused, Upload
from adapters.discord.rendering import PINGS_NOBODY, TEXT_UNITS, utf16_units
from bot.errors import MessageGone, NotAllowed
from bot.ports import Dialect

CLOSED = (50007, 50278)
"""JSON error codes: the person takes no messages from the bot; they share no server with it."""
MOST_BYTES = 8_000_000
"""Discord takes files of 10 MiB from a bot in a direct message
(https://discord.com/developers/docs/reference#uploading-files)."""


class DiscordDirect:
    """`adapters.common.direct.Direct`."""

    most_bytes = MOST_BYTES

    def __init__(self, writes: MessageWrites, user: str) -> None:
        self._writes = writes
        self._user = user
        self._channel = ""

    async def say(self, text: str) -> None:
        for part in in_messages(text, TEXT_UNITS, utf16_units, Dialect.DISCORD):
            await self._post({"content": part})

    async def file(self, name: str, data: bytes, text: str) -> None:
        await self._post({"content": text}, Upload(name, data, "application/x-ndjson"))

    async def _post(self, message: dict[str, Any], upload: Upload | None = None) -> None:
        nonce = {"nonce": secrets.token_hex(12), "enforce_nonce": True}  # retries post once
        body = {**message, "allowed_mentions": PINGS_NOBODY, **nonce}

        async def post() -> None:
            await self._create(body, upload)

        await patiently(post, self._writes.clock)

    async def _create(self, body: Payload, upload: Upload | None) -> None:
        try:
            self._channel = self._channel or await self._writes.direct_channel(self._user)
            await self._writes.create(self._channel, body, upload)
        except Refused as refused:
            if refused.code in CLOSED:
                raise NotAllowed(DIRECT_CLOSED) from refused
            raise
        except MessageGone as gone:  # an account that does not exist any more
            raise NotAllowed(DIRECT_CLOSED) from gone

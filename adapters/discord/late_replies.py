"""Private replies to a command that may come minutes after it."""

import io
import logging
from datetime import UTC, datetime, timedelta

import aiohttp
import discord

from adapters.common.direct import in_messages
from adapters.discord.interactions import Interaction
from adapters.discord.rendering import TEXT_UNITS, utf16_units
from bot.ports import Dialect

logger = logging.getLogger(__name__)

LIFE = timedelta(minutes=14)
"""An interaction's token is good for 15 minutes
(https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages)."""
MOST_MESSAGES = 5
"""A text that takes more comes as a file."""


class LateReply:
    """`adapters.common.summaries.Private`, for an interaction that was deferred in private."""

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction

    async def __call__(self, text: str) -> bool:
        if datetime.now(UTC) - self._interaction.created_at > LIFE:
            return False
        try:
            await self._send(text)
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("a private reply came too late: %s", error)
            return False
        return True

    async def _send(self, text: str) -> None:
        send = self._interaction.followup.send
        parts = in_messages(text, TEXT_UNITS, utf16_units, Dialect.DISCORD)
        if len(parts) > MOST_MESSAGES:
            file = discord.File(io.BytesIO(text.encode("utf-8", "replace")), "summary.md")
            await send("-# The text as a file:", file=file, ephemeral=True)
            return
        for part in parts:
            await send(part, ephemeral=True)

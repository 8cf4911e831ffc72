"""`parley doctor` for ``[discord] answer_all_channels``: whether the bot can see each channel, and
read in it what mentions nobody. One GET request for each id; nothing is posted."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import aiohttp

from adapters.common import checkup as common
from adapters.discord.places import access_of
from bot.checks import Result, State
from bot.config import DiscordSettings

AREA = "Discord"
REMEDY = (
    "Check the ids (Copy ID with Developer Mode on), give Parley's role View Channel and Read "
    "Message History there, and compare allowed_channels and blocked_channels."
)
CATEGORY = 4
_WITH_MESSAGES = frozenset({0, 2, 5, 10, 11, 12, 13, 15, 16, CATEGORY})
"""The types of channels with messages, or with channels or posts that have some
(https://discord.com/developers/docs/resources/channel#channel-object-channel-types)."""


async def check_channels(
    http: aiohttp.ClientSession, base: str, settings: DiscordSettings, *, reads_all: bool
) -> list[Result]:
    """One result, none where the setting is empty. `reads_all`: the Message Content intent is on
    and used. Raises aiohttp.ClientError, TimeoutError and ValueError."""
    ids = settings.answer_all_channels
    if ids and not reads_all:
        return [_cannot_read()]
    return await common.check_channels(AREA, ids, partial(_wrong, http, base, settings), REMEDY)


def _cannot_read() -> Result:
    return Result(
        AREA,
        common.CHANNELS_CHECK,
        State.FAILED,
        "the Message Content intent is off: there a mention is needed all the same",
        "Switch the intent on in the Developer Portal (Bot, Privileged Gateway Intents) and set "
        "[discord] message_content = true, or empty answer_all_channels.",
    )


async def _wrong(
    http: aiohttp.ClientSession, base: str, settings: DiscordSettings, number: str
) -> str:
    """What is wrong with a channel; "" where nothing is."""
    async with http.get(f"{base}/channels/{number}") as response:
        body: Any = await response.json() if response.status == 200 else {}
        status = response.status
    if status in (403, 404):
        return f"Parley can see no channel {number}"
    if status != 200 or not isinstance(body, dict):
        return f"channel {number} could not be looked up (HTTP {status})"
    if body.get("type") not in _WITH_MESSAGES:
        return f"{number} is no channel of a server with messages"
    guild = str(body.get("guild_id") or "")
    if not access_of(settings).place(guild, _ids(number, body), direct=False):
        return f"allowed_channels and its neighbours leave out channel {number}"
    return ""


def _ids(number: str, body: dict[str, Any]) -> Sequence[str]:
    return [number, *([str(body["parent_id"])] if body.get("parent_id") else [])]

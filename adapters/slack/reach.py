"""A first message on Slack."""

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Gateway
from adapters.slack.workspaces import DEFAULT_BASE_URL
from bot.clock import SystemClock
from bot.config import SlackSettings

SECONDS = 15.0


async def say_in(settings: SlackSettings, channel: str, text: str) -> str:
    """Post `text` in the channel with this id, or with this name after a ``#``; return its id.
    Raises SurfaceError, with one line, where Slack refuses or cannot be reached."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        base = settings.base_url or DEFAULT_BASE_URL
        token = settings.bot_token.get_secret_value()
        client = AsyncWebClient(token, base, session=session, retry_handlers=[])
        gateway = Gateway(client, session, SystemClock())
        response = await gateway.call("chat.postMessage", channel=channel, text=text)
        return str(response.get("channel") or channel)

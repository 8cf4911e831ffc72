"""The way to tell one person something that nobody else sees."""

import logging
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.mrkdwn import escaped, harmless
from adapters.slack.places import Place
from adapters.slack.workspaces import Workspace
from bot.errors import SurfaceError

logger = logging.getLogger(__name__)

DEFECT = "Something went wrong on my side. The operator's log says what."


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells one person, in one place."""

    workspace: Workspace
    place: Place
    user: str
    """"" where nobody waits to be told."""
    response_url: str = ""
    """Of a command or a button: it reaches the person even where the bot may not write. Five uses
    in half an hour."""

    async def tell(self, text: str) -> None:
        """Raises nothing: what cannot be told is logged."""
        if not (self.user or self.response_url):
            return
        body: dict[str, Any] = {
            "text": escaped(text),
            "blocks": [{"type": "markdown", "text": harmless(text)}],
        }
        try:
            if self.response_url:
                hook = AsyncWebhookClient(self.response_url)
                await hook.send(**body, response_type="ephemeral", replace_original=False)
                return
            await self.workspace.gateway.patiently(
                "chat.postEphemeral",
                channel=self.place.channel,
                user=self.user,
                thread_ts=self.place.thread or None,
                **body,
            )
        except SurfaceError as error:
            logger.warning("%s: a person could not be told something: %s", self.place.key, error)
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            logger.warning("%s: a response URL failed: %s", self.place.key, type(error).__name__)

"""Messages by the response URL of a command, a button or a shortcut, for one person alone.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses: five uses in 30
minutes. Incoming webhooks refuse markdown blocks
(https://github.com/slackapi/slack-github-action/issues/440), and Slack does not say whether
response URLs take them. So a message that is refused is sent once more as sections of mrkdwn.
"""

import logging
from typing import Any

from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.mrkdwn import escaped, harmless
from adapters.slack.rendering import section_pieces

logger = logging.getLogger(__name__)

SPENT = 404
"""The status of a URL that takes no more."""


async def respond(url: str, text: str, *below: dict[str, Any]) -> bool:
    """Show `text` (Markdown), with blocks `below` it. False where Slack refuses it, which is
    logged. Raises TimeoutError, OSError and ClientError."""
    hook = AsyncWebhookClient(url)
    for blocks in ([{"type": "markdown", "text": harmless(text)}], _sections(text)):
        response = await hook.send(
            text=escaped(text),
            blocks=[*blocks, *below],
            response_type="ephemeral",
            replace_original=False,
        )
        if response.status_code == 200:
            return True
        logger.warning("a response URL was refused: HTTP %d", response.status_code)
        if response.status_code == SPENT:
            break
    return False


def _sections(text: str) -> list[dict[str, Any]]:
    """The text in mrkdwn: of Markdown only bold words are converted."""
    pieces = section_pieces(escaped(text).replace("**", "*"))
    return [{"type": "section", "text": {"type": "mrkdwn", "text": piece}} for piece in pieces]

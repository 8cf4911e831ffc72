"""Direct messages on Slack: a person's id as the channel is the direct message with them
(https://docs.slack.dev/reference/methods/chat.postMessage#channels)."""

from typing import Any

from adapters.common.direct import in_messages, patiently
from adapters.common.texts import DIRECT_CLOSED
from adapters.slack.errors import Refused
from adapters.slack.mrkdwn import escaped, harmless
from adapters.slack.private_replies import LONGEST
from adapters.slack.workspaces import Workspace
from bot.errors import NotAllowed

MOST_BYTES = 20_000_000
"""Slack takes more; a file is held in memory while it is sent."""
CLOSED = frozenset(
    {"channel_not_found", "messages_tab_disabled", "user_disabled", "not_in_channel"}
)
"""Codes that say that the person cannot be written to."""


class SlackDirect:
    """`adapters.common.direct.Direct`."""

    most_bytes = MOST_BYTES

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._workspace = workspace
        self._user = user

    async def say(self, text: str) -> None:
        for part in in_messages(text, LONGEST):
            await self._post(part)

    async def file(self, name: str, data: bytes, text: str) -> None:
        channel = await self._post(text)
        gateway = self._workspace.gateway
        length = len(data)
        slot = await self._call("files.getUploadURLExternal", filename=name, length=length)

        async def upload() -> None:
            await gateway.upload(slot["upload_url"], data)

        await patiently(upload, self._workspace.clock)
        files = [{"id": slot["file_id"], "title": name}]
        await self._call("files.completeUploadExternal", files=files, channel_id=channel)

    async def _post(self, text: str) -> str:
        """Returns the id of the channel."""
        await self._workspace.tiers.turn("chat.postMessage", self._user)
        posted = await self._call(
            "chat.postMessage",
            channel=self._user,
            text=escaped(text)[:4000],
            blocks=[{"type": "markdown", "text": harmless(text)}],
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(posted.get("channel") or self._user)

    async def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        try:
            return await self._workspace.gateway.patiently(method, **arguments)
        except Refused as refused:
            if refused.code in CLOSED:
                raise NotAllowed(DIRECT_CLOSED) from refused
            raise

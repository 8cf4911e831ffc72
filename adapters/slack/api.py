"""Calls of Slack's Web API with one token. Every call of Parley to Slack goes through here."""

from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.attachments import read_at_most
from adapters.slack.errors import fault
from bot.clock import Clock
from bot.errors import SurfaceBusy, SurfaceError

JSON = dict[str, Any]

_FORM_ONLY = frozenset(
    {
        "users.info",
        "conversations.history",
        "conversations.replies",
        "files.getUploadURLExternal",
    }
)
"""Methods that take no JSON."""

TRIES = 4
PATIENCE = 60.0
"""Seconds that a call which no reader watches may wait for Slack."""


class Gateway:
    """The Web API with the token of one workspace."""

    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock

    async def call(self, method: str, /, **arguments: Any) -> JSON:
        """What Slack answers. Raises SurfaceBusy, MessageGone and SurfaceError as `faults` says."""
        given = {name: value for name, value in arguments.items() if value is not None}
        way: JSON = {"params": given} if method in _FORM_ONLY else {"json": given}
        try:
            response = await self._client.api_call(method, **way)
        except Exception as exc:
            raise fault(method, exc) from exc
        return dict(response.data) if isinstance(response.data, dict) else {}

    async def patiently(self, method: str, /, **arguments: Any) -> JSON:
        """The same, tried again while Slack is busy, `PATIENCE` seconds at most."""
        waited = 0.0
        for _ in range(TRIES - 1):
            try:
                return await self.call(method, **arguments)
            except SurfaceBusy as busy:
                waited += busy.retry_after
                if waited > PATIENCE:
                    raise
                await self._clock.sleep(busy.retry_after)
        return await self.call(method, **arguments)

    async def identify(self) -> tuple[JSON, frozenset[str]]:
        """Who the bot is, and the scopes that its token has where Slack says so."""
        try:
            response = await self._client.api_call("auth.test")
        except Exception as exc:
            raise fault("auth.test", exc) from exc
        headers = {name.lower(): value for name, value in response.headers.items()}
        scopes = str(headers.get("x-oauth-scopes", "")).replace(" ", "").split(",")
        data = dict(response.data) if isinstance(response.data, dict) else {}
        return data, frozenset(filter(None, scopes))

    async def upload(self, url: str, data: bytes) -> None:
        """Send a file's content to the address that files.getUploadURLExternal gave."""
        try:
            async with self._session.post(url, data=data) as response:
                response.raise_for_status()
        except Exception as exc:
            raise fault("a file's upload", exc) from exc

    async def download(self, url: str, most: int) -> bytes:
        """The first `most` bytes of a file that somebody shared. Raises SurfaceError where Slack
        does not give it."""
        token = f"Bearer {self._client.token}"
        headers = {"Authorization": token, "Accept-Encoding": "identity"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                response.raise_for_status()
                if response.status != 200:
                    raise SurfaceError("Slack does not give a shared file; is files:read granted?")
                return await read_at_most(response, most)
        except SurfaceError:
            raise
        except Exception as exc:
            raise fault("a file's download", exc) from exc

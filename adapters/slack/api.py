"""Calls of Slack's Web API with the bot token of one workspace, and uploads and downloads of files.

Methods and their arguments: https://docs.slack.dev/reference/methods.
"""

from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.attachments import read_at_most
from adapters.slack.errors import surface_error
from bot.clock import Clock
from bot.errors import SurfaceBusy, SurfaceError

JSON = dict[str, Any]

_FORM_ONLY = frozenset(
    {
        "users.info",
        "conversations.info",
        "conversations.history",
        "conversations.replies",
        "files.getUploadURLExternal",
    }
)
"""Methods that accept form parameters only, no JSON body."""

TRIES = 4
"""Attempts that `patiently` makes at most."""
PATIENCE = 60.0
"""Seconds that `patiently` sleeps at most, all its retries together."""


class Gateway:
    """The Web API with the token of one workspace. Keeps no rate limits: these are the caller's
    (`adapters.slack.rate_limits`). For one event loop; calls may overlap."""

    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock

    async def call(self, method: str, /, **arguments: Any) -> JSON:
        """Call `method` once, without the arguments that are None, and return the response's JSON.
        Raises SurfaceBusy (for OutcomeUnknown, the call may have taken effect), MessageGone and
        Refused, as `errors.surface_error` says; SurfaceError once the session is closed."""
        given = {name: value for name, value in arguments.items() if value is not None}
        encoded: JSON = {"params": given} if method in _FORM_ONLY else {"json": given}
        try:
            response = await self._client.api_call(method, **encoded)
        except Exception as exc:
            raise self._error(method, exc) from exc
        return dict(response.data) if isinstance(response.data, dict) else {}

    def _error(self, method: str, error: Exception) -> SurfaceError:
        """`surface_error`; while Parley is shutting down, aiohttp raises errors of any kind."""
        if self._session.closed:
            return SurfaceError(f"{method} was not completed: the connection to Slack is closed")
        return surface_error(method, error)

    async def patiently(self, method: str, /, **arguments: Any) -> JSON:
        """`call`, retried after each SurfaceBusy when its `retry_after` is over: `TRIES` attempts
        and `PATIENCE` seconds at most. For calls that no reader waits for and that may be
        repeated."""
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
        """auth.test: its response, and the scopes of the token from the header ``X-OAuth-Scopes``;
        none where the header is missing. Raises as `call` does."""
        try:
            response = await self._client.api_call("auth.test")
        except Exception as exc:
            raise self._error("auth.test", exc) from exc
        headers = {name.lower(): value for name, value in response.headers.items()}
        scopes = str(headers.get("x-oauth-scopes", "")).replace(" ", "").split(",")
        data = dict(response.data) if isinstance(response.data, dict) else {}
        return data, frozenset(filter(None, scopes))

    async def upload(self, url: str, data: bytes) -> None:
        """Upload a file's content to the URL that files.getUploadURLExternal returned. Raises as
        `call` does."""
        try:
            async with self._session.post(url, data=data) as response:
                response.raise_for_status()
        except Exception as exc:
            raise self._error("a file upload", exc) from exc

    async def download(self, url: str, most: int) -> bytes:
        """The first `most` bytes of a shared file. Sends the token and follows no redirect, which
        would lead elsewhere. Raises SurfaceError where Slack does not return the file."""
        token = f"Bearer {self._client.token}"
        headers = {"Authorization": token, "Accept-Encoding": "identity"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                response.raise_for_status()
                if response.status != 200:
                    raise SurfaceError(
                        "Slack did not return a shared file. Is the scope files:read granted?"
                    )
                return await read_at_most(response, most)
        except SurfaceError:
            raise
        except Exception as exc:
            raise self._error("a file download", exc) from exc

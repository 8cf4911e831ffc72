"""Socket Mode: a WebSocket that Parley opens, through which Slack sends its events.

Protocol: https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.log_lines import Repeated, library_logger
from adapters.slack.errors import SOCKET_MODE_OFF, Refused, surface_error
from bot.clock import Clock
from bot.errors import ConfigError, ParleyError

logger = logging.getLogger(__name__)

Dispatch = Callable[[object], Awaitable[BoltResponse]]
"""Handles a parsed body and returns what it is acknowledged with. Raises nothing."""

FIRST_RETRY, LONGEST_RETRY = 2.0, 120.0
"""Seconds of backoff between two attempts to reconnect; doubled after each."""
LINE_SECONDS = 300.0
"""Seconds between two log lines about attempts that fail."""
_PING_SECONDS = 10.0


async def socket_address(client: AsyncWebClient, app_token: str) -> str:
    """The WebSocket URL for Socket Mode, from apps.connections.open; valid for one connection, for
    a short time. Raises ConfigError where Slack refuses the app-level token or Socket Mode is off,
    SurfaceBusy where Slack cannot be reached."""
    try:
        opened = await client.apps_connections_open(app_token=app_token)
    except Exception as exc:
        raise _unusable(surface_error("apps.connections.open", exc)) from exc
    return str(opened["url"])


@asynccontextmanager
async def socket_mode(
    dispatch: Dispatch,
    client: AsyncWebClient,
    app_token: str,
    address: str,
    clock: Clock,
    connected: Callable[[], None] = lambda: None,
    lost: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Keep a Socket Mode connection while the body runs, first to `address`, and pass to `dispatch`
    what comes. Everything is acknowledged, what is malformed too: a repetition would not change it.
    `connected` is called for each connection, before its first event; `lost`
    when one has ended and another is to be opened.

    A lost connection is opened again, with backoff: one log line names the cause, which may be a
    setting, and is repeated every `LINE_SECONDS`.
    """
    connection = _Connection(app_token, client, clock, lost)

    async def handle(receiver: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        response = await dispatch(request.payload)
        response.status = 200
        await send_async_response(receiver, request, response, time.time())

    async def hello(_client: object, message: dict[str, object], _raw: str | None = None) -> None:
        if message.get("type") == "hello":
            connected()

    connection.socket_mode_request_listeners.append(handle)
    connection.message_listeners.append(hello)
    connection.wss_uri = address
    try:
        await connection.connect()
        yield
    finally:
        await connection.close()


def _unusable(error: ParleyError) -> ParleyError:
    """ConfigError for every refusal of apps.connections.open: only the settings can change it."""
    if not isinstance(error, Refused):
        return error
    if error.code in SOCKET_MODE_OFF:
        return ConfigError(_off(error.code))
    return ConfigError(
        f"[slack] app_token: Slack does not accept it ({error.code}). Make an app-level token "
        "(xapp-…) with the scope connections:write on the app's page Basic Information."
    )


def _off(code: str) -> str:
    return (
        f"[slack] mode: Socket Mode is off for this app ({code}). Switch it on, on the app's page "
        "Socket Mode, or set mode to http."
    )


class _Connection(SocketModeClient):
    """slack_sdk's client, with another way to reconnect: its own tries every few seconds and logs
    several lines for each attempt, and tries a URL again that is valid only once."""

    def __init__(
        self, app_token: str, client: AsyncWebClient, clock: Clock, lost: Callable[[], None]
    ) -> None:
        super().__init__(
            app_token, library_logger("adapters.slack.socket"), client, ping_interval=_PING_SECONDS
        )
        self._clock = clock
        self._lost = lost
        self._failures = Repeated(clock, LINE_SECONDS)
        self._delay = FIRST_RETRY
        self._listening: set[asyncio.Task[Any]] = set()

    async def issue_new_wss_url(self) -> str:
        """A URL for a new connection, as soon as Slack gives one."""
        while True:
            try:
                return await socket_address(self.web_client, self.app_token)
            except ParleyError as error:
                await self._back_off(str(error))

    async def connect(self) -> None:
        """Open a connection and receive from it. Returns once there is one, or at `close`."""
        self.auto_reconnect_enabled = False
        if self.current_session is not None:
            self._lost()
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self.current_session.close()
        while not self.closed:
            address, self.wss_uri = self.wss_uri or await self.issue_new_wss_url(), None
            try:
                await self._open(address)
                return
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                await self._back_off(f"Slack cannot be reached: {type(error).__name__}")

    async def _open(self, address: str) -> None:
        session = await self.aiohttp_client_session.ws_connect(
            address, autoping=False, heartbeat=self.ping_interval, proxy=self.proxy
        )
        await session.ping(f"sdk-ping-pong:{time.time()}".encode())
        self.current_session = session
        self.last_ping_pong_time = None
        self.auto_reconnect_enabled, self.stale = True, False
        for earlier in (self.current_session_monitor, self.message_receiver):
            if earlier is not None:
                earlier.cancel()
        self.current_session_monitor = asyncio.ensure_future(self.monitor_current_session())
        self.message_receiver = asyncio.ensure_future(self.receive_messages())

    async def run_message_listeners(self, message: dict[str, Any], raw_message: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)
        if message.get("type") == "disconnect":
            await self._dismissed(message.get("reason"))
            return
        if "envelope_id" in message:  # the connection works
            self._delay = FIRST_RETRY
            if self._failures.reset():
                logger.warning("Slack sends events again")
        await super().run_message_listeners(message, raw_message)

    async def _dismissed(self, reason: object) -> None:
        """Slack asked for a new connection in place of this one."""
        session = self.current_session
        if isinstance(reason, str) and reason in SOCKET_MODE_OFF:
            await self._back_off(_off(reason))
        await self._replace(session)

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """Open another connection where the present one is not usable, or with `force`."""
        session = self.current_session
        if force or not await self.is_connected():
            await self._replace(session)

    async def _replace(self, session: aiohttp.ClientWebSocketResponse | None) -> None:
        """Open a connection in place of `session`, once: Slack's message that ends it, its end and
        the lack of pings all ask for that. Another one would close the new connection, with what
        Slack has sent through it by then."""
        async with self.connect_operation_lock:
            if self.current_session is not session and await self.is_connected():
                return
            self.wss_uri = await self.issue_new_wss_url()
            await self.connect()

    async def close(self) -> None:
        """End the connection, and whatever is being done to open another. Idempotent."""
        self.closed = True
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await super().close()  # type: ignore[no-untyped-call]

    async def _back_off(self, why: str) -> None:
        line = f"{why.rstrip('.')}. Until that changes, no events come; Parley keeps trying."
        self._failures.warn(logger, line)
        delay, self._delay = self._delay, min(LONGEST_RETRY, self._delay * 2)
        await self._clock.sleep(delay)

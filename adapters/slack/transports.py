"""The two transports of Slack's events: Socket Mode, a WebSocket that Parley opens, and signed HTTP
requests to a server that Parley runs. Bolt acknowledges the events on both."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.errors import REVOKED, Refused, surface_error
from bot.errors import ConfigError, ParleyError

logger = logging.getLogger(__name__)

EVENTS_PATH = "/slack/events"
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
"""The paths of the HTTP server: events, and the two pages of OAuth."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


# ---------------------------------------------------------------- Socket Mode


async def socket_address(client: AsyncWebClient, app_token: str) -> str:
    """The WebSocket URL for Socket Mode, from apps.connections.open; valid for one connection, for
    a short time. Raises ConfigError where Slack does not accept the app-level token, SurfaceBusy
    where Slack cannot be reached."""
    if not app_token:
        raise ConfigError(
            "[slack] app_token is not set. Socket Mode needs an app-level token (xapp-…) with the "
            "scope connections:write, from the app's page Basic Information; or set mode to http."
        )
    try:
        opened = await client.apps_connections_open(app_token=app_token)
    except Exception as exc:
        raise _bad_app_token(surface_error("apps.connections.open", exc)) from exc
    return str(opened["url"])


@asynccontextmanager
async def socket_mode(
    app: AsyncApp,
    client: AsyncWebClient,
    app_token: str,
    address: str,
    connected: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Keep a Socket Mode connection while the body runs: first to `address`; slack_sdk reconnects a
    lost one with a new URL. `connected` is called for each connection, before its first event."""
    handler = AsyncSocketModeHandler(app, app_token, logger=_socket_logger(), web_client=client)
    handler.client.wss_uri = address

    async def hello(_client: object, message: dict[str, object], _raw: str | None = None) -> None:
        if message.get("type") == "hello":
            connected()

    handler.client.message_listeners.append(hello)
    try:
        await handler.client.connect()  # type: ignore[no-untyped-call]
        yield
    finally:
        await handler.client.close()  # type: ignore[no-untyped-call]


def _bad_app_token(error: ParleyError) -> ParleyError:
    if isinstance(error, Refused) and error.code in REVOKED | {"not_allowed_token_type"}:
        return ConfigError(
            f"[slack] app_token: Slack does not accept it ({error.code}). Make an app-level token "
            "(xapp-…) with the scope connections:write on the app's page Basic Information."
        )
    return error


class _NoTraceback(logging.Filter):
    """Removes tracebacks: slack_sdk logs one for each failed attempt to reconnect."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


def _socket_logger() -> logging.Logger:
    log = logging.getLogger("adapters.slack.socket")
    log.setLevel(logging.WARNING)
    if not log.filters:
        log.addFilter(_NoTraceback())
    return log


# ---------------------------------------------------------------- HTTP


@asynccontextmanager
async def http_mode(
    host: str, port: int, app: AsyncApp | None, flow: AsyncOAuthFlow | None
) -> AsyncIterator[str]:
    """Run an HTTP server while the body runs: for events where `app` is given, for OAuth
    installations where `flow` is. Yields its URL. Raises ConfigError where it cannot listen at
    `host` and `port` (0 for any free port)."""
    server = web.Application()
    if app is not None:
        server.router.add_post(EVENTS_PATH, _events(app))
    if flow is not None:
        server.router.add_get(INSTALL_PATH, _page(flow, callback=False))
        server.router.add_get(REDIRECT_PATH, _page(flow, callback=True))
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise ConfigError(
                f"[slack] host and port: Parley cannot listen at {host}:{port}: {exc.strerror}. "
                "Choose another port, or stop the program that uses it."
            ) from exc
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


def _events(app: AsyncApp) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = await app.async_dispatch(await to_bolt_request(request))
        if response.status == 401:
            logger.warning(
                "a request to %s was refused: its signature is wrong or more than five minutes "
                "old. Compare [slack] signing_secret with the app's page Basic Information, and "
                "check this machine's clock.",
                EVENTS_PATH,
            )
        return await to_aiohttp_response(response)

    return handle


def _page(flow: AsyncOAuthFlow, *, callback: bool) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        bolt_request = await to_bolt_request(request)
        handler = flow.handle_callback if callback else flow.handle_installation
        return await to_aiohttp_response(await handler(bolt_request))

    return handle

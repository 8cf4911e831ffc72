"""How events come: over a socket that Parley opens (Socket Mode), or as signed HTTP requests."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.errors import REVOKED, Refused, fault
from bot.errors import ConfigError, ParleyError

logger = logging.getLogger(__name__)

EVENTS_PATH = "/slack/events"
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


# ---------------------------------------------------------------- Socket Mode


async def socket_address(client: AsyncWebClient, app_token: str) -> str:
    """Where the socket is, by apps.connections.open; good for one connection, soon. Raises
    ConfigError where Slack refuses the token, SurfaceBusy where it cannot be reached."""
    if not app_token:
        raise ConfigError(
            "[slack] app_token is not set. Socket Mode needs an app-level token (xapp-…) with the "
            "scope connections:write, from the app's page Basic Information; or set mode to http."
        )
    try:
        opened = await client.apps_connections_open(app_token=app_token)
    except Exception as exc:
        raise _bad_app_token(fault("apps.connections.open", exc)) from exc
    return str(opened["url"])


@asynccontextmanager
async def socket_mode(
    app: AsyncApp, client: AsyncWebClient, app_token: str, address: str
) -> AsyncIterator[None]:
    """Connected to Slack at `address` while the body runs; a lost connection is made anew by
    slack_sdk, which asks for another address."""
    handler = AsyncSocketModeHandler(app, app_token, logger=_socket_logger(), web_client=client)
    handler.client.wss_uri = address
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


class _OneLine(logging.Filter):
    """A connection that is being made anew is no news for a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


def _socket_logger() -> logging.Logger:
    log = logging.getLogger("adapters.slack.socket")
    log.setLevel(logging.WARNING)
    if not log.filters:
        log.addFilter(_OneLine())
    return log


# ---------------------------------------------------------------- HTTP


@asynccontextmanager
async def http_mode(
    host: str, port: int, app: AsyncApp | None, flow: AsyncOAuthFlow | None
) -> AsyncIterator[str]:
    """Listening while the body runs: for events with `app`, for installations with `flow`. Gives
    the address. Raises ConfigError where it cannot listen there."""
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
                "Choose another port, or end the program that has it."
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
                "see that this machine's clock is right.",
                EVENTS_PATH,
            )
        return await to_aiohttp_response(response)

    return handle


def _page(flow: AsyncOAuthFlow, *, callback: bool) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await to_bolt_request(request)
        answer = flow.handle_callback(asked) if callback else flow.handle_installation(asked)
        return await to_aiohttp_response(await answer)

    return handle

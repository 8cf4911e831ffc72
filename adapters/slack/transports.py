"""The HTTP server of Parley: signed requests with Slack's events, and the pages of OAuth.

Signatures: https://docs.slack.dev/authentication/verifying-requests-from-slack. The other transport
is `adapters.slack.socket_mode`.
"""

import asyncio
import json
import logging
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from adapters.common.log_lines import Repeated, library_logger
from adapters.slack.socket_mode import Dispatch
from bot.clock import Clock
from bot.errors import ConfigError

logger = logging.getLogger(__name__)

EVENTS_PATH = "/slack/events"
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
"""The paths of the HTTP server: events, and the two pages of OAuth."""

MOST_BYTES = 1_048_576
"""Size of the largest body that is read."""
READ_SECONDS = 10.0
"""Time in which a body has to arrive."""
LINE_SECONDS = 60.0
"""Seconds between two log lines about requests that are refused."""
_MOST_FIELDS = 100
"""Fields of a form: a command has a dozen."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def http_mode(
    host: str, port: int, events: "Events | None", flow: AsyncOAuthFlow | None
) -> AsyncIterator[str]:
    """Run an HTTP server while the body runs: for events where `events` is given, for OAuth
    installations where `flow` is. Yields its URL. Raises ConfigError where it cannot listen at
    `host` and `port` (0 for any free port)."""
    server = web.Application(client_max_size=MOST_BYTES)
    if events is not None:
        server.router.add_post(EVENTS_PATH, events.handle)
    if flow is not None:
        server.router.add_get(INSTALL_PATH, _page(flow, callback=False))
        server.router.add_get(REDIRECT_PATH, _page(flow, callback=True))
    runner = web.AppRunner(
        server, access_log=None, shutdown_timeout=5, logger=library_logger("adapters.slack.http")
    )
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


class Events:
    """Receives Slack's requests. Nothing of a body is parsed before its signature is verified."""

    def __init__(self, dispatch: Dispatch, signing_secret: str, clock: Clock) -> None:
        self._dispatch = dispatch
        self._verifier = SignatureVerifier(signing_secret)
        self._refused = Repeated(clock, LINE_SECONDS)
        self._malformed = Repeated(clock, LINE_SECONDS)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The response to a request: status 401 for a wrong signature or one that is more than five
        minutes old, 400 for a malformed body, 408 and 413 for one that is too slow or too large,
        415 for one of another type. Raises nothing else."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                raw = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        except (HttpProcessingError, web.RequestPayloadError, OSError):  # a broken compression
            return web.Response(status=400)
        if b"ssl_check=1" in raw.split(b"&"):  # Slack checks the certificate, without a signature
            return web.Response()
        if not self._signed(raw, request.headers):
            self._refused.warn(
                logger,
                f"a request to {EVENTS_PATH} was refused: its signature is wrong or more than five "
                "minutes old. Compare [slack] signing_secret with the app's page Basic "
                "Information, and check this machine's clock.",
            )
            return web.Response(status=401)
        return await self._answer(raw, request.content_type)

    def _signed(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        try:
            return self._verifier.is_valid(
                raw,
                headers.get("X-Slack-Request-Timestamp"),
                headers.get("X-Slack-Signature"),
            )
        except (ValueError, TypeError, OverflowError):  # no number; no ASCII; no UTF-8
            return False

    async def _answer(self, raw: bytes, kind: str) -> web.StreamResponse:
        if kind not in _PARSERS:
            return web.Response(status=415)
        try:
            body = _PARSERS[kind](raw)
        except (ValueError, RecursionError):
            self._malformed.warn(logger, f"a signed request to {EVENTS_PATH} has a malformed body")
            return web.Response(status=400)
        return await to_aiohttp_response(await self._dispatch(body))


def _form(raw: bytes) -> object:
    """A command as a form's fields; an interaction as the JSON in its field ``payload``. Raises
    ValueError."""
    pairs = urllib.parse.parse_qsl(
        raw.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS
    )
    fields = dict(pairs)
    return json.loads(fields["payload"]) if "payload" in fields else fields


_PARSERS: dict[str, Callable[[bytes], object]] = {
    "application/json": json.loads,
    "application/x-www-form-urlencoded": _form,
}


def _page(flow: AsyncOAuthFlow, *, callback: bool) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers: dict[str, str | Sequence[str]] = dict(request.headers.items())
        bolt_request = AsyncBoltRequest(body="", query=request.query_string, headers=headers)
        handler = flow.handle_callback if callback else flow.handle_installation
        return await to_aiohttp_response(await handler(bolt_request))

    return handle

"""Runs the web server beside the platforms."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.clock import Clock
from parley.web.app import create_app
from parley.web.live import Live
from parley.web.local import published
from parley.web.patience import Patience
from parley.web.state import STATE

logger = logging.getLogger(__name__)

SHUTDOWN = 2.0
"""Seconds for which requests that are being answered may go on at the end."""
LINGER = 2.0
"""Seconds for which the rest of a request is read that was answered already."""
MOST_CONNECTIONS = 128
"""Connections at a time; more are closed at once."""


@asynccontextmanager
async def serving_web(
    live: Live, clock: Clock | None = None, patience: Patience | None = None
) -> AsyncIterator[str]:
    """Serve ``[web] listen`` while the body runs; yields the address on this computer.

    Yields "" where the setting is empty. Also where the server cannot start: one line in the log
    says why, and the body runs all the same.
    """
    if not live.settings.web.listen:
        yield ""
        return
    async with AsyncExitStack() as stack:
        try:
            url = await _start(live, clock, patience or Patience(), stack)
        except Exception as error:
            _log_failure(live, error)
            url = ""
        yield url


async def _start(live: Live, clock: Clock | None, patience: Patience, stack: AsyncExitStack) -> str:
    app = create_app(live, clock, patience)
    # No access log: addresses may name conversations.
    runner = web.AppRunner(
        app,
        logger=_logger(),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN,
        keepalive_timeout=patience.idle,
        lingering_time=min(LINGER, patience.body),
    )
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    host, port = live.settings.web.address
    port = await _listen(runner, host, port, stack)
    url = f"http://{_reachable(host)}:{port}"
    stack.enter_context(published(live.settings, url, app[STATE].local_token))
    sampling = asyncio.create_task(live.lag.run(), name="lag of the event loop")
    stack.push_async_callback(_cancelled, sampling)
    logger.info("the web server is at %s", url)
    _warn(live, host)
    return url


async def _listen(runner: web.AppRunner, host: str, port: int, stack: AsyncExitStack) -> int:
    """Accept connections until the stack ends; returns the port. Raises OSError."""
    server = runner.server
    assert server is not None

    def protocol() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < MOST_CONNECTIONS else _Refused()

    listening = await asyncio.get_running_loop().create_server(protocol, host, port)
    stack.callback(listening.close)
    return int(listening.sockets[0].getsockname()[1])


class _Refused(asyncio.Protocol):
    """Closes its connection: there are too many, and the platforms need file descriptors, too."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _logger() -> logging.Logger:
    """For aiohttp, without what clients do wrong: a traceback for each malformed request."""
    made = logging.getLogger(f"{__name__}.requests")
    made.addFilter(_is_ours)
    return made


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _reachable(host: str) -> str:
    """`host` as this computer reaches it, for a URL."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


def _warn(live: Live, host: str) -> None:
    web_settings = live.settings.web
    if is_loopback(host) or web_settings.trusted_proxies:
        return
    logger.warning(
        "[web] listen = %s is reached from other computers without encryption, the password too: "
        "put a reverse proxy with TLS in front, and name it in [web] trusted_proxies",
        web_settings.listen,
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is reached from this computer alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _log_failure(live: Live, error: Exception) -> None:
    listen = live.settings.web.listen
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        logger.error(
            "[web] listen: %s is taken by another program. Answering goes on without the web "
            "server; choose another port.",
            listen,
        )
    elif isinstance(error, OSError):
        logger.error(
            "[web] listen: this computer cannot listen at %s (%s). Answering goes on without the "
            "web server.",
            listen,
            error.strerror or type(error).__name__,
        )
    else:
        logger.error("the web server cannot start, by a defect of Parley", exc_info=error)

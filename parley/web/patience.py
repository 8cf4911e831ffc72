"""How long the server waits for what a client should send, so that connections on which nothing
comes do not take the place of others (there are `parley.web.server.MOST_CONNECTIONS`)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits of a connection, in seconds."""

    idle: float = 30.0
    """Until the headers of a request are whole: from the connection's beginning, and from the end
    of the request before. Single bytes do not prolong it."""
    body: float = 20.0
    """Until a form is whole, after its headers."""


PATIENCE: web.AppKey[Patience] = web.AppKey("patience", Patience)
FORMS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@web.middleware
async def form_in_time(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Read the form of a request that changes something, which is kept in the request. One that
    does not come in time is answered with 408, and its connection closed. Raises
    HTTPRequestEntityTooLarge."""
    if request.method in FORMS:
        try:
            async with asyncio.timeout(request.app[PATIENCE].body):
                await request.post()
        except TimeoutError:
            late = web.Response(status=408, text="The form did not come in time. Send it again.\n")
            late.force_close()
            return late
    return await handler(request)

"""The web application: its middlewares, in the order that a request passes, and its pages."""

import logging
from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from bot.clock import Clock, SystemClock
from parley.web import conversations, doctor, health, login, metrics, now, overview, reports
from parley.web.access import (
    CLIENT,
    SESSION,
    Access,
    Handler,
    bearer,
    client_of,
    embedded,
    known_host,
    needed,
)
from parley.web.forms import SESSION_COOKIE
from parley.web.live import Live
from parley.web.patience import FORMS, PATIENCE, Patience, form_in_time
from parley.web.state import STATE, WebState

logger = logging.getLogger(__name__)

PAGES: tuple[Callable[[web.Application], None], ...] = (
    health.register,
    metrics.register,
    login.register,
    overview.register,
    now.register,
    reports.register,
    doctor.register,
    conversations.register,
)
"""Each adds its handlers to the application, and to ``app.cleanup_ctx`` what runs beside them."""

LARGEST_REQUEST = 64 * 1024
"""Bytes of a form."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "Parley",
}


def create_app(
    live: Live, clock: Clock | None = None, patience: Patience | None = None
) -> web.Application:
    """The application that shows `live`. It starts nothing before it is run."""
    app = web.Application(
        middlewares=[_bounded, _by_known_name, _permitted, form_in_time, _from_own_pages],
        client_max_size=LARGEST_REQUEST,
    )
    app[PATIENCE] = patience or Patience()
    app[STATE] = WebState.of(live, clock or SystemClock())
    app.on_response_prepare.append(_add_headers)
    app.on_cleanup.append(_close)
    for register in PAGES:
        register(app)
    return app


async def _close(app: web.Application) -> None:
    await app[STATE].database.aclose()


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Every response, a stream's too, forbids scripts of others, frames, and being stored."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def _bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A handler that fails ends its own request alone, and tells the visitor nothing."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        resource = request.match_info.route.resource
        place = resource.canonical if resource is not None else "?"
        logger.exception("the web page %s failed by a defect of Parley", place)
        return web.Response(status=500, text="This page failed. The log says why.\n")


@web.middleware
async def _by_known_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a ``Host`` that is not Parley's, and what another website embeds."""
    if not known_host(request, request.app[STATE].hosts):
        raise web.HTTPMisdirectedRequest(
            text="This name is not one of Parley's. Add it to [web] allowed_hosts.\n"
        )
    if embedded(request):
        raise web.HTTPForbidden(text="Pages of other websites get nothing from Parley.\n")
    return await handler(request)


@web.middleware
async def _permitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what the visitor may not see. Sets `CLIENT` and `SESSION`."""
    state = request.app[STATE]
    client = client_of(request, state.proxies)
    session = state.sessions.valid(request.cookies.get(SESSION_COOKIE, ""))
    request[CLIENT], request[SESSION] = client, session
    metrics_token = state.settings.metrics_token.get_secret_value()
    trusted = client.local or bearer(request, state.local_token, metrics_token)
    granted = Access.TEXTS if session else Access.NUMBERS if trusted else Access.NOTHING
    if granted >= needed(request):
        return await handler(request)
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        raise web.HTTPSeeOther(f"/login?next={quote(request.rel_url.raw_path, safe='/')}")
    raise web.HTTPUnauthorized(
        text="Log in at /login, or open the address that “parley web link” prints.\n",
        headers={"WWW-Authenticate": 'Bearer realm="Parley"'},
    )


@web.middleware
async def _from_own_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a change that does not come from a page of this server."""
    state = request.app[STATE]
    changing = request.method in FORMS and not bearer(request, state.local_token)
    if changing and not await state.forms.accepted(request):
        raise web.HTTPForbidden(
            text="This form is no longer valid. Open the page again, and repeat.\n"
        )
    return await handler(request)

"""Logging in and out: by the password, or by a one-time link."""

import logging
import math

from aiohttp import web

from parley.web.access import CLIENT, Client, bearer, open_to_all
from parley.web.forms import SESSION_COOKIE, VISITOR_COOKIE, cookie_of
from parley.web.local import NEW_LINK_PATH
from parley.web.password import TooManyAttempts
from parley.web.sessions import LINK, new_token
from parley.web.state import STATE

logger = logging.getLogger(__name__)

LINK_PATH = "/link/"


def register(app: web.Application) -> None:
    """Add the handlers."""
    app.router.add_get("/login", login_page)
    app.router.add_post("/login", log_in)
    app.router.add_get(LINK_PATH + "{link}", link_page)
    app.router.add_post("/link", open_link)
    app.router.add_post("/logout", log_out)
    app.router.add_post(NEW_LINK_PATH, make_link)


@open_to_all
async def login_page(request: web.Request) -> web.Response:
    """The form for the password."""
    return await _login_form(request, local_path(request.query.get("next", "")))


@open_to_all
async def log_in(request: web.Request) -> web.Response:
    """Begin a session for the password. What was tried is in no log."""
    state, client = request.app[STATE], _client(request)
    form = await request.post()
    password, next_page = form.get("password", ""), local_path(str(form.get("next", "")))
    try:
        right = await state.passwords.right(str(password), client.address)
    except TooManyAttempts as error:
        logger.warning("a password for the web server was tried too often from %s", client.address)
        response = await _login_form(
            request, next_page, f"Too many attempts. Wait {error.seconds:.0f} s.", 429
        )
        response.headers["Retry-After"] = str(math.ceil(error.seconds))
        return response
    if not right:
        logger.warning("a wrong password for the web server, from %s", client.address)
        return await _login_form(request, next_page, "This password is not right.", 401)
    return _logged_in(request, state.sessions.open(), next_page)


@open_to_all
async def link_page(request: web.Request) -> web.Response:
    """A button that uses the one-time link: programs that only look at addresses use up nothing."""
    return await _page(request, "link.html", {"link": request.match_info["link"]})


@open_to_all
async def open_link(request: web.Request) -> web.Response:
    """Begin a session for a one-time link."""
    state, client = request.app[STATE], _client(request)
    link = str((await request.post()).get("link", ""))
    token = state.sessions.redeem(link)
    if token is None:
        logger.warning("a one-time link that is used up or wrong, from %s", client.address)
        message = "This link was used or is too old. Make another one with: parley web link"
        return await _login_form(request, "/", message, 401)
    return _logged_in(request, token, "/")


async def log_out(request: web.Request) -> web.Response:
    """End the session."""
    request.app[STATE].sessions.close(request.cookies.get(SESSION_COOKIE, ""))
    response = web.HTTPSeeOther("/login")
    response.del_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="Strict")
    raise response


@open_to_all
async def make_link(request: web.Request) -> web.Response:
    """A one-time link for a program that has the token of `parley.web.local`."""
    state = request.app[STATE]
    if not bearer(request, state.local_token):
        raise web.HTTPUnauthorized(text="This address is for “parley web link”.\n")
    return web.json_response({"path": LINK_PATH + state.sessions.new_link(), "seconds": LINK})


def local_path(text: str) -> str:
    """`text` where it is a path on this server that a browser cannot take for another website's
    address, else "/"."""
    plain = text.startswith("/") and text.isascii() and text.isprintable()
    return text if plain and not text.startswith("//") and "\\" not in text else "/"


def _client(request: web.Request) -> Client:
    return request[CLIENT]


async def _login_form(
    request: web.Request, next_page: str, error: str = "", status: int = 200
) -> web.Response:
    usable = request.app[STATE].passwords.usable
    values = {"next": next_page, "error": error, "password_set": usable}
    return await _page(request, "login.html", values, status)


async def _page(
    request: web.Request, template: str, values: dict[str, object], status: int = 200
) -> web.Response:
    """A page with a form, for a browser that may not have a cookie yet."""
    cookie = cookie_of(request) or new_token()
    state = request.app[STATE]
    response = await state.render(request, template, values, status=status, cookie=cookie)
    if not cookie_of(request):
        _set_cookie(request, response, VISITOR_COOKIE, cookie)
    return response


def _logged_in(request: web.Request, token: str, next_page: str) -> web.Response:
    logger.info("the operator logged in to the web server from %s", _client(request).address)
    response = web.Response(status=303, headers={"Location": next_page})
    _set_cookie(request, response, SESSION_COOKIE, token)
    response.del_cookie(VISITOR_COOKIE, path="/", httponly=True, samesite="Strict")
    return response


def _set_cookie(request: web.Request, response: web.Response, name: str, value: str) -> None:
    """No script can read it, and no other website's request carries it."""
    secure = _client(request).secure
    response.set_cookie(name, value, path="/", httponly=True, samesite="Strict", secure=secure)

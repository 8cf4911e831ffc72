"""CSRF tokens: a form works only in a page that this server made for this browser.

The token is a keyed hash of the browser's cookie, so that nothing needs to be stored for visitors
without a session. Another website can neither read the cookie nor the page.
"""

import hmac
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from aiohttp import web

SESSION_COOKIE = "parley_session"
VISITOR_COOKIE = "parley_visitor"
"""Of a browser without a session, so that the form to log in can be bound to it."""
FIELD = "csrf"
HEADER = "X-CSRF-Token"


class Forms:
    """Makes and checks the tokens of one server."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def token(self, cookie: str) -> str:
        """The CSRF token for a browser with this cookie."""
        return hmac.new(self._key, cookie.encode("utf-8", "replace"), sha256).hexdigest()

    async def accepted(self, request: web.Request) -> bool:
        """Whether the request that changes something comes from a page of this server: with the
        token for its cookie, and not, as far as the browser tells, from another website. Reads the
        form. Raises HTTPRequestEntityTooLarge."""
        cookie = cookie_of(request)
        if not cookie or _cross_site(request):
            return False
        given = request.headers.get(HEADER) or (await request.post()).get(FIELD)
        if not isinstance(given, str):
            return False
        return hmac.compare_digest(self.token(cookie).encode(), given.encode("utf-8", "replace"))


def cookie_of(request: web.Request) -> str:
    """The cookie that the CSRF token belongs to; "" for a browser that has none yet."""
    return request.cookies.get(SESSION_COOKIE) or request.cookies.get(VISITOR_COOKIE, "")


def _cross_site(request: web.Request) -> bool:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    # with the port: another program on this computer is another website
    return urlsplit(origin).netloc.lower() != request.host.lower()

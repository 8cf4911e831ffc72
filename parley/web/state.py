"""What the handlers of one server share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from aiohttp import web
from jinja2 import Environment, FunctionLoader, StrictUndefined

from bot.clock import Clock
from bot.config import WebSettings
from parley.web.access import SESSION, Network, networks
from parley.web.database import DatabaseWatch
from parley.web.forms import Forms, cookie_of
from parley.web.live import Live
from parley.web.password import Passwords
from parley.web.plain import FILTERS, inert
from parley.web.sessions import Sessions, new_token


@dataclass(frozen=True, slots=True)
class WebState:
    """Everything that handlers need; `STATE` is its key in the application."""

    live: Live
    settings: WebSettings
    clock: Clock
    sessions: Sessions
    passwords: Passwords
    database: DatabaseWatch
    forms: Forms = field(default_factory=Forms)
    local_token: str = field(default_factory=new_token)
    """The token of `parley.web.local`, for programs of the same account."""

    @classmethod
    def of(cls, live: Live, clock: Clock) -> "WebState":
        """The state of a server that starts now."""
        settings = live.settings.web
        password_hash = settings.password_hash.get_secret_value()
        return cls(
            live=live,
            settings=settings,
            clock=clock,
            sessions=Sessions(clock),
            passwords=Passwords(password_hash, clock),
            database=DatabaseWatch(clock),
        )

    @property
    def proxies(self) -> tuple[Network, ...]:
        """``[web] trusted_proxies``."""
        return networks(self.settings.trusted_proxies)

    @property
    def hosts(self) -> frozenset[str]:
        """The names that the server is reached by, in lower case."""
        own = {"localhost", "127.0.0.1", "::1", self.settings.address[0]}
        return frozenset(name.lower() for name in {*own, *self.settings.allowed_hosts})

    async def render(
        self,
        request: web.Request,
        template: str,
        values: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        cookie: str = "",
    ) -> web.Response:
        """A page from ``templates/<template>``, with every value escaped. The template knows
        `csrf`, the token for its forms, `logged_in`, and its own `path`. `cookie` is that of the
        browser where the response sets it. Made in a thread: a long table takes some 10 ms."""
        known = {
            "csrf": self.forms.token(cookie or cookie_of(request)),
            "logged_in": request.get(SESSION, False),
            "path": request.path,
        }
        text = await asyncio.to_thread(_rendered, template, {**known, **(values or {})})
        return web.Response(text=text, content_type="text/html", status=status)


STATE: web.AppKey[WebState] = web.AppKey("state", WebState)


def _rendered(template: str, values: Mapping[str, Any]) -> str:
    """The first use of a template compiles it."""
    return _TEMPLATES.get_template(template).render(values)


def _source(name: str) -> str | None:
    file = files("parley.web") / "templates" / name
    return file.read_text(encoding="utf-8") if file.is_file() else None


_TEMPLATES = Environment(
    loader=FunctionLoader(_source),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=inert,
)
_TEMPLATES.filters.update(FILTERS)

"""The page at /, for whoever has logged in; and the style sheet."""

from importlib.resources import files

from aiohttp import web

from parley.web.access import open_to_all
from parley.web.readiness import readiness
from parley.web.state import STATE


def register(app: web.Application) -> None:
    """Add the handlers."""
    app.router.add_get("/", home)
    app.router.add_get("/static/parley.css", style)


async def home(request: web.Request) -> web.Response:
    """Whether everything works, and what was counted since the start."""
    state = request.app[STATE]
    checks = await readiness(state.live, state.database)
    return state.render(
        request, "home.html", {"checks": checks, "counted": state.live.recorder.now()}
    )


@open_to_all
async def style(request: web.Request) -> web.Response:
    """The style sheet of every page."""
    del request
    return web.Response(
        body=_STYLE, content_type="text/css", headers={"Cache-Control": "max-age=3600"}
    )


_STYLE = (files("parley.web") / "static" / "parley.css").read_bytes()

"""The overview at /: what Parley does now, its plots, its model, and for whoever has logged in
the newest verdicts, who uses how much, and the last problems. Also the files that pages load."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from typing import Any, TypeVar

from aiohttp import web

from bot.errors import StorageError
from bot.measures import By
from bot.ports import Store
from parley.web.access import SESSION, numbers, open_to_all
from parley.web.now import LATEST
from parley.web.periods import Group, Period
from parley.web.plots import CAN_DRAW, FRESH, Plots
from parley.web.problems import Problems
from parley.web.readiness import readiness
from parley.web.state import STATE, WebState

NEWEST = 5
"""Verdicts, people and problems that the overview shows."""
USE_DAYS = 30

PROBLEMS: web.AppKey[Problems] = web.AppKey("problems", Problems)
PLOTS: web.AppKey[Plots] = web.AppKey("plots", Plots)


def register(app: web.Application) -> None:
    """Add the handlers, and keep problems from now on."""
    app[PLOTS] = Plots(app[STATE].clock, _utc)
    app[PROBLEMS] = Problems(app[STATE].live.settings.secrets)
    app[PROBLEMS].listen()
    app.on_cleanup.append(_close)
    app.router.add_get("/", overview)
    app.router.add_get("/plots", plotted)
    app.router.add_get("/plots/{key:[a-z-]+}.svg", picture)
    for name, kind in STATIC.items():
        app.router.add_get(f"/static/{name}", _static(name, kind))


async def _close(app: web.Application) -> None:
    app[PROBLEMS].close()


Choice = TypeVar("Choice", bound=StrEnum)


def chosen(request: web.Request, name: str, default: Choice) -> Choice:
    """The value of the query's field `name`; `default` for anything that is none."""
    try:
        return type(default)(request.query.get(name, default.value))
    except ValueError:
        return default


def store_of(state: WebState) -> Store:
    """The database. Raises HTTPServiceUnavailable while it is being opened."""
    if state.live.parley is None:
        raise web.HTTPServiceUnavailable(
            text="Parley is starting: its model is being loaded. Open the page again in a moment.\n"
        )
    return state.live.parley.store


@dataclass(frozen=True, slots=True)
class _Shown:
    period: Period
    group: Group


@numbers
async def overview(request: web.Request) -> web.Response:
    """The page at /. Without a session it shows numbers alone."""
    state = request.app[STATE]
    shown = _Shown(chosen(request, "period", Period.HOUR), chosen(request, "by", Group.NOTHING))
    live = state.live
    values: dict[str, Any] = {
        "checks": await readiness(live, state.database),
        "now": await request.app[LATEST].now(),
        "shown": shown,
        "periods": list(Period),
        "groups": list(Group),
        "model": live.parley.engine.status.model if live.parley else None,
        "further": live.parley.engine.status.further if live.parley else (),
        "plots": [],
        "can_draw": CAN_DRAW,
        "drawn_at": _drawn_at(),
        "error": "",
        "lag": live.lag.percentile(0.99),
    }
    values |= await _stored(request, state, shown)
    return await state.render(request, "overview.html", values)


async def _stored(request: web.Request, state: WebState, shown: _Shown) -> Mapping[str, Any]:
    """What comes from the database; a database that fails leaves the rest of the page."""
    if state.live.parley is None:
        return {}
    store = state.live.parley.store
    try:
        plots = request.app[PLOTS]
        found: dict[str, Any] = {"plots": await plots.of(store, shown.period, shown.group)}
        if request.get(SESSION):
            found |= await _private(request.app, store)
    except StorageError as error:
        return {"error": str(error)}
    return found


async def _private(app: web.Application, store: Store) -> Mapping[str, Any]:
    since = _utc().date() - timedelta(days=USE_DAYS - 1)
    jobs = app[STATE].live.parley
    return {
        "asked": {job.id: job.answer.question for job in (jobs.engine.running if jobs else ())},
        "verdicts": await store.rated(0, limit=NEWEST),
        "people": await store.use(By.PERSON, since, limit=NEWEST),
        "problems": app[PROBLEMS].newest[:NEWEST],
    }


@numbers
async def plotted(request: web.Request) -> web.Response:
    """The plots alone, with which an open page replaces its own."""
    state = request.app[STATE]
    shown = _Shown(chosen(request, "period", Period.HOUR), chosen(request, "by", Group.NOTHING))
    try:
        found = await request.app[PLOTS].of(store_of(state), shown.period, shown.group)
    except StorageError as error:
        raise web.HTTPServiceUnavailable(text=f"{error}\n") from error
    values = {"plots": found, "shown": shown, "can_draw": CAN_DRAW, "drawn_at": _drawn_at()}
    return await state.render(request, "plots.html", values)


def _drawn_at() -> int:
    """Part of a picture's address, so that a browser loads it again."""
    return int(_utc().timestamp() // FRESH)


@numbers
async def picture(request: web.Request) -> web.Response:
    """One plot as SVG."""
    if not CAN_DRAW:
        raise web.HTTPNotFound(text="Plots need the extra web: pip install parley-chat[web]\n")
    store = store_of(request.app[STATE])
    period, group = chosen(request, "period", Period.HOUR), chosen(request, "by", Group.NOTHING)
    key = request.match_info["key"]
    try:
        drawn = await request.app[PLOTS].picture(store, period, group, key)
    except StorageError as error:
        raise web.HTTPServiceUnavailable(text=f"{error}\n") from error
    if not drawn:
        raise web.HTTPNotFound(text="There is no such plot.\n")
    return web.Response(body=drawn, content_type="image/svg+xml")


def _utc() -> datetime:
    return datetime.now(UTC)


# ---------------------------------------------------------------- files

STATIC = {"parley.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""The files of `static`, with their types."""


def _static(name: str, kind: str) -> Any:
    body = (files("parley.web") / "static" / name).read_bytes()

    @open_to_all
    async def handler(request: web.Request) -> web.Response:
        del request
        return web.Response(body=body, content_type=kind, headers={"Cache-Control": "max-age=3600"})

    return handler

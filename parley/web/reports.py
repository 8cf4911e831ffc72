"""Reports for whoever has logged in: verdicts with their answers and prompts, who used how much,
the last problems, and the settings in force."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from pydantic import BaseModel, SecretStr

from bot.config import Settings
from bot.errors import StorageError
from bot.measures import By
from bot.url_passwords import without_passwords
from parley.web.overview import PROBLEMS, store_of
from parley.web.state import STATE
from storage import prompts

PAGE = 20
USERS = 100
DAYS = (1, 7, 30, 365)
"""Of which the use can be summed up."""


def register(app: web.Application) -> None:
    """Add the handlers."""
    app.router.add_get("/verdicts", verdicts)
    app.router.add_get("/use", use)
    app.router.add_get("/problems", problems)
    app.router.add_get("/settings", settings)


async def verdicts(request: web.Request) -> web.Response:
    """Rated answers, the newest verdict first, with the prompts of the bad ones."""
    state = request.app[STATE]
    only = {"good": 1, "bad": -1}.get(request.query.get("only", ""), 0)
    try:
        page = await store_of(state).rated(only, before=_before(request), limit=PAGE + 1)
    except StorageError as error:
        raise _failed(error) from error
    shown = page[:PAGE]
    values = {
        "only": request.query.get("only", "") if only else "",
        "answers": [(one, _messages(one.prompt)) for one in shown],
        "older": shown[-1].rated_at.isoformat() if len(page) > PAGE else "",
    }
    return await state.render(request, "verdicts.html", values)


def _messages(prompt: Any) -> list[dict[str, str]]:
    return prompts.messages(prompt.prompt) if prompt is not None else []


def _before(request: web.Request) -> datetime | None:
    """The time that a page of the list begins before; None for the first page."""
    try:
        moment = datetime.fromisoformat(request.query.get("before", ""))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


async def use(request: web.Request) -> web.Response:
    """Who and which place used how much, and how much was used on each day."""
    state = request.app[STATE]
    store = store_of(state)
    given = request.query.get("days", "")
    days = int(given) if given in map(str, DAYS) else 30
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    try:
        values = {
            by.value: await store.use(by, since, limit=USERS if by is not By.DAY else 366)
            for by in By
        }
    except StorageError as error:
        raise _failed(error) from error
    return await state.render(request, "use.html", {**values, "days": days, "choices": DAYS})


async def problems(request: web.Request) -> web.Response:
    """The last warnings and errors of the log."""
    newest = request.app[PROBLEMS].newest
    return await request.app[STATE].render(request, "problems.html", {"problems": newest})


# ---------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting."""

    section: str
    name: str
    value: str
    origin: str


def in_force(settings: Settings) -> list[InForce]:
    """Every setting with its value and where it comes from. Of a secret only whether it is set."""
    return list(_settings(settings, settings, ()))


def _settings(whole: Settings, section: BaseModel, keys: tuple[str, ...]) -> Iterator[InForce]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _settings(whole, value, (*keys, name))
        elif isinstance(value, dict):  # tables by name
            for each, table in value.items():
                yield from _settings(whole, table, (*keys, name, each))
        else:
            origin = whole.origin(*keys, name)
            yield InForce(".".join(keys), name, _shown(value), origin)


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset | tuple | list):
        return ", ".join(sorted(without_passwords(str(each)) for each in value))
    return without_passwords(str(value))


async def settings(request: web.Request) -> web.Response:
    """The settings in force, and where each comes from."""
    state = request.app[STATE]
    own = state.live.settings
    file = str(own.file) if own.file else ""
    return await state.render(request, "settings.html", {"settings": in_force(own), "file": file})


def _failed(error: StorageError) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"The database failed: {error}\n")

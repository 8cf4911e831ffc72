"""`parley run`: Parley on every platform that the settings give a token for."""

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

import typer

from bot.config import Settings
from bot.errors import ConfigError, ParleyError
from parley.app import Parley, parley
from parley.locks import serving

logger = logging.getLogger(__name__)


class Serve(Protocol):
    """What each platform's adapter has: answer there until cancelled, and say once when it does."""

    async def __call__(
        self, parley: Parley, settings: Settings, *, ready: Callable[[str], None]
    ) -> None: ...


async def run_all(settings: Settings) -> None:
    """Answer everywhere until cancelled. Raises ConfigError where no platform is configured, Busy
    where another `parley run` serves one of them with this database, and what the platforms raised
    once none is left."""
    platforms = configured(settings)
    with serving(settings, platforms) as tell:
        typer.echo(f"Loading {settings.model.name} …")
        async with parley(settings) as running:
            tell(running.engine.status.model)
            await serve_all(running, settings, platforms, ready=typer.echo)


def set_up(settings: Settings) -> dict[str, bool]:
    """Each platform, and whether the settings give a token for it."""
    return {
        "Discord": bool(settings.discord.token.get_secret_value()),
        "Slack": settings.slack.on,
    }


def configured(settings: Settings) -> dict[str, Serve]:
    """The platforms that have a token, by name. Imports only these. Raises ConfigError."""
    names = [name for name, on in set_up(settings).items() if on]
    if not names:
        raise ConfigError(
            "No platform is set up. Put a token into PARLEY_DISCORD__TOKEN, or PARLEY_SLACK__"
            "BOT_TOKEN and PARLEY_SLACK__APP_TOKEN; “parley config example” says where they come "
            "from. To try Parley without a platform: parley chat."
        )
    return {name: import_module(f"adapters.{name.lower()}.serve").serve for name in names}


async def serve_all(
    running: Parley,
    settings: Settings,
    platforms: dict[str, Serve],
    *,
    ready: Callable[[str], None],
) -> None:
    """Serve all of them until cancelled. One that cannot go on is told to the log, and the others
    do; raises the errors, in a group, when none is left."""
    errors: list[ParleyError] = []

    async def one(name: str, serve: Serve) -> None:
        try:
            await serve(running, settings, ready=ready)
        except ParleyError as error:
            errors.append(error)
            if len(errors) < len(platforms):
                logger.error("%s is given up: %s", name, error)

    async with asyncio.TaskGroup() as tasks:
        for name, serve in platforms.items():
            tasks.create_task(one(name, serve), name=name)
    if errors:
        raise ExceptionGroup("no platform is left", errors[-1:])

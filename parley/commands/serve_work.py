"""Runs `parley run`: one adapter task for each platform that has a token."""

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

import typer

from bot.config import Settings
from bot.errors import ConfigError, ParleyError
from parley.app import Parley, open_parley
from parley.locks import instance_lock

logger = logging.getLogger(__name__)


class Serve(Protocol):
    """The function ``serve`` of ``adapters.<platform>.serve``."""

    async def __call__(
        self, parley: Parley, settings: Settings, *, ready: Callable[[str], None]
    ) -> None:
        """Answer on the platform until cancelled. Calls `ready` once, with a line about the
        connection, when it is connected. Raises ParleyError where it cannot go on."""
        ...


async def serve_platforms(settings: Settings) -> None:
    """Answer on every platform that has a token, until cancelled. Raises ConfigError where none
    has one, Busy where another `parley run` serves one of them with this database, and the last
    platform's error when all have failed."""
    platforms = load_platforms(settings)
    with instance_lock(settings, platforms) as publish:
        typer.echo(f"Loading {settings.model.name} …")
        async with open_parley(settings) as parley:
            publish(parley.engine.status.model)
            await serve_all(parley, settings, platforms, ready=typer.echo)


def configured_platforms(settings: Settings) -> dict[str, bool]:
    """Every platform by its name, and whether the settings hold a token for it."""
    return {
        "Discord": bool(settings.discord.token.get_secret_value()),
        "Slack": settings.slack.on,
    }


def load_platforms(settings: Settings) -> dict[str, Serve]:
    """Import the adapters of the platforms that have a token, and only those. Raises ConfigError
    where there is none."""
    names = [name for name, on in configured_platforms(settings).items() if on]
    if not names:
        raise ConfigError(
            "No platform is configured. Set PARLEY_DISCORD__TOKEN, or PARLEY_SLACK__BOT_TOKEN and "
            "PARLEY_SLACK__APP_TOKEN, or let “parley setup” ask for them and say where they are. "
            "To try Parley without a platform: parley chat."
        )
    return {name: import_module(f"adapters.{name.lower()}.serve").serve for name in names}


async def serve_all(
    parley: Parley,
    settings: Settings,
    platforms: dict[str, Serve],
    *,
    ready: Callable[[str], None],
) -> None:
    """Serve all platforms until cancelled. A platform that raises is logged and stopped, and the
    others continue. When all have failed, raises the last error in a group."""
    errors: list[Exception] = []

    async def serve_one(name: str, serve: Serve) -> None:
        try:
            await serve(parley, settings, ready=ready)
        except ParleyError as error:
            errors.append(error)
            if len(errors) < len(platforms):
                logger.error("%s stopped, the other platforms continue: %s", name, error)
        except Exception as error:  # a defect of one adapter ends no other
            errors.append(error)
            logger.exception("%s stopped by a defect of Parley", name)

    async with asyncio.TaskGroup() as tasks:
        for name, serve in platforms.items():
            tasks.create_task(serve_one(name, serve), name=name)
    if errors:
        raise ExceptionGroup("all platforms have failed", errors[-1:])

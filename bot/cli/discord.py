"""`parley discord`: what is done with Discord once."""

import re

import typer

from adapters.discord import invite_link, sync_commands
from bot.config import Settings


async def sync(settings: Settings, guild: str) -> None:
    """Tell Discord the commands, everywhere or in one server."""
    if guild and not re.fullmatch("[0-9]{1,20}", guild):
        raise typer.BadParameter(f"{guild!r} is no server's id; that is a number")
    count = await sync_commands(settings, guild)
    where = f"in server {guild}" if guild else "everywhere"
    typer.echo(f"Discord knows {count} commands of Parley {where} now.")


async def invite(settings: Settings) -> None:
    """Print the link with which Parley is added to a server."""
    typer.echo(await invite_link(settings))

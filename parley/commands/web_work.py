"""What `parley web` does."""

import sys
from pathlib import Path

import typer

from bot.config import load
from bot.errors import ConfigError
from parley.web.local import new_link
from parley.web.password import hash_of


async def print_link(config: Path | None) -> None:
    """Ask the running Parley for a one-time link. Raises ConfigError where there is none."""
    address, seconds = await new_link(load(config))
    typer.echo(address)
    typer.echo(f"It logs in once, within {seconds / 60:.0f} minutes.", err=True)


def print_hash(config: Path | None) -> None:
    """Ask for a password twice on a terminal, or read it from the first line of a pipe, and print
    the line for the settings. The password is shown and stored nowhere. Raises ConfigError."""
    load(config)
    given = _typed() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    hashed = hash_of(given)
    typer.echo("Set this environment variable for parley run, or password_hash in [web]:", err=True)
    typer.echo(f"PARLEY_WEB__PASSWORD_HASH='{hashed}'")


def _typed() -> str:
    given: str = typer.prompt("Password", hide_input=True, err=True)
    if given != typer.prompt("Again", hide_input=True, err=True):
        raise ConfigError("The two passwords differ. Nothing was changed.")
    return given
